"""`copilot pipeline init`: asks what cannot be found out, and writes the pipeline's manifest and buildspec."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from copilot.cli import _ask
from copilot.cli._context import Context
from copilot.cli._options import app_option, names
from copilot.cli._output import dim, green, has_symbols, say, say_next, show_error, shown_path
from copilot.cli._root import command
from copilot.cli.pipeline import _files, _repository, imports
from copilot.cli.pipeline._manifest import own_workspace
from copilot.cli.pipeline._target import choose_word
from copilot.cli.pipeline.access import choose_access, keep_token
from copilot.cli.pipeline.scaffold import PipelineAnswers, manifest_text, pipeline_name
from copilot.errors import ConflictError, NotFoundError, UnsupportedError, UsageError

if TYPE_CHECKING:
    from copilot.engine import Engine
    from copilot.repository import Checkout
    from copilot.workspace import PipelineFiles, Workspace

_LABEL = 15


@command("pipeline init")
@app_option
@click.option("--name", "-n", metavar="NAME", help="Its name, if the application is to have more than one pipeline.")
@click.option("--environments", "-e", multiple=True, metavar="NAMES", help="Where a release goes, in this order: test,prod")
@click.option("--url", "--github-url", "-u", metavar="URL", help="The repository; default: the remote of this one.")
@click.option("--git-branch", "-b", metavar="BRANCH", help="The branch whose pushes are released; default: the one you are on.")
@click.option(
    "--github-access-token",
    "-t",
    metavar="TOKEN",
    help="An access token, where the repository needs one. Others can see it in the list of processes: better be asked.",
)
@click.option("--connection-name", metavar="NAME", help="AWS: the connection that leads to the repository; default: a new one.")
@click.option(
    "--pipeline-type",
    "-p",
    type=click.Choice(["Workloads", "Environments"], case_sensitive=False),
    default="Workloads",
    help="What it deploys; only Workloads for now.",
)
@click.option("--overwrite", is_flag=True, help="Replace files that say something else, or, alone, only builds of AWS Copilot.")
def init(
    context: Context,
    name: str | None,
    environments: tuple[str, ...],
    url: str | None,
    git_branch: str | None,
    github_access_token: str | None,
    connection_name: str | None,
    pipeline_type: str,
    overwrite: bool,
) -> None:
    """Asks for what is missing. Without --name: copilot/pipeline.yml and copilot/buildspec.yml.

    Pipelines that are there already are checked, and gone on with; nothing is written then but builds that AWS Copilot made.
    """
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
    if not (environments or url or git_branch or connection_name):
        there = [files for files in workspace.pipelines() if name in (None, files.name, files.manifest.parent.name)]
        if there:
            if imports.go_on(context, workspace, there, token=github_access_token, overwrite=overwrite):
                return
            name = _another_name(workspace)
    files = workspace.pipeline_files(name)

    repository = _repository.choose(checkout, url, context.account.region if context.on_aws else None)
    branch = git_branch if git_branch is not None else checkout.branch()
    check_branch(branch)
    if environments and not names(environments):
        raise UsageError("`--environments` is empty", hint="name them in the order of release, such as `test,prod`")
    order = _release_order(context, names(environments))
    _say_found("Repository", repository.shown, repository.origin)
    _say_found("Branch", branch, "" if git_branch is not None else "the one you are on")
    access = choose_access(context, repository, github_access_token, connection_name)

    answers = PipelineAnswers(
        name=name if name is not None else pipeline_name(context.app, repository.names),
        environments=order,
        provider=access.provider,
        repository=repository.url,
        branch=branch,
        buildspec=_files.inside(workspace, files.buildspec),
        access_token_secret=access.secret,
        connection_name=access.connection,
    )
    wanted = _wanted(workspace, files, answers)
    refused = _refused(context, workspace, files, wanted, overwrite=overwrite)
    with _files.written([file for file in wanted if file not in refused]) as changed:
        if access.secret is not None and access.token is not None:
            keep_token(context, access.secret, access.token)
    if access.label:
        _say_found(access.label, access.said, access.origin)
    if len(order) > 1:
        _say_found("Approval", f"asked for before {order[-1]}", "requires_approval in the manifest")
    _say_written(changed, wanted)
    _say_next(context.engine, context.app, workspace, checkout, repository, answers)


def _another_name(workspace: Workspace) -> str:
    """Of a pipeline besides those that are there."""
    from copilot.manifest.names import action_name_fault

    taken = {name for files in workspace.pipelines() for name in (files.name, files.manifest.parent.name)}

    def fault(typed: str) -> str | None:
        wrong = action_name_fault(typed)
        return f"The name {wrong}" if wrong else f"There is a pipeline {typed} already" if typed in taken else None

    name = _ask.text("What is the new pipeline called?", flag="--name", check=fault)
    _check_name(name)
    return name


def _check_name(name: str) -> None:
    """It is the pipeline's name and a folder's. Raises UsageError."""
    from copilot.manifest.names import action_name_fault

    fault = action_name_fault(name)
    if fault is None and not name[0].isalnum():
        fault = "must begin with a letter or a digit"
    if fault is not None:
        raise UsageError(f"the pipeline name {fault}", hint="use letters, digits and `.`, `@`, `-`, `_`, such as `shop-main`")


def _release_order(context: Context, given: Sequence[str]) -> tuple[str, ...]:
    known = [environment.name for environment in context.engine.environments(context.app)]
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


def _wanted(workspace: Workspace, files: PipelineFiles, answers: PipelineAnswers) -> list[_files.Wanted]:
    """Both files, read back to make sure that they say something valid."""
    from copilot.manifest.buildspec import Buildspec
    from copilot.manifest.loader import parse
    from copilot.manifest.pipeline import PipelineManifest

    manifest = _files.Wanted(files.manifest, manifest_text(answers), "where a push goes, in which order")
    buildspec = _files.buildspec(workspace, files.buildspec)
    parse(manifest.text, PipelineManifest, shown_path(files.manifest))
    parse(buildspec.text, Buildspec, shown_path(files.buildspec))
    return [manifest, buildspec]


def _refused(
    context: Context, workspace: Workspace, files: PipelineFiles, wanted: Sequence[_files.Wanted], *, overwrite: bool
) -> list[_files.Wanted]:
    """Files to be kept. Raises ConflictError where nobody can be asked; what is there is explained first if it is broken."""
    try:
        return _files.refused(wanted, overwrite=overwrite)
    except ConflictError:
        error = imports.check(context, workspace, [files]).error if files.manifest.is_file() else None
        if error is not None:
            show_error(error)
            say()
        raise


def _say_written(changed: frozenset[Path], wanted: Sequence[_files.Wanted]) -> None:
    say()
    width = max(len(shown_path(file.path)) for file in wanted)
    for file in wanted:
        word = "Wrote" if file.path in changed else "Kept "
        say(f"{word} {shown_path(file.path):<{width}}   {dim(file.purpose)}")


def _say_next(
    engine: Engine,
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
