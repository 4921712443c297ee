"""`copilot pipeline update`: the pipeline becomes what its manifest says, and an execution starts."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from copilot.cli import _ask
from copilot.cli._context import Context
from copilot.cli._options import app_option, yes_option
from copilot.cli._output import bold, dim, out, progress, say, say_done, say_next, yellow
from copilot.cli._root import command
from copilot.cli.pipeline import changes as plan_changes
from copilot.cli.pipeline._manifest import choose_files, own_workspace
from copilot.cli.pipeline._target import choose_pipeline, name_option
from copilot.cli.pipeline._text import Look, Span, execution_label, paint, short_revision
from copilot.errors import NotFoundError, RepositoryError

if TYPE_CHECKING:
    from copilot.engine import PipelineDefinition
    from copilot.release.plan import Plan
    from copilot.repository import Checkout
    from copilot.workspace import PipelineFiles, Workspace

_MOST_FILES = 5
DONE = {"created": "Created", "updated": "Updated", "unchanged": "Nothing to change in"}
"""What is said of a pipeline, by what became of it."""


@command("pipeline update")
@app_option
@name_option
@click.option("--diff", is_flag=True, help="Show what would change, and ask before changing it.")
@click.option("--detach", is_flag=True, help="AWS: do not wait until it is done.")
@yes_option
def update(context: Context, name: str | None, diff: bool, detach: bool, yes: bool) -> None:
    """Everything is checked before anything is changed. The structure is read from here, the rest from the commit."""
    workspace = own_workspace(context)
    files = choose_files(workspace, name)
    if context.on_aws:
        from copilot.cli.aws import pipeline
        from copilot.cli.aws._stacks import Wish

        pipeline.update(context, workspace, files, Wish(diff=diff, yes=yes, detach=detach))
        return
    definition = _define(context, workspace, files)
    warn(workspace, files, definition.repository, definition.branch)
    before = _present_plan(context, definition.name)
    if diff:
        show_plan(before, definition.plan)
        question = "Nothing changes. Start an execution?" if before == definition.plan else "Make it so?"
        if not yes and not _ask.confirm(question, flag="--yes", default=True):
            say("Nothing was changed.")
            return
    with progress(f"Fetching {definition.repository}"):
        change = context.local.put_pipeline(definition)
    say_done(f"{DONE[change.change]} pipeline {bold(definition.name)}")
    if not diff:
        show_plan(before, definition.plan)
    say(dim(f"  pushes are noticed by {change.trigger}"))
    execution = context.local.start_execution(context.app, definition.name, trigger="update")
    revision = f" of {short_revision(execution.revision.id)}" if execution.revision else ""
    say_done(f"Started execution {execution_label(execution.id)}{revision}")
    say_next(choose_pipeline(context, definition.name).command("status --watch"))


def _define(context: Context, workspace: Workspace, files: PipelineFiles) -> PipelineDefinition:
    """The pipeline as its manifest says. Raises ManifestError with everything that is wrong."""
    from copilot.engine import PipelineDefinition
    from copilot.repository import normalise_url
    from copilot.validation import check_pipeline

    environments = [environment.name for environment in context.local.environments(context.app)]
    _, plan = check_pipeline(workspace, files, environments)
    return PipelineDefinition(
        app=context.app,
        name=plan.pipeline,
        repository=normalise_url(plan.source.repository, workspace.repository),
        branch=plan.source.branch,
        manifest=files.shown_as,
        plan=plan,
    )


def _present_plan(context: Context, name: str) -> Plan | None:
    try:
        return context.local.pipeline(context.app, name).definition.plan
    except NotFoundError:
        return None


def show_plan(before: Plan | None, after: Plan) -> None:
    """What a new pipeline does, or what changes in one that is there."""
    lines = plan_changes.outline(after) if before is None else plan_changes.render(plan_changes.plan_changes(before, after))
    if lines:
        look = Look.of(sys.stdout)
        out(paint(look.translate((Span("  "), *line)) for line in lines))


def warn(workspace: Workspace, files: PipelineFiles, repository: str, branch: str) -> None:
    """Say what of this checkout an execution of a branch of a repository will not see."""
    from copilot.repository import Checkout

    try:
        checkout = Checkout.find(workspace.root)
        _warn_uncommitted(checkout, workspace, files)
        _warn_unpushed(checkout, repository, branch)
    except RepositoryError:
        return  # not in a checkout, or one that git cannot compare: the repository itself is asked by the engine


def _warn_uncommitted(checkout: Checkout, workspace: Workspace, files: PipelineFiles) -> None:
    changed = checkout.uncommitted([workspace.folder])
    manifest = next((path for path in changed if (checkout.root / path).resolve() == files.manifest.resolve()), None)
    if manifest is not None:
        changed.remove(manifest)
        say(dim(f"{manifest} is not committed; this update takes it as it is here\n"))
    if changed:
        more = f" and {len(changed) - _MOST_FILES} more" if len(changed) > _MOST_FILES else ""
        say(f"{yellow('not committed:')} {', '.join(changed[:_MOST_FILES])}{more}")
        say("  what is built and deployed comes from the commit, without these changes\n")


def _warn_unpushed(checkout: Checkout, repository: str, branch: str) -> None:
    remote = next((remote.name for remote in checkout.remotes() if remote.url == repository), None)
    if remote is None:
        return
    state = checkout.push_state(branch, remote)
    if state.ahead:
        commits = "1 commit" if state.ahead == 1 else f"{state.ahead} commits"
        say(f"{yellow('not pushed:')} {commits} of branch {branch}")
        say("  what is built and deployed comes from the repository, without them\n")
