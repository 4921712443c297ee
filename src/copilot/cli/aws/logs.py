"""``copilot svc logs`` and ``copilot job logs`` on AWS."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from copilot.cli._output import has_colour, say
from copilot.cli.aws._deployed import choose_deployed
from copilot.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from copilot.aws.logs import LogLine, LogQuery
    from copilot.cli._context import Context
    from copilot.cli.aws._deployed import Deployed

DEFAULT_LIMIT = 100
_INTERRUPTED = 130
_COLOURS = (36, 33, 35, 32, 34, 31)
"""Of the ids of tasks on a terminal: cyan, yellow, magenta, green, blue, red."""


@dataclass(frozen=True)
class Wanted:
    """Which lines are asked for.

    Attributes:
        begin: Seconds since the epoch; None: open. Likewise ``end``.
        tasks: Beginnings of tasks' IDs.
        container: Only this one's.
        log_group: Instead of the workload's own.
        previous: Of the task that stopped last.
    """

    begin: float | None
    end: float | None
    tasks: tuple[str, ...] = ()
    container: str | None = None
    log_group: str | None = None
    previous: bool = False


@dataclass
class Printer:
    """Writes lines with their container and task in front, in a colour of the task's on a terminal; or as JSON."""

    as_json: bool
    _colours: dict[str, int] = field(default_factory=dict)

    def write(self, line: LogLine) -> None:
        """Write a line."""
        if self.as_json:
            document = {
                "logStreamName": line.stream,
                "timestamp": round(line.at * 1000),
                "message": line.message,
                "task": line.task,
            }
            text = json.dumps({**document, "container": line.container}, ensure_ascii=False)
        else:
            head = f"{line.container}/{line.task[:8]}"
            colour = self._colours.setdefault(line.task, _COLOURS[len(self._colours) % len(_COLOURS)])
            text = f"\x1b[{colour}m{head}\x1b[0m  {line.message}" if has_colour(sys.stdout) else f"{head}  {line.message}"
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def of_service(
    context: Context, name: str | None, environment: str | None, wanted: Wanted, *, follow: bool, limit: int | None, as_json: bool
) -> None:
    """What the tasks of a service printed."""
    from copilot.aws.logs import LogQuery

    deployed = choose_deployed(context, name, environment)
    tasks = wanted.tasks
    if wanted.previous:
        tasks = (*tasks, _stopped_last(deployed))
    query = LogQuery(wanted.log_group or deployed.log_group, wanted.begin, wanted.end, tasks, wanted.container)
    print_logs(deployed, query, follow=follow, limit=limit, as_json=as_json)


def _stopped_last(deployed: Deployed) -> str:
    from copilot.aws.services import Services

    stopped = Services(deployed.aws, deployed.app, deployed.environment).status(deployed.name).stopped_tasks
    if not stopped:
        raise NotFoundError(
            f"no task of `{deployed.name}` stopped lately in environment `{deployed.environment}`",
            hint="ECS knows of a task for an hour after it stopped; `--since 2h` prints what all tasks printed",
        )
    return stopped[0].id


def print_logs(deployed: Deployed, query: LogQuery, *, follow: bool, limit: int | None, as_json: bool) -> None:
    """Print what a query finds: its last lines, or all where a time or a task was named; then what comes, if it is followed."""
    from copilot.aws import logs

    printer = Printer(as_json)
    named = query.begin is not None or query.end is not None or bool(query.tasks)
    try:
        if follow:
            began = time.time()
            _print(printer, logs.last_lines(deployed.aws, query, limit or DEFAULT_LIMIT))
            since = logs.LogQuery(query.group, began, None, query.tasks, query.container)
            for line in logs.follow(deployed.aws, since):
                if line is not None:
                    printer.write(line)
            return
        found = logs.all_lines(deployed.aws, query) if named and limit is None else None
        if _print(printer, found if found is not None else logs.last_lines(deployed.aws, query, limit or DEFAULT_LIMIT)) == 0:
            say("Nothing was printed.")
    except KeyboardInterrupt:
        click.get_current_context().exit(_INTERRUPTED)


def _print(printer: Printer, lines: Iterable[LogLine]) -> int:
    count = 0
    for line in lines:
        printer.write(line)
        count += 1
    return count
