"""From a pipeline's manifest and what AWS knows of its environments to its stack."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from copilot.aws import names
from copilot.aws.applications import Applications, RegionalResources
from copilot.aws.client import Aws
from copilot.aws.connections import Connection, Connections
from copilot.aws.overrides import overridden, pipeline_overrides
from copilot.aws.records import EnvironmentRecord
from copilot.aws.stack_templates import LARGEST_TEMPLATE
from copilot.aws.stacks import Stacks
from copilot.aws.store import Store
from copilot.aws.templates.pipeline.settings import ArtifactStore, PipelineEnvironment, PipelineSettings, source_kind
from copilot.aws.templates.pipeline.stack import pipeline_stack
from copilot.aws.templates.rendering import render
from copilot.errors import ManifestError, NotFoundError, PlanError, Problem, UnsupportedError
from copilot.manifest.loader import Document
from copilot.manifest.pipeline import PipelineManifest
from copilot.release.plan import Plan
from copilot.validation import check_pipeline
from copilot.workspace import PipelineFiles, Workspace

_AT_ONCE = 8
"""How many regions are asked at once."""
_STACK_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,127}")


@dataclass(frozen=True)
class PipelinePackage:
    """The stack of a pipeline, as text and values.

    Attributes:
        pipeline: What its manifest calls it.
        stack_name: The stack.
        template: YAML.
        parameters: Of the template.
        tags: Of the stack.
        bucket: The application's, in the region of the pipeline: where a template goes that is too big to be sent along.
        plan: What the template was made from.
        manifest: Likewise.
        connection: The connection that the manifest names; None if it names none.
    """

    pipeline: str
    stack_name: str
    template: str
    parameters: Mapping[str, str]
    tags: Mapping[str, str]
    bucket: str
    plan: Plan
    manifest: PipelineManifest
    connection: Connection | None = None

    @property
    def configuration(self) -> str:
        """Parameters and tags as JSON."""
        return json.dumps({"Parameters": dict(self.parameters), "Tags": dict(self.tags)}, indent=2) + "\n"

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write ``<pipeline>.pipeline.stack.yml`` and ``….params.json``."""
        folder.mkdir(parents=True, exist_ok=True)
        stem = f"{self.pipeline}.pipeline"
        template, configuration = folder / f"{stem}.stack.yml", folder / f"{stem}.params.json"
        template.write_text(self.template, "utf-8")
        configuration.write_text(self.configuration, "utf-8")
        return template, configuration


def package_pipeline(aws: Aws, workspace: Workspace, files: PipelineFiles) -> PipelinePackage:
    """The stack of a pipeline. Nothing is changed on AWS.

    Args:
        aws: The application's account, in the region that the pipeline is to be in.
        workspace: The repository.
        files: The pipeline's.

    Raises:
        ManifestError: With everything that is wrong in the files that the pipeline is made of, and all that AWS could not do.
        NotFoundError: There is no such application; or it has no bucket in a region, or an environment no roles.
        UnsupportedError: The template is too big for CloudFormation.
        EngineUnavailableError: AWS refuses, or does not answer.
    """
    store = Store(aws)
    application = store.application(workspace.application)
    records = {record.name: record for record in store.environments(application.name)}
    document, plan = check_pipeline(workspace, files, list(records), engine="aws")
    environments = {name: _environment(records[name]) for name in plan.environments}
    regions = sorted({aws.region, *(environment.region for environment in environments.values())})
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        resources = list(pool.map(lambda region: Applications(aws).resources(application.name, region), regions))
    connection = _connection(aws, document)
    settings = PipelineSettings(
        plan,
        document.model,
        aws.region,
        environments,
        {each.region: _store(each) for each in resources},
        connection_arn=connection.arn if connection is not None else None,
        oldest_layout=_oldest_layout(aws, application.name, plan.pipeline),
        permissions_boundary=application.permissions_boundary or None,
        tags=application.tags,
    )
    try:
        made = pipeline_stack(settings)
    except PlanError as error:
        raise ManifestError([document.diagnostic(problem) for problem in error.problems]) from None
    template = overridden(pipeline_overrides(workspace, files), render(made.template))
    check_size(settings.stack_name, template)
    return PipelinePackage(
        plan.pipeline,
        settings.stack_name,
        template,
        made.parameters,
        made.tags,
        bucket=settings.stores[aws.region].bucket,
        plan=plan,
        manifest=document.model,
        connection=connection,
    )


def _environment(record: EnvironmentRecord) -> PipelineEnvironment:
    if not record.manager_role or not record.execution_role:
        raise NotFoundError(
            f"environment `{record.name}` has no roles that a pipeline could take",
            hint=f"`copilot env init --name {record.name}` makes them",
        )
    return PipelineEnvironment(record.name, record.region, record.account, record.manager_role, record.execution_role)


def _store(resources: RegionalResources) -> ArtifactStore:
    return ArtifactStore(resources.region, resources.bucket, resources.key_arn)


def _connection(aws: Aws, document: Document[PipelineManifest]) -> Connection | None:
    """The connection that the manifest names."""
    name = document.model.source.properties.connection_name
    if name is None or source_kind(document.model.source) != "connection":
        return None
    connections = Connections(aws)
    found = connections.find(name)
    if found is not None:
        return found
    known = sorted(each.name for each in connections.all())
    hint = f"there is: {', '.join(known)}" if known else "there is none yet; make one in the console"
    message = f"there is no connection `{name}` in account {aws.account}, region {aws.region}"
    raise ManifestError([document.diagnostic(Problem(("source", "properties", "connection_name"), message, hint))])


def _oldest_layout(aws: Aws, application: str, pipeline: str) -> bool:
    """Whether a pipeline stands in a stack that is called as the manifest says, as early versions of AWS Copilot made them.

    Such a stack has no tag with the pipeline's name, whichever version updated it last.
    """
    if not _STACK_NAME.fullmatch(pipeline):
        return False
    stack = Stacks(aws).find(pipeline)
    others = {names.ENVIRONMENT_TAG, names.SERVICE_TAG, names.PIPELINE_TAG}
    return stack is not None and stack.tags.get(names.APPLICATION_TAG) == application and not others & set(stack.tags)


def check_size(stack: str, template: str) -> None:
    """Raises UnsupportedError for a template of a pipeline that CloudFormation would not take.

    It has no more than 500 resources: long before that, the pipeline's role could not name its projects.
    """
    size = len(template.encode())
    if size > LARGEST_TEMPLATE:
        raise UnsupportedError(
            f"the template of stack `{stack}` has {size:,} bytes; CloudFormation takes at most {LARGEST_TEMPLATE:,}",
            hint="divide the pipeline into several, each with some of the environments or workloads",
        )
