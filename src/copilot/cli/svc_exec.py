"""``copilot svc exec``: a command inside a running task."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

import click

from copilot.cli._context import Context
from copilot.cli._output import dim, say
from copilot.cli._root import command
from copilot.cli._running import Running, choose_running, named_task, service_options, short_id
from copilot.errors import CopilotError, EngineUnavailableError, NotFoundError, UsageError

if TYPE_CHECKING:
    from copilot.engine import Task, TaskCommand

# Python ignores these; a program expects the defaults.
_IGNORED_BY_PYTHON = ("SIGPIPE", "SIGXFSZ")


@command("svc exec")
@service_options
@click.option("--command", "-c", "line", default="/bin/sh", show_default=True, metavar="COMMAND", help="What to run.")
@click.option("--task-id", metavar="ID", help="The task, or how its id begins; default: the oldest healthy one.")
@click.option("--container", metavar="NAME", help="A sidecar; default: the service itself.")
def execute(
    context: Context, name: str | None, environment: str | None, line: str, task_id: str | None, container: str | None
) -> None:
    """With a terminal when there is one here. Ends as the command does: its exit code is this one's.

    On AWS the manifest must say `exec: true`, and AWS's session-manager-plugin must be installed here.
    """
    argv = _words(line)
    if context.on_aws:
        from copilot.cli.aws import svc as aws_svc

        aws_svc.execute(context, name, environment, argv, task_id, container)
        return
    running = choose_running(context, name, environment)
    task = _choose(running, task_id)
    interactive = sys.stdin.isatty() and sys.stdout.isatty()
    inside = running.engine.task_command(*running.place, task=task.id, argv=argv, interactive=interactive, container=container)
    if interactive:
        where = f"container {container} of task" if container else "task"
        say(dim(f"{line} in {where} {short_id(task.id)} of {running.name} in {running.environment}"))
    become(inside)


def become(inside: TaskCommand) -> NoReturn:
    """Let the command take the place of this process: terminal, signals and exit code are its own.

    Raises:
        CopilotError: It cannot be started.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    for name in _IGNORED_BY_PYTHON:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
    try:
        if inside.folder is not None:
            os.chdir(inside.folder)
        os.execvpe(inside.argv[0], inside.argv, {**os.environ, **inside.variables})  # noqa: S606 - no shell is wanted
    except FileNotFoundError:
        raise CopilotError(f"the task has no command `{inside.argv[0]}`", hint="name another with `--command`") from None
    except OSError as error:
        raise CopilotError(f"`{inside.argv[0]}` cannot be run: {error.strerror}") from None


def _words(line: str) -> tuple[str, ...]:
    try:
        words = tuple(shlex.split(line))
    except ValueError as error:
        raise UsageError(f"`--command` cannot be understood: {str(error).lower()}") from None
    if not words:
        raise UsageError("`--command` is empty")
    return words


def _choose(running: Running, word: str | None) -> Task:
    if running.state.problem is not None:
        raise EngineUnavailableError(running.state.problem)
    there = [task for task in running.state.tasks if task.pid is not None and task.status != "Stopping"]
    if word is not None:
        return named_task(there, word)
    if not there:
        hint = running.command("resume") if running.state.paused_at is not None else running.command("status")
        raise NotFoundError(f"no task of `{running.name}` runs in environment `{running.environment}`", hint=f"see `{hint}`")
    return next((task for task in there if task.status == "Healthy"), there[0])
