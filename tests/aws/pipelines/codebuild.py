"""CodeBuild in moto: projects in stacks, and builds that something else runs."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from moto.codebuild import urls as codebuild_urls
from moto.codebuild.models import CodeBuild, CodeBuildBackend, codebuild_backends
from moto.core.common_models import CloudFormationModel
from moto.core.utils import unix_time

from tests.aws.pipelines.declarations import project_of


class Project(CloudFormationModel):
    """A project in a stack."""

    def __init__(self, name: str, arn: str) -> None:
        self.name, self.arn = name, arn

    @property
    def physical_resource_id(self) -> str:
        return self.name

    @staticmethod
    def cloudformation_name_type() -> str:
        return "Name"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::CodeBuild::Project"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr in {"Arn", "Id"}

    def get_cfn_attribute(self, attribute_name: str) -> str:
        return self.arn if attribute_name == "Arn" else self.name

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **more: Any
    ) -> Project:
        backend: Any = codebuild_backends[account_id][region_name]
        if resource_name in backend.codebuild_projects:
            raise RuntimeError(f"Project already exists: {resource_name}")
        return cls(resource_name, backend.put(resource_name, cloudformation_json["Properties"]).arn)

    @classmethod
    def update_from_cloudformation_json(
        cls, /, original_resource: Project, new_resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> Project:
        properties = cloudformation_json["Properties"]
        if properties.get("Name", original_resource.name) != original_resource.name:
            made = cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)
            original_resource.delete(account_id, region_name)
            return made
        backend: Any = codebuild_backends[account_id][region_name]
        backend.put(original_resource.name, properties)
        return original_resource

    def delete(self, account_id: str, region_name: str) -> None:
        codebuild_backends[account_id][region_name].delete_project(self.name)


class Builds(CodeBuildBackend):
    """The projects and builds of a region. Builds that were not started by a pipeline are moto's, and do nothing."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.builds: dict[str, dict[str, Any]] = {}

    @property
    def _url_module(self) -> Any:
        return SimpleNamespace(url_bases=codebuild_urls.url_bases, url_paths=codebuild_urls.url_paths)

    def put(self, name: str, properties: Mapping[str, Any]) -> CodeBuild:
        """Make or change a project."""
        wanted = project_of(properties)
        there = self.codebuild_projects.get(name)
        project = CodeBuild(
            self.account_id,
            self.region_name,
            name,
            wanted.pop("description", None),
            wanted.pop("source"),
            wanted.pop("artifacts"),
            wanted.pop("environment"),
            wanted.pop("serviceRole"),
        )
        more = {key: value for key, value in wanted.items() if key != "name"}
        project.project_metadata |= {"timeoutInMinutes": 60, "queuedTimeoutInMinutes": 480, **more}
        if there is not None:
            project.project_metadata["created"] = there.project_metadata["created"]
            project.project_metadata["lastModifiedDate"] = unix_time()
        self.codebuild_projects[name] = project
        self.build_history.setdefault(name, [])
        return project

    def batch_get_builds(self, ids: list[str]) -> list[dict[str, Any]]:
        return [self.builds[each] for each in ids if each in self.builds] + super().batch_get_builds(ids)
