"""Pipelines that are in the repository already, most of them made by AWS Copilot: checked, explained, and gone on with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from copilot.cli import _ask
from copilot.cli._context import Context
from copilot.cli._output import bold, progress, say, say_done, say_next, show_error, shown_path, yellow
from copilot.cli.pipeline import _files
from copilot.cli.pipeline._manifest import checks
from copilot.cli.pipeline.access import checked_token, has_token, keep_token
from copilot.errors import Diagnostic, EngineUnavailableError, ManifestError, NotFoundError, UsageError

if TYPE_CHECKING:
    from copilot.release.plan import Plan
    from copilot.workspace import PipelineFiles, Workspace

_GATE = "requires_approval"
_MOST_COMMANDS = 5
"""How many commands a person is given to type."""


class ImportedManifestError(ManifestError):
    """What is wrong with the pipelines of a repository: first what let releases through without an approval."""

    def __init__(self, diagnostics: Sequence[Diagnostic], first: Sequence[Diagnostic]) -> None:
        super().__init__(diagnostics)
        self.diagnostics = (*(d for d in self.diagnostics if d in first), *(d for d in self.diagnostics if d not in first))


@dataclass(frozen=True)
class _Findings:
    good: Sequence[tuple[PipelineFiles, Plan]]
    error: ManifestError | None
    not_checked: Sequence[str]


def go_on(context: Context, workspace: Workspace, found: Sequence[PipelineFiles], *, token: str | None, overwrite: bool) -> bool:
    """Check the pipelines, refresh the buildspecs of AWS Copilot, say what there is, and offer to go on with it.

    Args:
        context: What the command works on.
        workspace: The repository.
        found: The pipelines; at least one.
        token: What ``--github-access-token`` says: to be kept in the secret that they name.
        overwrite: Whether to refresh buildspecs without asking.

    Returns:
        Whether a person goes on with them; otherwise another pipeline is to be made.

    Raises:
        ManifestError: With all that is wrong, where there is nobody to ask.
        ConflictError: Two have the same name.
        UsageError: They have no secret for the token, or several.
    """
    from copilot.manifest.aws_copilot import FOREIGN

    _keep_token(context, found, token)
    findings = check(context, workspace, found)
    changed: list[Path] = []
    if findings.error is None or all(each.message == FOREIGN for each in findings.error.diagnostics):
        changed = _refresh(context, workspace, found, overwrite=overwrite)
        findings = check(context, workspace, found) if findings.error is not None and changed else findings
    for files, plan in findings.good:
        say_done(f"{shown_path(files.manifest)} is valid: Source → Build → {' → '.join(plan.environments)}")
    for sentence in findings.not_checked:
        say(f"{sentence[0].upper()}{sentence[1:]}.")
    if findings.error is not None:
        if not _ask.can_ask():
            raise findings.error
        show_error(findings.error)
        say()
        if _ask.confirm("Make another pipeline instead of mending this?", flag="--name"):
            return False
        click.get_current_context().exit(1)
    for files, plan in findings.good:
        workspace.pipeline(files.name)
        image = next(iter(_images(plan)), None) if changed and context.on_aws else None
        if image is not None:
            say(f"  The build of {files.name} needs Python 3.11 or newer in its image, {image}.")
    which = "The pipeline is" if len(found) == 1 else f"{len(found)} pipelines are"
    say(f"{which} valid; {_written(changed)}.")
    if _ask.can_ask() and not _ask.confirm("Go on with what is there? (no: make another pipeline)", flag="--name", default=True):
        return False
    commands = [f"copilot pipeline update{f' --name {files.name}' if len(workspace.pipelines()) > 1 else ''}" for files in found]
    if changed:
        folder = shown_path(workspace.folder)
        commands.insert(0, f'git add {folder} && git commit -m "Building with copilot" && git push')
    say_next(*commands[:_MOST_COMMANDS])
    return True


def _images(plan: Plan) -> Iterator[str]:
    """The image that a manifest names for the build."""
    from copilot.release.plan import BuildAction

    actions = (action for stage in plan.stages for action in stage.actions)
    return (action.image for action in actions if isinstance(action, BuildAction) and action.image is not None)


def _keep_token(context: Context, found: Sequence[PipelineFiles], token: str | None) -> None:
    """Keep the token that is given, or typed where one is missing, in the secret that the manifests name."""
    secrets = list(dict.fromkeys(secret for files in found if (secret := _secret_of(files)) is not None))
    if token:
        if len(secrets) != 1:
            which = "none of them has" if not secrets else f"they have several: {', '.join(secrets)}"
            raise UsageError(
                f"the pipelines that are here have no one secret for an access token; {which}",
                hint="name a pipeline with `--name`" if secrets else "leave `--github-access-token` out",
            )
        keep_token(context, secrets[0], checked_token(token))
        say_done(f"Token kept as {secrets[0]}")
    elif token is None and _ask.can_ask():
        with suppress(EngineUnavailableError, NotFoundError):  # whatever is wrong there is told by the checks
            for secret in secrets:
                if not has_token(context, secret):
                    typed = _ask.password(f"Access token to keep as {secret}; enter: none:", flag="--github-access-token")
                    if typed.strip():
                        keep_token(context, secret, checked_token(typed))
                        say_done(f"Token kept as {secret}")


def _secret_of(files: PipelineFiles) -> str | None:
    """The secret that a pipeline's manifest names, if it is one that can be kept here: AWS also takes the ARN of any."""
    from copilot.manifest.loader import load
    from copilot.manifest.pipeline import PipelineManifest

    try:
        name = load(files.manifest, PipelineManifest).model.source.properties.access_token_secret
    except ManifestError:
        return None
    return name if name is not None and ":" not in name else None


def check(context: Context, workspace: Workspace, found: Sequence[PipelineFiles]) -> _Findings:
    """Check pipelines as strictly as can be here and now."""
    from copilot.validation import check_pipeline

    good: list[tuple[PipelineFiles, Plan]] = []
    problems: list[Diagnostic] = []
    gates: list[Diagnostic] = []
    with progress("Asking AWS" if context.on_aws else "Checking"):
        known = checks(context)
        for files in found:
            try:
                good.append((files, check_pipeline(workspace, files, known.environments, refusals=known.refusals)[1]))
            except ManifestError as error:
                missed = dict(_missed_gates(files.manifest))
                for each in error.diagnostics:
                    stage = missed.get((each.line, each.column)) if _is_of(each, files.manifest) else None
                    explained = each if stage is None else _explained(each, stage)
                    problems.append(explained)
                    gates += [explained] if stage is not None else []
    problems = list(dict.fromkeys(problems))
    return _Findings(good, ImportedManifestError(problems, gates) if problems else None, known.not_checked)


def _explained(diagnostic: Diagnostic, stage: str) -> Diagnostic:
    """Of an unknown key that was meant to ask for an approval."""
    message = f"{diagnostic.message}: AWS Copilot ignores it, and has released to `{stage}` without an approval"
    return replace(diagnostic, message=message, hint=f"write `{_GATE}: true`")


def _missed_gates(manifest: Path) -> Iterator[tuple[tuple[int, int], str]]:
    """Where a manifest asks for an approval with a key that does not exist: line and column, and the stage's name."""
    from copilot.manifest.faults import suggestion
    from copilot.manifest.loader import read, tree_of
    from copilot.manifest.pipeline import Stage
    from copilot.manifest.values import plain

    known = Stage.keys()
    try:
        source = read(manifest)
        stages = tree_of(source).root.children.get("stages")
    except ManifestError:
        return
    for stage in stages.children.values() if stages is not None else ():
        data = plain(stage.data)
        if not isinstance(data, dict) or data.get(_GATE):
            continue
        for key, span in stage.keys.items():
            if key not in known and suggestion(str(key), known) == _GATE and data.get(key):
                place = source.position(span)
                yield (place.line, place.column), str(data.get("name"))


def _is_of(diagnostic: Diagnostic, path: Path) -> bool:
    from copilot.manifest.loader import display_path

    return diagnostic.file == display_path(path)


def _refresh(context: Context, workspace: Workspace, found: Sequence[PipelineFiles], *, overwrite: bool) -> list[Path]:
    """Replace the buildspecs that AWS Copilot generated, as far as a person agrees. The answer is those that were replaced."""
    changed: list[Path] = []
    for path in dict.fromkeys(place for files in found if (place := _buildspec_of(workspace, files)) is not None):
        wanted = _files.buildspec(workspace, path)
        if wanted.refreshed is None:
            continue
        version = f" {wanted.refreshed.version}" if wanted.refreshed.version else ""
        say(f"{shown_path(path)} was made by AWS Copilot, and builds with AWS Copilot{version}.")
        if context.on_aws:
            say(
                f"  {yellow('It fails')} in the present images of CodeBuild, which do not know the runtime `docker`."
                if wanted.refreshed.fails
                else "  It keeps working on AWS. copilot's own builds each image once, and runs on this machine as well."
            )
        if overwrite:
            for line in wanted.refreshed.lost:
                say(f"  {yellow('lost:')} {line}", wrapped=False)
        elif _ask.can_ask():
            _files.show_refreshed(path, wanted.refreshed)
        else:
            say("  `copilot pipeline init --overwrite` makes it copilot's own, and keeps the commands that you have added.")
        if overwrite or (_ask.can_ask() and _ask.confirm("Make it copilot's own?", flag="--overwrite")):
            with _files.written([wanted]):
                changed.append(path)
            say_done(f"Wrote {bold(shown_path(path))}")
    return changed


def _buildspec_of(workspace: Workspace, files: PipelineFiles) -> Path | None:
    """The buildspec of a pipeline; None if that is not known, or is none of ours to write."""
    from copilot.manifest.aws_copilot import deployed_environments
    from copilot.manifest.loader import load
    from copilot.manifest.pipeline import PipelineManifest

    try:
        manifest = load(files.manifest, PipelineManifest).model
    except ManifestError:
        # Whatever is wrong with it: AWS Copilot has always put the buildspec next to it.
        return files.buildspec
    if any(deployed_environments(manifest)):
        return None
    named = manifest.build.buildspec if manifest.build is not None else None
    path = workspace.repository / named if named is not None else files.buildspec
    return path if path.resolve().is_relative_to(workspace.repository.resolve()) else None


def _written(changed: Sequence[Path]) -> str:
    return f"wrote {', '.join(shown_path(path) for path in changed)}" if changed else "nothing to write"
