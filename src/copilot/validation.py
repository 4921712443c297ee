"""Everything about a pipeline that can be checked without an engine, across all files it is made of."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from copilot.errors import Diagnostic, KeyPath, ManifestError, Problem, RepositoryError
from copilot.manifest.aws_copilot import deployed_environments, foreign_build
from copilot.manifest.buildspec import Buildspec
from copilot.manifest.loader import Document, load
from copilot.manifest.pipeline import PipelineManifest
from copilot.manifest.workload import read_env_files
from copilot.release.differences import buildspec_notes, notes
from copilot.release.plan import DeployAction, Plan
from copilot.release.planner import Draft, draft, warnings
from copilot.repository import check_branch, check_url, normalise_url
from copilot.workload_checks import engine_faults, load_named_workload
from copilot.workspace import EngineName, PipelineFiles, Workspace

_TOKEN = re.compile(r"(?:gh[a-z]_|github_pat_|glpat-|ATBB|ATCTT)\S{16,}|[0-9a-f]{40}")
"""Tokens of GitHub, GitLab and Bitbucket, by how they begin."""
_USER_IN_URL = re.compile(r"https?://[^/]*@", re.IGNORECASE)


Refusals = Callable[[PipelineManifest, Plan], Iterable[Problem]]
"""What else is wrong with a pipeline, with places in its manifest. The plan may be one that cannot be (see `release.planner`)."""


def check_pipeline(
    workspace: Workspace,
    files: PipelineFiles,
    environments: Sequence[str] | None,
    engine: EngineName | None = None,
    *,
    refusals: Refusals | None = None,
) -> tuple[Document[PipelineManifest], Plan]:
    """Check a pipeline's manifest, the buildspecs it names and the manifests of the workloads it deploys.

    Args:
        workspace: Where the files are.
        files: The pipeline.
        environments: The environments of the application; None if they are not known and not to be checked.
        engine: The engine that is to run it; None: the workspace's own.
        refusals: What that engine finds wrong besides. It is asked unless the manifest cannot be understood.

    Returns:
        The manifest and its plan.

    Raises:
        ManifestError: With everything that is wrong in any of these files.
    """
    engine = engine or workspace.engine
    diagnostics: list[Diagnostic] = []
    try:
        document = load(files.manifest, PipelineManifest)
    except ManifestError as error:
        diagnostics += error.diagnostics
        for name in workspace.workloads():
            diagnostics += _workload_faults(workspace, name, (), engine)
        raise ManifestError(_once(diagnostics)) from None
    of_environments = list(deployed_environments(document.model))
    if of_environments:
        # All else that is wrong with it is so because it is taken for a pipeline of services.
        raise ManifestError([document.diagnostic(problem) for problem in of_environments])
    made = _draft(workspace, files, document, environments)
    problems = [*made.problems, *(refusals(document.model, made.plan) if refusals is not None else ())]
    diagnostics += [document.diagnostic(problem) for problem in problems]
    diagnostics += _source_faults(document, engine)
    diagnostics += _buildspec_faults(workspace, files, document, engine)
    there = workspace.workloads()
    for name, targets in _deployed(made.plan).items():
        if name in there:
            diagnostics += _workload_faults(workspace, name, targets, engine)
    if diagnostics:
        raise ManifestError(_once(diagnostics))
    return document, made.plan


def warnings_of(document: Document[PipelineManifest], plan: Plan) -> list[Diagnostic]:
    """What may be wrong with a pipeline that is right by itself."""
    return [replace(document.diagnostic(problem), severity="warning") for problem in warnings(plan)]


def notes_of(
    workspace: Workspace, files: PipelineFiles, document: Document[PipelineManifest], engine: EngineName
) -> list[Diagnostic]:
    """What an engine does differently of what a pipeline asks for that is right, and of what its buildspecs ask for."""
    found = [document.diagnostic(problem) for problem in notes(document.model, engine)]
    named = (path for _, path in _buildspecs(document.model, _from_repository(workspace, files.buildspec)))
    for path in dict.fromkeys(named):
        buildspec = load(workspace.repository / path, Buildspec)
        found += [buildspec.diagnostic(problem) for problem in buildspec_notes(buildspec.model, engine)]
    in_order = sorted(found, key=lambda each: (each.file != document.shown_as, each.file, each.line, each.column))
    return [replace(diagnostic, severity="note") for diagnostic in in_order]


def _once(diagnostics: Sequence[Diagnostic]) -> list[Diagnostic]:
    """Without repetition: one file of variables may serve several workloads and environments."""
    return list(dict.fromkeys(diagnostics))


def _draft(
    workspace: Workspace, files: PipelineFiles, document: Document[PipelineManifest], environments: Sequence[str] | None
) -> Draft:
    return draft(
        document.model,
        application=workspace.application,
        workloads=workspace.workloads(),
        environments=environments,
        manifest_folder=_from_repository(workspace, files.buildspec.parent),
    )


def _deployed(planned: Plan) -> dict[str, Sequence[str]]:
    """The workloads that a plan deploys, each with the environments it goes to."""
    actions = (action for stage in planned.stages for action in stage.actions)
    pairs = sorted({(a.workload, a.environment) for a in actions if isinstance(a, DeployAction)})
    return {name: [environment for other, environment in pairs if other == name] for name, _ in pairs}


def _source_faults(document: Document[PipelineManifest], engine: EngineName) -> Iterator[Diagnostic]:
    """A repository and a branch that git can be given, and no credentials in a file that is committed."""
    properties = document.model.source.properties
    if engine == "local" and properties.connection_name is not None:
        message = f"the local engine cannot use the connection `{properties.connection_name}`"
        hint = "give `access_token_secret` instead, or neither of both: then git's own credentials are used"
        yield document.diagnostic(Problem(("source", "properties", "connection_name"), message, hint, "key"))
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
    secret = properties.access_token_secret
    if secret is not None and _TOKEN.fullmatch(secret):
        hint = "withdraw it, keep another one with `copilot pipeline init`, and write the name of its secret here"
        problem = Problem(("source", "properties", "access_token_secret"), "this is a token, not the name of its secret", hint)
        found = document.diagnostic(problem)
        yield replace(found, source_line=found.source_line.replace(secret, "*" * len(secret)))
    try:
        check_branch(properties.branch)
    except RepositoryError as error:
        yield document.diagnostic(Problem(("source", "properties", "branch"), error.message, error.hint))


def _buildspec_faults(
    workspace: Workspace, files: PipelineFiles, document: Document[PipelineManifest], engine: EngineName
) -> Iterator[Diagnostic]:
    checked: set[Path] = set()
    default = _from_repository(workspace, files.buildspec)
    for path, named in _buildspecs(document.model, default):
        try:
            place = (workspace.repository / named).resolve()
            there = place.exists()
        except (OSError, RuntimeError) as error:
            # A circle of symbolic links is no OSError before Python 3.13.
            reason = error.strerror if isinstance(error, OSError) else "its symbolic links lead in a circle"
            yield document.diagnostic(Problem(path, f"the buildspec cannot be found: {reason}"))
            continue
        if not place.is_relative_to(workspace.repository.resolve()):
            yield document.diagnostic(Problem(path, f"the buildspec `{named}` is outside of the repository"))
        elif not there:
            message = f"the buildspec `{named}` does not exist"
            yield document.diagnostic(Problem(path, message, _missing_hint(workspace, named, default)))
        elif place not in checked:
            checked.add(place)
            try:
                buildspec = load(place, Buildspec)
            except ManifestError as error:
                yield from error.diagnostics
                continue
            foreign = foreign_build(buildspec.model) if engine == "local" else None
            if foreign is not None:
                yield buildspec.diagnostic(foreign)


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
