"""Which pipeline, execution, stage or action a command is about."""

from __future__ import annotations

import getpass
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar

import click

from copilot.cli import _ask
from copilot.cli._context import Context
from copilot.cli.pipeline._text import typed
from copilot.errors import CopilotError, NotFoundError, UsageError

if TYPE_CHECKING:
    from copilot.cli.pipeline.view import Hints
    from copilot.engine import Engine, ExecutionSummary
    from copilot.release.plan import Plan

_PAUSE = 0.15
"""Seconds: fast enough for a live view."""
_PAUSE_ON_AWS = 2.0
"""Seconds: AWS answers slowly, and an account may not ask often."""
_EXECUTION = re.compile(r"[0-9a-f][0-9a-f-]{0,63}")

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Target:
    """A pipeline of an engine, and how commands about it are typed."""

    engine: Engine
    app: str
    name: str
    hints: Hints
    on_aws: bool = False

    @property
    def pause(self) -> float:
        """Seconds between two looks at it."""
        return _PAUSE_ON_AWS if self.on_aws else _PAUSE

    def command(self, words: str) -> str:
        """``copilot pipeline <words>`` for this pipeline."""
        return self.hints.command(words).text


class ExecutionType(click.ParamType[str]):
    """An execution as a person types it: ``14``, ``#14``, an id or the beginning of one. The engine knows which there are."""

    name = "execution"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Without what only readers need."""
        word = value.removeprefix("#").lower()
        if not _EXECUTION.fullmatch(word):
            self.fail(f"`{value}` is no execution: it has a number, or on AWS an id", param, ctx)
        return word


EXECUTION = ExecutionType()
execution_argument = click.argument("execution", required=False, type=EXECUTION)


def name_option(function: F) -> F:
    """Add ``--name -n``: the pipeline."""
    help_ = "The pipeline; default: the only one."
    return click.option("--name", "-n", metavar="NAME", help=help_)(function)


def execution_option(function: F) -> F:
    """Add ``--execution``: one of the pipeline's."""
    help_ = "The execution: its number, or on AWS its id or a beginning of it."
    return click.option("--execution", metavar="EXECUTION", type=EXECUTION, help=help_)(function)


def environment_option(function: F) -> F:
    """Add ``--environment -e``: one environment of the pipeline."""
    help_ = "The environment; default: the only one it can be."
    return click.option("--environment", "--env", "-e", metavar="NAME", help=help_)(function)


def choose_pipeline(context: Context, name: str | None) -> Target:
    """The pipeline called so, or the application's only one, or the one a person picks.

    Raises:
        NotFoundError: There is none, or none called so.
        UsageError: There are several and there is no terminal to ask on.
    """
    from copilot.cli.pipeline.view import Hints

    names = [pipeline.name for pipeline in context.engine.pipelines(context.app)]
    if name is None:
        name = _pick(context, names)
    elif name not in names:
        raise NotFoundError(f"application `{context.app}` has no pipeline `{name}`", hint=_others(name, names))
    flags = f" --name {name}" if len(names) > 1 else ""
    workspace = context.workspace
    if workspace is None or workspace.application != context.app:
        flags += f" --app {context.app}"
    return Target(context.engine, context.app, name, Hints(flags), context.on_aws)


def _pick(context: Context, names: Sequence[str]) -> str:
    app = context.app
    if not names:
        written = context.workspace is not None and context.workspace.application == app and context.workspace.pipelines()
        hint = "its files are here" if written else "write its files with `copilot pipeline init`"
        raise NotFoundError(f"application `{app}` has no pipeline yet", hint=f"{hint}; `copilot pipeline update` makes it")
    if len(names) == 1:
        return names[0]
    if not _ask.can_ask():
        raise UsageError("which pipeline? `--name` is missing", hint=f"application `{app}` has: {', '.join(names)}")
    return _ask.select("Which pipeline?", names, flag="--name")


def _others(name: str, names: Sequence[str]) -> str:
    if not names:
        return "it has none; make one with `copilot pipeline init`, then `copilot pipeline update`"
    close = get_close_matches(name, names, n=1)
    return f"did you mean `{close[0]}`?" if close else f"it has: {', '.join(names)}"


def choose_word(word: str, words: Sequence[str], missing: str) -> str:
    """The one of ``words`` that is meant, whatever the case of its letters.

    Args:
        word: What the person typed.
        words: What there is.
        missing: Beginning of the message when there is no such word.

    Raises:
        NotFoundError: It is none of them; the hint suggests one or lists all.
    """
    if word in words:
        return word
    folded = {each.casefold(): each for each in words}
    if word.casefold() in folded:
        return folded[word.casefold()]
    close = get_close_matches(word.casefold(), folded, n=1, cutoff=0.5)
    hint = f"did you mean `{folded[close[0]]}`?" if close else f"there is: {', '.join(words)}"
    raise NotFoundError(f"{missing} `{word}`", hint=hint)


def one_execution(target: Target, given: str | None, wanted: Callable[[ExecutionSummary], bool], none: str, question: str) -> str:
    """The id of the execution that is given, or the only one that is wanted, or the one a person picks.

    Args:
        target: The pipeline.
        given: What the command line says.
        wanted: Which executions the command makes sense for.
        none: The message when there is no such execution.
        question: Asked on a terminal when there are several.
    """
    if given is not None:
        return given
    found = [execution for execution in target.engine.executions(target.app, target.name) if wanted(execution)]
    if not found:
        raise NotFoundError(none, hint=f"see `{target.command('status')}`")
    if len(found) == 1:
        return found[0].id
    ids = [typed(execution.id) for execution in found]
    if not _ask.can_ask():
        raise UsageError("which execution? `EXECUTION` is missing", hint=f"it is one of: {', '.join(ids)}")
    choices = [(typed(e.id), e.revision.summary if e.revision else "") for e in found]
    return _ask.select(question, choices, flag="EXECUTION")


def user_name() -> str:
    """Who sits here: git's ``user.name``, or else the operating system's user."""
    try:
        answer = subprocess.run(["git", "config", "user.name"], capture_output=True, text=True, check=False)
        if answer.stdout.strip():
            return answer.stdout.strip()
    except OSError:
        pass
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise CopilotError("nobody knows who you are", hint="tell git: `git config --global user.name 'Your Name'`") from None


def stage_of_environment(plan: Plan, environment: str) -> str:
    """The name of the stage that deploys to an environment. Raises KeyError."""
    for stage in plan.stages:
        if stage.environment == environment:
            return stage.name
    raise KeyError(environment)
