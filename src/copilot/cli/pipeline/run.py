"""`copilot pipeline run`, `retry`, `stop` and `rollback`: what a person starts and ends by hand."""

from __future__ import annotations

import click

from copilot.cli import _ask
from copilot.cli._context import Context
from copilot.cli._options import app_option, yes_option
from copilot.cli._output import say, say_done, say_next
from copilot.cli._root import command
from copilot.cli.pipeline._target import (
    EXECUTION,
    Target,
    choose_pipeline,
    choose_word,
    environment_option,
    execution_argument,
    name_option,
    one_execution,
    stage_of_environment,
)
from copilot.cli.pipeline._text import execution_label, short_revision, typed
from copilot.engine import ExecutionSummary
from copilot.errors import RepositoryError, UsageError
from copilot.release.plan import Plan


@command("pipeline run")
@app_option
@name_option
@click.option("--revision", metavar="COMMIT", help="A commit of the repository; default: the branch's newest.")
def run(context: Context, name: str | None, revision: str | None) -> None:
    """Goes through all stages, as a push does."""
    target = choose_pipeline(context, name)
    if revision is not None and target.on_aws:
        revision = _whole(context, revision)
    _started(target, target.engine.start_execution(target.app, target.name, revision))


@command("pipeline retry")
@app_option
@name_option
@click.option("--all", "everything", is_flag=True, help="Run all actions of the stage again, not only the failed ones.")
@execution_argument
def retry(context: Context, name: str | None, everything: bool, execution: str | None) -> None:
    """EXECUTION is its number, or on AWS its id or a beginning of it; default: the newest that failed."""
    target = choose_pipeline(context, name)
    if execution is None:
        failed = [e.id for e in target.engine.executions(target.app, target.name) if e.status == "Failed"]
        # Of several the newest: an older one cannot be meant, its stages have seen newer revisions.
        execution = failed[0] if failed else one_execution(target, None, lambda _: False, _nothing(target, "failed"), "")
    summary = target.engine.retry(target.app, target.name, execution, "all" if everything else "failed")
    say_done(f"Retrying execution {execution_label(summary.id)}")
    say_next(target.command(f"status {typed(summary.id)} --watch"))


@command("pipeline stop")
@app_option
@name_option
@click.option("--abandon", is_flag=True, help="Do not let the actions in progress finish.")
@execution_argument
def stop(context: Context, name: str | None, abandon: bool, execution: str | None) -> None:
    """EXECUTION is its number, or on AWS its id or a beginning of it; default: the only one in progress."""
    target = choose_pipeline(context, name)
    id_ = one_execution(target, execution, _in_progress, _nothing(target, "is in progress"), "Which execution should stop?")
    summary = target.engine.stop(target.app, target.name, id_, abandon)
    if summary.status == "Stopped":
        say_done(f"Stopped execution {execution_label(id_)}")
        return
    say_done(
        f"Stopping execution {execution_label(id_)} {'at once' if abandon else 'as soon as the actions in progress have ended'}"
    )
    say_next(target.command(f"status {typed(id_)} --watch"))


@command("pipeline rollback")
@app_option
@name_option
@environment_option
@click.option("--to", metavar="EXECUTION", type=EXECUTION, help="One that passed it; default: the last but one.")
@yes_option
def rollback(context: Context, name: str | None, environment: str | None, to: str | None, yes: bool) -> None:
    """Deploys again what an earlier execution deployed there. Nothing is built. On AWS, all of the stage runs again."""
    target = choose_pipeline(context, name)
    plan = target.engine.pipeline(target.app, target.name).definition.plan
    environment = _choose_environment(target, plan, environment)
    goal = f"what execution {execution_label(to)} deployed" if to else "its previous release"
    if not yes and not _ask.confirm(f"Bring {environment} back to {goal}?", flag="--yes"):
        say("Nothing was changed.")
        return
    summary = target.engine.rollback(target.app, target.name, stage_of_environment(plan, environment), to)
    _started(target, summary)


def _whole(context: Context, revision: str) -> str:
    """The whole id of a commit, which this checkout may know by fewer characters or by a name. AWS knows no others."""
    from copilot.repository import Checkout

    if context.workspace is None:
        return revision
    try:
        return Checkout.find(context.workspace.root).commit(revision) or revision
    except RepositoryError:
        return revision


def _choose_environment(target: Target, plan: Plan, word: str | None) -> str:
    if word is not None:
        return choose_word(word, plan.environments, f"pipeline `{target.name}` has no environment")
    if len(plan.environments) == 1:
        return plan.environments[0]
    if not _ask.can_ask():
        raise UsageError("which environment? `--environment` is missing", hint=f"it has: {', '.join(plan.environments)}")
    return _ask.select("Which environment should go back?", plan.environments, flag="--environment")


def _started(target: Target, summary: ExecutionSummary) -> None:
    what = f" of {short_revision(summary.revision.id)}" if summary.revision else ""
    say_done(f"Started execution {execution_label(summary.id)}{what}")
    say_next(target.command("status --watch"))


def _in_progress(execution: ExecutionSummary) -> bool:
    return execution.status in ("InProgress", "Stopping")


def _nothing(target: Target, state: str) -> str:
    return f"no execution of pipeline `{target.name}` {state}"
