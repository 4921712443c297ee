"""`copilot pipeline init`: asks what cannot be found out, and writes the pipeline's manifest and buildspec."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from copilot import __version__
from copilot.cli import _ask
from copilot.cli._context import Context
from copilot.cli._options import app_option, names
from copilot.cli._output import dim, green, has_symbols, say, say_next, shown_path
from copilot.cli._root import command
from copilot.cli.pipeline import _repository
from copilot.cli.pipeline._manifest import own_workspace
from copilot.cli.pipeline._target import choose_word
from copilot.cli.pipeline.scaffold import PipelineAnswers, buildspec_text, manifest_text, pipeline_name
from copilot.errors import ConflictError, NotFoundError, UnsupportedError, UsageError

if TYPE_CHECKING:
    from copilot.engine import LocalEngine
    from copilot.repository import Checkout
    from copilot.workspace import PipelineFiles, Workspace

_LABEL = 15


@dataclass(frozen=True)
class _Wanted:
    """A file to write: what it should say, and a few words on what it is for."""

    path: Path
    text: str
    purpose: str

    @property
    def differs(self) -> bool:
        """Whether the file is there and says something else."""
        return self.path.exists() and not (self.path.is_file() and self.path.read_bytes() == self.text.encode())


@command("pipeline init")
@app_option
@click.option("--name", "-n", metavar="NAME", help="Its name, if the application is to have more than one pipeline.")
@click.option("--environments", "-e", multiple=True, metavar="NAMES", help="Where a release goes, in this order: test,prod")
@click.option("--url", "--github-url", "-u", metavar="URL", help="The repository; default: the remote of this one.")
@click.option("--git-branch", "-b", metavar="BRANCH", help="The branch whose pushes are released; default: the one you are on.")
@click.option("--github-access-token", "-t", metavar="TOKEN", help="An access token, where the repository needs one.")
@click.option(
    "--pipeline-type",
    "-p",
    type=click.Choice(["Workloads", "Environments"], case_sensitive=False),
    default="Workloads",
    help="What it deploys; only Workloads for now.",
)
@click.option("--overwrite", is_flag=True, help="Replace files that say something else.")
def init(
    context: Context,
    name: str | None,
    environments: tuple[str, ...],
    url: str | None,
    git_branch: str | None,
    github_access_token: str | None,
    pipeline_type: str,
    overwrite: bool,
) -> None:
    """Asks for what is missing. Without --name: copilot/pipeline.yml and copilot/buildspec.yml."""
    from copilot.repository import Checkout, check_branch

    if pipeline_type.lower() == "environments":
        raise UnsupportedError(
            "pipelines that deploy environments are not supported yet",
            hint="leave `--pipeline-type` out: the pipeline then deploys the services",
        )
    workspace = own_workspace(context)
    checkout = Checkout.find(workspace.root)
    if name is not None:
        _check_name(name)
    files = workspace.pipeline_files(name)

    repository = _repository.choose(checkout, url)
    branch = git_branch if git_branch is not None else checkout.branch()
    check_branch(branch)
    if environments and not names(environments):
        raise UsageError("`--environments` is empty", hint="name them in the order of release, such as `test,prod`")
    order = _release_order(context, names(environments))
    _say_found("Repository", repository.shown, repository.origin)
    _say_found("Branch", branch, "" if git_branch is not None else "the one you are on")
    token = _repository.choose_token(context.local, context.app, repository, github_access_token)

    answers = PipelineAnswers(
        name=name if name is not None else pipeline_name(context.app, repository.names),
        environments=order,
        provider=token.provider,
        repository=repository.url,
        branch=branch,
        buildspec=_inside(workspace, files.buildspec),
        access_token_secret=token.secret,
    )
    wanted = _files(workspace, files, answers)
    refused = _refused(wanted, overwrite=overwrite)
    if token.value is not None and token.secret is not None:
        context.local.put_secret(token.secret, token.value, overwrite=True)
    if token.secret is not None:
        how = "kept in the secret store" if token.value is not None else "there already, in the secret store"
        _say_found("Token", f"{how} as {token.secret}")
    if len(order) > 1:
        _say_found("Approval", f"asked for before {order[-1]}", "requires_approval in the manifest")
    _write([file for file in wanted if file not in refused], wanted)
    _say_next(context.local, context.app, workspace, checkout, repository, answers)


def _check_name(name: str) -> None:
    """It is the pipeline's name and a folder's. Raises UsageError."""
    from copilot.manifest.names import action_name_fault

    fault = action_name_fault(name)
    if fault is None and not name[0].isalnum():
        fault = "must begin with a letter or a digit"
    if fault is not None:
        raise UsageError(f"the pipeline name {fault}", hint="use letters, digits and `.`, `@`, `-`, `_`, such as `shop-main`")


def _release_order(context: Context, given: Sequence[str]) -> tuple[str, ...]:
    known = [environment.name for environment in context.local.environments(context.app)]
    if not known:
        raise NotFoundError(
            f"application `{context.app}` has no environment yet", hint="create one with `copilot env init --name test`"
        )
    if given:
        order = tuple(choose_word(name, known, f"application `{context.app}` has no environment") for name in given)
        twice = next((name for name in order if order.count(name) > 1), None)
        if twice is not None:
            raise UsageError(f"environment `{twice}` is there twice", hint="a release passes an environment once")
    elif len(known) == 1:
        order = (known[0],)
    else:
        order = _ask.select_in_order("Which environments should a push release to, in order?", known, flag="--environments")
    arrow = " → " if has_symbols(sys.stderr) else " -> "
    _say_found("Release order", arrow.join(order), "the only environment" if len(known) == 1 and not given else "")
    return order


def _files(workspace: Workspace, files: PipelineFiles, answers: PipelineAnswers) -> list[_Wanted]:
    """Both files, read back to make sure that they say something valid."""
    from copilot.manifest.buildspec import Buildspec
    from copilot.manifest.loader import parse
    from copilot.manifest.pipeline import PipelineManifest

    manifest = _Wanted(files.manifest, manifest_text(answers), "where a push goes, in which order")
    buildspec = _Wanted(files.buildspec, buildspec_text(__version__, _inside(workspace, workspace.root)), "how it is built")
    parse(manifest.text, PipelineManifest, shown_path(files.manifest))
    parse(buildspec.text, Buildspec, shown_path(files.buildspec))
    return [manifest, buildspec]


def _inside(workspace: Workspace, path: Path) -> str:
    """A path from the repository's root, as manifests and buildspecs have it."""
    return path.resolve().relative_to(workspace.repository.resolve()).as_posix()


def _refused(wanted: Sequence[_Wanted], *, overwrite: bool) -> list[_Wanted]:
    """Files that are there, say something else, and are to be kept. Raises ConflictError where nobody can be asked."""
    differing = [] if overwrite else [file for file in wanted if file.differs]
    if differing and not _ask.can_ask():
        verb = "says" if len(differing) == 1 else "say"
        raise ConflictError(
            f"{' and '.join(shown_path(file.path) for file in differing)} already {verb} something else; nothing was changed",
            hint="replace what is there with `--overwrite`, or make another pipeline with `--name`",
        )
    question = "{} is there and says something else. Replace it?"
    return [file for file in differing if not _ask.confirm(question.format(shown_path(file.path)), flag="--overwrite")]


def _write(agreed: Sequence[_Wanted], wanted: Sequence[_Wanted]) -> None:
    from copilot.workspace import write

    say()
    width = max(len(shown_path(file.path)) for file in wanted)
    for file in wanted:
        written = file in agreed and write(file.path, file.text, overwrite=True) == "written"
        say(f"{'Wrote' if written else 'Kept '} {shown_path(file.path):<{width}}   {dim(file.purpose)}")


def _say_next(
    engine: LocalEngine,
    app: str,
    workspace: Workspace,
    checkout: Checkout,
    repository: _repository.Repository,
    answers: PipelineAnswers,
) -> None:
    folder = shown_path(workspace.folder)
    push = _repository.push_command(checkout, repository, answers.branch)
    which = f" --name {answers.name}" if len(workspace.pipelines()) > 1 else ""
    commands = [f'git add {folder} && git commit -m "Adding Pipeline Buildspec" && {push}', f"copilot pipeline update{which}"]
    if not workspace.workloads() and not engine.workloads(app):
        commands.insert(0, "copilot svc init")
    say_next(*commands)


def _say_found(what: str, value: str, origin: str = "") -> None:
    say(f"{green('✓')} {what:<{_LABEL}} {value}" + (f"   {dim(f'({origin})')}" if origin else ""))
