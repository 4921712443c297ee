"""`copilot pipeline approve` and `reject`: a person decides about a release that waits."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

import click

from copilot.cli import _ask
from copilot.cli._context import Context
from copilot.cli._options import app_option, yes_option
from copilot.cli._output import say, say_done, say_next
from copilot.cli._root import command
from copilot.cli.pipeline import promotion as view
from copilot.cli.pipeline._target import (
    Target,
    choose_pipeline,
    choose_word,
    environment_option,
    execution_option,
    name_option,
    user_name,
)
from copilot.cli.pipeline._text import Look, execution_label, is_called, paint, short_revision, typed
from copilot.engine import Promotion, Revision
from copilot.errors import NotFoundError, RepositoryError, UsageError

comment_option = click.option("--comment", default="", metavar="TEXT", help="Why; kept with the decision.")


@command("pipeline approve")
@app_option
@name_option
@environment_option
@execution_option
@comment_option
@yes_option
def approve(context: Context, name: str | None, environment: str | None, execution: str | None, comment: str, yes: bool) -> None:
    """Shows what would be released first: commits, images, changed settings."""
    target = choose_pipeline(context, name)
    waiting = _choose(target, environment, execution)
    _show(context, target, waiting)
    if not yes:
        answer, comment = _ask_about(waiting, comment)
        if not answer:
            say(f"Nothing was decided; it goes on waiting. To refuse it: {target.command('reject')}")
            return
    target.engine.decide(target.app, target.name, waiting.execution, waiting.action, True, user_name(), comment)
    say_done(f"Approved: {_what(waiting)} goes to {waiting.environment}")
    say_next(target.command("status --watch"))


@command("pipeline reject")
@app_option
@name_option
@environment_option
@execution_option
@comment_option
@yes_option
def reject(context: Context, name: str | None, environment: str | None, execution: str | None, comment: str, yes: bool) -> None:
    """The execution fails there; the environment keeps what it runs."""
    target = choose_pipeline(context, name)
    waiting = _choose(target, environment, execution)
    _show(context, target, waiting)
    if not yes:
        if not _ask.confirm(f"Refuse to release this to {waiting.environment}?", flag="--yes"):
            say("Nothing was decided; it goes on waiting.")
            return
        comment = comment or _ask.text("Why? (enter: no comment)", flag="--comment")
    target.engine.decide(target.app, target.name, waiting.execution, waiting.action, False, user_name(), comment)
    say_done(f"Rejected: {_what(waiting)} does not go to {waiting.environment}")
    say_next(target.command(f"status {typed(waiting.execution)}"))


def _show(context: Context, target: Target, waiting: Promotion) -> None:
    """What the decision is about."""
    from copilot.repository import compare_url

    before, after = waiting.revision_before, waiting.revision_after
    page = None
    if before is not None and after is not None and before.id != after.id:
        page = compare_url(target.engine.pipeline(target.app, target.name).definition.repository, before.id, after.id)
        waiting = waiting.model_copy(update={"commits": _commits_here(context, before.id, after.id) or waiting.commits})
    say(paint(view.render(waiting, time.time(), Look.of(sys.stderr), page)))


def _commits_here(context: Context, before: str, after: str) -> tuple[Revision, ...]:
    """What this checkout knows of the commits: all of them, with their authors. CodePipeline knows only those it has released."""
    from copilot.repository import Checkout

    if context.workspace is None:
        return ()
    try:
        commits = Checkout.find(context.workspace.root).commits(before, after) or ()
    except RepositoryError:
        return ()
    return tuple(Revision(id=c.id, summary=c.summary, author=c.author, committed_at=c.committed_at) for c in commits)


def _ask_about(waiting: Promotion, comment: str) -> tuple[bool, str]:
    question = f"Release this to {waiting.environment}?"
    choices = [("yes", "release it"), ("no", "leave it waiting"), ("comment", "say something first")]
    while True:
        answer = _ask.select(question, choices[:2] if comment else choices, flag="--yes")
        if answer != "comment":
            return answer == "yes", comment
        comment = _ask.text("Comment:", flag="--comment")


def _choose(target: Target, environment: str | None, execution: str | None) -> Promotion:
    waiting = target.engine.promotions(target.app, target.name)
    if not waiting:
        raise NotFoundError(f"nothing waits for approval in pipeline `{target.name}`", hint=f"see `{target.command('status')}`")
    if environment is not None:
        environments = list(dict.fromkeys(w.environment for w in waiting))
        environment = choose_word(environment, environments, "nothing waits for approval to environment")
    found = [
        w for w in waiting if environment in (None, w.environment) and (execution is None or is_called(w.execution, execution))
    ]
    if len(found) == 1:
        return found[0]
    if not found:
        raise NotFoundError(f"execution {execution} does not wait for approval", hint=f"there is: {_list(waiting)}")
    flag = "--environment" if len({w.environment for w in found}) > 1 else "--execution"
    if not _ask.can_ask():
        raise UsageError(f"which approval? `{flag}` is missing", hint=f"there is: {_list(found)}")
    choices = [(f"{execution_label(w.execution)} {w.environment}", _what(w)) for w in found]
    picked = _ask.select("Which release?", choices, flag=flag)
    return found[[value for value, _ in choices].index(picked)]


def _list(waiting: Sequence[Promotion]) -> str:
    return ", ".join(f"{execution_label(w.execution)} to {w.environment}" for w in waiting)


def _what(waiting: Promotion) -> str:
    return (
        short_revision(waiting.revision_after.id) if waiting.revision_after else f"execution {execution_label(waiting.execution)}"
    )
