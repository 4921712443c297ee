"""From a pipeline's manifest and what AWS knows of its environments to its stack."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from copilot.aws.client import Aws
from copilot.aws.connections import Connection
from copilot.aws.overrides import check_overrides, overridden, pipeline_overrides
from copilot.aws.pipeline_lookup import Lookup, look_up
from copilot.aws.regional_resources import regional_resources
from copilot.aws.stack_templates import LARGEST_TEMPLATE, MOST_RESOURCES
from copilot.aws.store import Store
from copilot.aws.templates.pipeline.checks import problems
from copilot.aws.templates.pipeline.settings import ArtifactStore, PipelineSettings
from copilot.aws.templates.pipeline.stack import pipeline_stack
from copilot.aws.templates.reading import read_template
from copilot.aws.templates.rendering import render
from copilot.errors import Diagnostic, ManifestError, Problem, UnsupportedError
from copilot.manifest.pipeline import PipelineManifest
from copilot.release.plan import Plan
from copilot.validation import check_pipeline
from copilot.workspace import PipelineFiles, Workspace

_TYPE = "\n    Type: "


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
    """

    pipeline: str
    stack_name: str
    template: str
    parameters: Mapping[str, str]
    tags: Mapping[str, str]
    bucket: str

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


@dataclass(frozen=True)
class Inspection:
    """A pipeline that is right, as far as can be known before anything is made.

    Attributes:
        plan: What it does.
        shown_as: Its manifest, as a person is shown it.
        connection: The connection that the manifest names; None if it names none.
        missing_regions: Where the application has no bucket and no key yet. They must be made before the stack is.
    """

    plan: Plan
    shown_as: str
    connection: Connection | None
    missing_regions: tuple[str, ...]
    _aws: Aws
    _settings: PipelineSettings
    _overrides: Path

    @property
    def stack_name(self) -> str:
        """The name of its stack."""
        return self._settings.stack_name

    def package(self) -> PipelinePackage:
        """Its stack. Nothing is changed on AWS.

        Raises:
            NotFoundError: The application has no bucket in a region still.
            UnsupportedError: The template is too big for CloudFormation.
            ManifestError: An override does not fit the template.
        """
        settings = self._with_all_stores()
        made = pipeline_stack(settings)
        template = overridden(self._overrides, render(made.template))
        check_size(settings.stack_name, template)
        bucket = settings.stores[self._aws.region].bucket
        return PipelinePackage(self.plan.pipeline, settings.stack_name, template, made.parameters, made.tags, bucket)

    def _with_all_stores(self) -> PipelineSettings:
        stores = dict(self._settings.stores)
        for region in self.missing_regions:
            made = regional_resources(self._aws, self.plan.application, region)
            stores[region] = ArtifactStore(made.region, made.bucket, made.key_arn)
        return replace(self._settings, stores=stores)


def inspect_pipeline(aws: Aws, workspace: Workspace, files: PipelineFiles, *, to_run: bool) -> Inspection:
    """Check all that a pipeline is made of. Nothing is changed on AWS.

    Args:
        aws: The application's account, in the region that the pipeline is to be in.
        workspace: The repository.
        files: The pipeline's.
        to_run: Whether what is missing counts that only a pipeline needs that is to run.

    Raises:
        ManifestError: With everything that is wrong in the files that the pipeline is made of, and all that AWS could not do or
            does not have.
        NotFoundError: There is no such application.
        EngineUnavailableError: AWS refuses, or does not answer.
    """
    store = Store(aws)
    application = store.application(workspace.application)
    records = {record.name: record for record in store.environments(application.name)}
    looked_up: list[Lookup] = []

    def refusals(manifest: PipelineManifest, plan: Plan) -> list[Problem]:
        found = look_up(aws, application, records, manifest, plan)
        looked_up.append(found)
        return [*found.problems, *(found.lacking if to_run else ()), *problems(found.settings)]

    document, plan = check_pipeline(workspace, files, list(records), engine="aws", refusals=refusals)
    (found,) = looked_up
    if found.failures:
        raise found.failures[0]
    settings = replace(found.settings, plan=plan)
    faults = override_faults(workspace, files, settings)
    if faults:
        raise ManifestError(faults)
    return Inspection(
        plan,
        document.shown_as,
        found.connection,
        found.missing_regions,
        aws,
        settings,
        pipeline_overrides(workspace, files),
    )


def override_faults(workspace: Workspace, files: PipelineFiles, settings: PipelineSettings) -> list[Diagnostic]:
    """What is wrong with the overrides of a pipeline.

    Whether they fit its template is known without AWS: only values differ where something stands in for what is there.

    Args:
        workspace: The repository.
        files: The pipeline's.
        settings: The pipeline as it is to be. If AWS would refuse it, there is no template to fit.
    """
    folder = pipeline_overrides(workspace, files)
    found = check_overrides(folder)
    if found or not folder.is_dir() or problems(settings):
        return found
    try:
        overridden(folder, render(pipeline_stack(settings).template))
    except ManifestError as error:
        return list(error.diagnostics)
    return []


def package_pipeline(aws: Aws, workspace: Workspace, files: PipelineFiles) -> PipelinePackage:
    """The stack of a pipeline, as a template. Raises as `inspect_pipeline` and `Inspection.package` do."""
    return inspect_pipeline(aws, workspace, files, to_run=False).package()


def check_size(stack: str, template: str) -> None:
    """Raises UnsupportedError for a template of a pipeline that CloudFormation would not take.

    Without overrides it has no more than 500 resources: long before that, the pipeline's role could not name its projects.
    """
    size, resources = len(template.encode()), 0
    # Reading a template takes longer than all else; each resource has a type in a line of its own.
    if template.count(_TYPE) > MOST_RESOURCES:
        resources = len(read_template(template)["Resources"])
    if size > LARGEST_TEMPLATE:
        what = f"{size:,} bytes; CloudFormation takes at most {LARGEST_TEMPLATE:,}"
    elif resources > MOST_RESOURCES:
        what = f"{resources} resources; CloudFormation takes at most {MOST_RESOURCES}"
    else:
        return
    raise UnsupportedError(
        f"the template of stack `{stack}` has {what}",
        hint="divide the pipeline into several, each with some of the environments or workloads",
    )
