"""``copilot pipeline build`` on AWS."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from copilot.cli._output import out, say_done
from copilot.cli.deploy import revision_of
from copilot.cli.pipeline._manifest import choose_files, own_workspace
from copilot.cli.pipeline.build import deployment_targets
from copilot.errors import CopilotError, EngineUnavailableError, ManifestError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from copilot.aws.packaging import Images, Package, Packager, Target
    from copilot.cli._context import Context
    from copilot.manifest.workload import WorkloadDocument
    from copilot.workspace import Workspace

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_BY_PIPELINE = "codepipeline/"
_RESOURCE = "-Pipeline-"
"""What CloudFormation puts after the stack's name to name a pipeline, before what makes the name unique."""


def build(context: Context, name: str | None, output_dir: Path) -> None:
    """Check everything, then build each image once, push it, and write the stack of each workload in each environment."""
    from copilot.aws.packaging import Packager
    from copilot.aws.publishing import publish

    workspace = own_workspace(context)
    packager = Packager(context.account, workspace)
    try:
        pipeline, targets = _targets(context, workspace, name)
    except ManifestError as error:
        # Who mends a manifest wants to hear of the rest now.
        raise ManifestError([*error.diagnostics, *packager.addons_faults()]) from None
    documents = packager.load(targets)
    _check_added(context, documents)
    packager.look_up(environment for _, environment in targets)
    packager.claim_rule_places(documents)
    # Nobody should wait for images of a stack that cannot be made.
    named = packager.named(documents)
    packages = _packages(packager, documents, named)
    images = publish(context.account, packager, documents, out, revision=_revision(workspace), execution=_execution(pipeline))
    built = {target: document for target, document in documents.items() if images[target] != named[target]}
    packages |= _packages(packager, built, images)
    _each(documents, "upload", lambda target: packager.upload(target, documents[target]))
    for package in packages.values():
        package.write(output_dir)
    count = len({each.rpartition("@")[2] for found in images.values() for each in (found.main, *found.sidecars.values()) if each})
    say_done(f"{count} image{'' if count == 1 else 's'}, {len(packages)} stacks to deploy in {output_dir}")


def _targets(context: Context, workspace: Workspace, name: str | None) -> tuple[str, list[Target]]:
    """The pipeline, and what it deploys where. Without any pipeline here: all workloads, to all environments."""
    from copilot.aws.store import Store
    from copilot.validation import check_pipeline

    store = Store(context.account)
    environments = [record.name for record in store.environments(store.application(context.app).name)]
    if name is None and not workspace.pipelines():
        workloads = workspace.workloads()
        if not workloads:
            raise NotFoundError("there is no service or job here yet", hint="make one with `copilot svc init`")
        if not environments:
            raise NotFoundError(
                f"application `{context.app}` has no environment yet", hint="make one with `copilot env init --name test`"
            )
        return "", [(workload, environment) for workload in workloads for environment in environments]
    files = choose_files(workspace, name or _running_pipeline(workspace))
    document, plan = check_pipeline(workspace, files, environments)
    return document.model.name, [(workload, each) for workload, where in deployment_targets(plan).items() for each in where]


def _running_pipeline(workspace: Workspace) -> str | None:
    """The pipeline of this workspace that the build is part of, which CodeBuild knows by its name on AWS; None outside of one."""
    from copilot.aws import names

    by = os.environ.get("CODEBUILD_INITIATOR", "")
    if not by.startswith(_BY_PIPELINE):
        return None
    there = by.removeprefix(_BY_PIPELINE)
    stack = there.rpartition(_RESOURCE)[0]
    for files in workspace.pipelines():
        # Those of the oldest layout are called as their manifest says.
        if there == files.name or stack in (files.name, names.pipeline_stack(workspace.application, files.name)):
            return files.name
    return None


def _revision(workspace: Workspace) -> str:
    """The commit. In CodeBuild, which has no git repository around what it builds, as the pipeline's source says."""
    given = os.environ.get("CODEBUILD_RESOLVED_SOURCE_VERSION", "")
    return given if _COMMIT.fullmatch(given) else revision_of(workspace.root)


def _execution(pipeline: str) -> str:
    number = os.environ.get("CODEBUILD_BUILD_NUMBER", "")
    return f"{pipeline}-{number}" if pipeline and number else ""


def _check_added(context: Context, documents: Mapping[Target, WorkloadDocument]) -> None:
    """A build makes no repositories: it may not, and what it made would belong to nobody."""
    from copilot.aws.store import Store

    known = {record.name for record in Store(context.account).workloads(context.app)}
    missing = {name: document.model.type for (name, _), document in documents.items() if name not in known}
    if not missing:
        return
    listed = ", ".join(f"`{name}`" for name in missing)
    name, type_ = next(iter(missing.items()))
    noun = "job" if type_ == "Scheduled Job" else "svc"
    raise NotFoundError(
        f"{listed} {'was' if len(missing) == 1 else 'were'} never added to application `{context.app}`, "
        "so there is no repository for images",
        hint=f"a build makes none: run `copilot {noun} init --name {name}` or `copilot {noun} deploy --name {name}` once",
    )


def _packages(
    packager: Packager, documents: Mapping[Target, WorkloadDocument], images: Mapping[Target, Images]
) -> dict[Target, Package]:
    made: dict[Target, Package] = {}

    def package(target: Target) -> None:
        made[target] = packager.package(target, documents[target], images[target], upload=False)

    _each(documents, "stack", package)
    return made


def _each(targets: Iterable[Target], step: str, do: Callable[[Target], None]) -> None:
    """Do something for every target, then fail if it failed for any: a line for each, which names it and the step."""
    failed: list[tuple[str, CopilotError]] = []
    for target in targets:
        try:
            do(target)
        except ManifestError:
            raise
        except CopilotError as error:
            name, environment = target
            failed.append((f"{step} of `{name}` in `{environment}`: {error.message}", error))
            if isinstance(error, EngineUnavailableError):
                break
    if not failed:
        return
    (line, first), *others = failed
    details = (*first.details, *(other for other, _ in others))
    raise CopilotError(line, hint=first.hint, details=details) from first
