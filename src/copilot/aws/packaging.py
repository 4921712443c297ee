"""From the manifests of a repository to the stacks of its workloads: loading, images, uploads, templates."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from copilot.aws import names
from copilot.aws.client import Aws
from copilot.aws.envfiles import ArtifactBucket, addons_key, env_file_key, upload_addons_template, upload_env_files
from copilot.aws.environment_facts import environment_facts
from copilot.aws.overrides import check_overrides, overridden, workload_overrides
from copilot.aws.records import ApplicationRecord, EnvironmentRecord
from copilot.aws.regional_resources import RegionalResources, regional_resources
from copilot.aws.stack_values import StackRequest
from copilot.aws.store import Store
from copilot.aws.templates.rendering import render
from copilot.aws.templates.workload.addon_folder import AddonsTemplate, read_addons
from copilot.aws.templates.workload.settings import Addons, EnvironmentFacts, WorkloadSettings
from copilot.aws.templates.workload.stack import workload_stack
from copilot.errors import Diagnostic, ManifestError, NotFoundError
from copilot.manifest.image import ImageSource
from copilot.manifest.workload import Workload, WorkloadDocument, read_env_files
from copilot.workload_checks import engine_faults, load_named_workload
from copilot.workspace import Workspace

_AT_ONCE = 8

Target = tuple[str, str]
"""A workload and an environment."""


@dataclass(frozen=True)
class Images:
    """The images of a workload's containers, as a task definition names them. ``main`` None: as the manifest says."""

    main: str | None
    sidecars: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Package:
    """The stack of a workload in an environment, as text and values."""

    workload: str
    environment: str
    template: str
    parameters: Mapping[str, str]
    tags: Mapping[str, str]

    @property
    def configuration(self) -> str:
        """Parameters and tags as CodePipeline takes them: the text of ``<workload>-<environment>.params.json``."""
        return json.dumps({"Parameters": dict(self.parameters), "Tags": dict(self.tags)}, indent=2) + "\n"

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write ``<workload>-<environment>.stack.yml`` and ``….params.json``, as AWS Copilot calls them."""
        folder.mkdir(parents=True, exist_ok=True)
        stem = f"{self.workload}-{self.environment}"
        template, configuration = folder / f"{stem}.stack.yml", folder / f"{stem}.params.json"
        template.write_text(self.template, "utf-8")
        configuration.write_text(self.configuration, "utf-8")
        return template, configuration


@dataclass(frozen=True)
class Place:
    """An environment that something is deployed to, with all that is known of it."""

    record: EnvironmentRecord
    aws: Aws
    facts: EnvironmentFacts
    resources: RegionalResources


class Packager:
    """Makes the stacks of a repository's workloads.

    Args:
        aws: Who works on the application.
        workspace: The repository.
    """

    def __init__(self, aws: Aws, workspace: Workspace) -> None:
        self._aws = aws
        self.workspace = workspace
        self._store = Store(aws)
        self._places: dict[str, Place] = {}
        self._rule_places: dict[str, int] = {}
        self._buckets: dict[str, ArtifactBucket] = {}
        self._addons_templates: dict[str, AddonsTemplate | None] = {}
        self._uploaded: set[tuple[str, ...]] = set()

    @property
    def application(self) -> str:
        """The workspace's."""
        return self.workspace.application

    @cached_property
    def _record(self) -> ApplicationRecord:
        return self._store.application(self.application)

    def place(self, environment: str) -> Place:
        """What is known of an environment. Raises NotFoundError."""
        self.look_up([environment])
        return self._places[environment]

    def look_up(self, environments: Iterable[str]) -> None:
        """Ask AWS about several environments at once.

        Raises:
            NotFoundError: There is no such environment, or its stack is gone.
            ConflictError: One was not deployed yet.
        """
        app = self.application
        unknown = [name for name in dict.fromkeys(environments) if name not in self._places]
        if not unknown:
            return
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="place") as pool:
            application = pool.submit(lambda: self._record)
            records = list(pool.map(lambda name: self._store.environment(app, name), unknown))
            regions = list(dict.fromkeys(record.region for record in records))
            found = pool.map(lambda region: regional_resources(self._aws, app, region), regions)
            places = pool.map(lambda record: self._inside(application.result(), record), records)
            resources = dict(zip(regions, found, strict=True))
            for record, (aws, facts) in zip(records, places, strict=True):
                self._places[record.name] = Place(record, aws, facts, resources[record.region])

    def _inside(self, application: ApplicationRecord, record: EnvironmentRecord) -> tuple[Aws, EnvironmentFacts]:
        aws = self._aws.assumed(record.manager_role, record.region)
        return aws, environment_facts(application, record, aws)

    def load(self, targets: Iterable[Target]) -> dict[Target, WorkloadDocument]:
        """The manifests of workloads, checked for the environments that they go to, with what they name in this repository.

        Raises:
            ManifestError: With everything that is wrong in any of them.
        """
        documents: dict[str, WorkloadDocument | None] = {}
        found: dict[Target, WorkloadDocument] = {}
        diagnostics: list[Diagnostic] = []
        for name, environment in targets:
            try:
                if name not in documents:
                    documents[name] = None
                    documents[name] = load_named_workload(self.workspace, name)
                    diagnostics += check_overrides(workload_overrides(self.workspace, name))
                document = documents[name]
                if document is not None:
                    found[name, environment] = document
                    diagnostics += engine_faults(document, application=self.application, environment=environment, engine="aws")
                    read_env_files(document, self.workspace.root, self.application, environment)
                    self._addons_template(name)
            except ManifestError as error:
                diagnostics += error.diagnostics
        if diagnostics:
            raise ManifestError(list(dict.fromkeys(diagnostics)))
        return found

    def addons_faults(self) -> list[Diagnostic]:
        """What is wrong with the addons of any workload of the repository."""
        found: list[Diagnostic] = []
        for name in self.workspace.workloads():
            try:
                self._addons_template(name)
            except ManifestError as error:
                found += error.diagnostics
        return found

    def named(self, documents: Mapping[Target, WorkloadDocument], tag: str | None = None) -> dict[Target, Images]:
        """What images will be called, without building or pushing any."""
        found = {}
        for (name, environment), document in documents.items():
            manifest = document.model.resolved(environment, self.application)
            built = [container for container, source in sources(manifest).items() if source.build is not None]
            # Who builds nothing needs no repository.
            uri = self.repository_uri(name, environment) if built else ""
            references = {c: f"{uri}:{'' if c == name else f'{c}-'}{tag or names.LATEST}" for c in built}
            found[name, environment] = images_of(name, references)
        return found

    def package(self, target: Target, document: WorkloadDocument, images: Images, *, upload: bool) -> Package:
        """The stack of a workload.

        Args:
            target: The workload and the environment.
            document: Its manifest.
            images: Its images.
            upload: Whether what its template names in S3 is put there, and the place of its listener rules claimed. Otherwise
                nothing is changed on AWS.

        Raises:
            ManifestError: Something is wrong with its addons or overrides.
            UnsupportedError: It asks for something that the environment does not have.
            EngineUnavailableError: AWS refuses, or does not answer.
        """
        if upload:
            self.upload(target, document)
        name, environment = target
        place = self.place(environment)
        manifest = document.model.resolved(environment, self.application)
        bucket = self._bucket(place)
        settings = WorkloadSettings(
            application=self.application,
            environment=environment,
            manifest=manifest,
            manifest_text=document.text,
            facts=place.facts,
            image=images.main,
            sidecar_images=images.sidecars,
            env_files=self._env_files(manifest, bucket),
            rule_place=self._rule_place(manifest, claim=upload) if _has_rules(manifest) else 0,
            artifact_key=place.resources.key_arn,
            addons=self._addons(name, bucket),
            permissions_boundary=self._record.permissions_boundary or None,
            tags=self._record.tags,
        )
        made = workload_stack(settings)
        template = overridden(workload_overrides(self.workspace, name), render(made.template))
        return Package(name, environment, template, made.parameters, made.tags)

    def upload(self, target: Target, document: WorkloadDocument) -> None:
        """Put what the template of a workload names in S3 where it names it, once for all environments of a region.

        Raises:
            ManifestError: Something is wrong with its addons.
            CopilotError: A file cannot be read, or AWS refuses.
        """
        name, environment = target
        manifest = document.model.resolved(environment, self.application)
        bucket = self._bucket(self.place(environment))
        what = (name, bucket.name, *manifest.env_files.values())
        if what in self._uploaded:
            return
        upload_env_files(bucket, self.workspace.root, manifest.env_files)
        addons = self._addons_template(name)
        if addons is not None:
            upload_addons_template(bucket, name, addons.text)
        self._uploaded.add(what)

    def request(self, package: Package, *, tags: Mapping[str, str], rollback: bool) -> StackRequest:
        """What CloudFormation is asked for to deploy a package."""
        place = self.place(package.environment)
        return StackRequest(
            name=names.workload_stack(self.application, package.environment, package.workload),
            template=package.template,
            parameters=package.parameters,
            tags={**tags, **package.tags},
            role_arn=place.record.execution_role,
            bucket=place.resources.bucket,
            rollback=rollback,
        )

    def repository_uri(self, workload: str, environment: str) -> str:
        """Where an environment takes a workload's images from. Raises NotFoundError."""
        place = self.place(environment)
        uri = place.resources.repositories.get(workload)
        if uri is None:
            raise NotFoundError(
                f"application `{self.application}` has no ECR repository for `{workload}` in {place.record.region}",
                hint=f"make one: `copilot svc init --name {workload}`",
            )
        return uri

    def claim_rule_places(self, documents: Mapping[Target, WorkloadDocument]) -> None:
        """Settle the priorities of all listener rules in one go: asked for one by one, a hundred services take minutes.

        Raises:
            ConflictError: There are too many.
        """
        resolved = (document.model.resolved(environment, self.application) for (_, environment), document in documents.items())
        routed = list(dict.fromkeys(manifest.name for manifest in resolved if _has_rules(manifest)))
        self._rule_places |= self._store.claim_rule_places(self.application, routed)

    def _rule_place(self, manifest: Workload, *, claim: bool) -> int:
        if manifest.name not in self._rule_places:
            ask = self._store.claim_rule_place if claim else self._store.expected_rule_place
            self._rule_places[manifest.name] = ask(self.application, manifest.name)
        return self._rule_places[manifest.name]

    def _bucket(self, place: Place) -> ArtifactBucket:
        region = place.record.region
        if region not in self._buckets:
            self._buckets[region] = ArtifactBucket(self._aws.in_region(region), place.resources.bucket)
        return self._buckets[region]

    def _env_files(self, manifest: Workload, bucket: ArtifactBucket) -> dict[str, str]:
        root = self.workspace.root
        contents = {container: (path, (root / path).read_bytes()) for container, path in manifest.env_files.items()}
        return {container: bucket.arn(env_file_key(*found)) for container, found in contents.items()}

    def _addons(self, workload: str, bucket: ArtifactBucket) -> Addons | None:
        addons = self._addons_template(workload)
        if addons is None:
            return None
        return Addons(bucket.url(addons_key(workload, addons.text.encode())), addons.parameters, addons.outputs)

    def _addons_template(self, workload: str) -> AddonsTemplate | None:
        if workload not in self._addons_templates:
            self._addons_templates[workload] = read_addons(self.workspace.folder / workload / "addons")
        return self._addons_templates[workload]


def sources(manifest: Workload) -> dict[str, ImageSource]:
    """Where the image of each container comes from."""
    return {manifest.name: manifest.image, **{name: sidecar.image for name, sidecar in manifest.sidecars.items()}}


def _has_rules(manifest: Workload) -> bool:
    return getattr(manifest, "http", None) is not None


def images_of(workload: str, references: Mapping[str, str]) -> Images:
    """The images of a workload from those of its containers that are built, by container."""
    sidecars = {container: reference for container, reference in references.items() if container != workload}
    return Images(references.get(workload), sidecars)
