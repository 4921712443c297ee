"""Everything about a pipeline that can be checked without an engine, across all files it is made of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from copilot.errors import Diagnostic, KeyPath, ManifestError, PlanError, Problem, RepositoryError
from copilot.manifest.buildspec import Buildspec
from copilot.manifest.loader import Document, load
from copilot.manifest.pipeline import PipelineManifest
from copilot.manifest.workload import WorkloadDocument, load_workload, read_env_files
from copilot.release.aws_rules import aws_faults
from copilot.release.plan import DeployAction, Plan
from copilot.release.planner import plan
from copilot.release.unsupported import refused_by_local
from copilot.repository import check_branch, check_url, normalise_url
from copilot.workspace import EngineName, PipelineFiles, Workspace

_USER_IN_URL = re.compile(r"https?://[^/]*@", re.IGNORECASE)


def check_pipeline(
    workspace: Workspace, files: PipelineFiles, environments: Sequence[str] | None, engine: EngineName | None = None
) -> tuple[Document[PipelineManifest], Plan]:
    """Check a pipeline's manifest, the buildspecs it names and the manifests of the workloads it deploys.

    Args:
        workspace: Where the files are.
        files: The pipeline.
        environments: The environments of the application; None if they are not known and not to be checked.
        engine: The engine that is to run it; None: the workspace's own.

    Returns:
        The manifest and its plan.

    Raises:
        ManifestError: With everything that is wrong in any of these files.
    """
    diagnostics: list[Diagnostic] = []
    document: Document[PipelineManifest] | None = None
    planned: Plan | None = None
    try:
        document = load(files.manifest, PipelineManifest)
        planned = _plan(workspace, files, document, environments)
    except ManifestError as error:
        diagnostics += error.diagnostics
    if document is not None:
        diagnostics += _source_faults(document)
        diagnostics += _buildspec_faults(workspace, files, document)
    deployed = _deployed(planned) if planned is not None else dict.fromkeys(workspace.workloads(), ())
    for name, targets in deployed.items():
        diagnostics += _workload_faults(workspace, name, targets, engine or workspace.engine)
    if document is None or planned is None or diagnostics:
        # One file of variables may serve several workloads and environments.
        raise ManifestError(list(dict.fromkeys(diagnostics)))
    return document, planned


def load_named_workload(workspace: Workspace, name: str) -> WorkloadDocument:
    """The manifest of a workload, which is called as its folder is. Raises ManifestError, also if it is not."""
    document = load_workload(workspace.workload_manifest(name))
    written = document.model.name
    if written != name:
        message = f"the workload is called `{written}`, but its folder `{name}`"
        raise ManifestError([document.diagnostic(Problem(("name",), message, "give both the same name"))])
    return document


def _plan(
    workspace: Workspace, files: PipelineFiles, document: Document[PipelineManifest], environments: Sequence[str] | None
) -> Plan:
    try:
        return plan(
            document.model,
            application=workspace.application,
            workloads=workspace.workloads(),
            environments=environments,
            manifest_folder=_from_repository(workspace, files.buildspec.parent),
        )
    except PlanError as error:
        raise ManifestError([document.diagnostic(problem) for problem in error.problems]) from None


def _deployed(planned: Plan) -> dict[str, Sequence[str]]:
    """The workloads that a plan deploys, each with the environments it goes to."""
    actions = (action for stage in planned.stages for action in stage.actions)
    pairs = sorted({(a.workload, a.environment) for a in actions if isinstance(a, DeployAction)})
    return {name: [environment for other, environment in pairs if other == name] for name, _ in pairs}


def _source_faults(document: Document[PipelineManifest]) -> Iterator[Diagnostic]:
    """A repository and a branch that git can be given, and no credentials in a file that is committed."""
    properties = document.model.source.properties
    repository = properties.repository
    try:
        check_url(repository)
        if _USER_IN_URL.match(repository):
            hint = f"write `{normalise_url(repository)}`; `copilot pipeline init` keeps a token where it belongs"
            problem = Problem(
                ("source", "properties", "repository"), "the repository's URL must not hold a user or a token", hint
            )
            yield document.diagnostic(problem)
    except RepositoryError as error:
        yield document.diagnostic(Problem(("source", "properties", "repository"), error.message, error.hint))
    try:
        check_branch(properties.branch)
    except RepositoryError as error:
        yield document.diagnostic(Problem(("source", "properties", "branch"), error.message, error.hint))


def _buildspec_faults(workspace: Workspace, files: PipelineFiles, document: Document[PipelineManifest]) -> Iterator[Diagnostic]:
    checked: set[Path] = set()
    default = _from_repository(workspace, files.buildspec)
    for path, named in _buildspecs(document.model, default):
        place = (workspace.repository / named).resolve()
        if not place.is_relative_to(workspace.repository.resolve()):
            yield document.diagnostic(Problem(path, f"the buildspec `{named}` is outside of the repository"))
        elif not place.exists():
            message = f"the buildspec `{named}` does not exist"
            yield document.diagnostic(Problem(path, message, _missing_hint(workspace, named, default)))
        elif place not in checked:
            checked.add(place)
            try:
                load(place, Buildspec)
            except ManifestError as error:
                yield from error.diagnostics


def _buildspecs(manifest: PipelineManifest, default: str) -> Iterator[tuple[KeyPath, str]]:
    yield ("build", "buildspec"), (manifest.build and manifest.build.buildspec) or default
    for index, stage in enumerate(manifest.stages):
        for key, hooks in (("pre_deployments", stage.pre_deployments), ("post_deployments", stage.post_deployments)):
            for name, hook in (hooks or {}).items():
                yield ("stages", index, key, name, "buildspec"), hook.buildspec


def _missing_hint(workspace: Workspace, named: str, default: str) -> str:
    if named == default:
        return "`copilot pipeline init` writes it; another can be named with `build.buildspec`"
    inside = workspace.root.resolve() / named
    if inside.exists():
        return f"paths begin at the repository's root: did you mean `{_from_repository(workspace, inside)}`?"
    return "paths begin at the repository's root"


def engine_faults(
    document: WorkloadDocument, *, application: str, environment: str, engine: EngineName
) -> tuple[Diagnostic, ...]:
    """What an engine cannot do of what a manifest asks for in one environment, each where it is written."""
    manifest = document.model.resolved(environment, application)
    problems = (
        refused_by_local(manifest)
        if engine == "local"
        else aws_faults(manifest, application=application, environment=environment)
    )
    places = (replace(p, path=document.model.written_at(environment, p.path)) for p in problems)
    return tuple(document.diagnostic(problem) for problem in places)


def _workload_faults(workspace: Workspace, name: str, environments: Sequence[str], engine: EngineName) -> Iterator[Diagnostic]:
    try:
        document = load_named_workload(workspace, name)
    except ManifestError as error:
        yield from error.diagnostics
        return
    for environment in environments:
        try:
            read_env_files(document, workspace.root, workspace.application, environment)
        except ManifestError as error:
            yield from error.diagnostics
        yield from engine_faults(document, application=workspace.application, environment=environment, engine=engine)


def _from_repository(workspace: Workspace, path: Path) -> str:
    return path.resolve().relative_to(workspace.repository.resolve()).as_posix()
