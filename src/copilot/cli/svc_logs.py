"""``copilot svc logs``: what the tasks of a service printed.

What a task prints carries no time here, so a time chooses tasks, not lines: those that ran at some moment of it.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from copilot.cli._context import Context
from copilot.cli._options import json_option, names
from copilot.cli._output import dim, has_colour, say, yellow
from copilot.cli._root import command
from copilot.cli._running import Running, choose_running, named_task, service_options, short_id
from copilot.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from copilot.engine import Task, TaskLog

_LOOK_AGAIN = 0.3
"""Seconds between two looks while following."""
_DEFAULT_LIMIT = 100
_LARGEST_LIMIT = 10_000
_INTERRUPTED = 130
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?")
_UNITS = (86400, 3600, 60, 1)
_COLOURS = (36, 33, 35, 32, 34, 31)
"""Of the ids of tasks on a terminal: cyan, yellow, magenta, green, blue, red."""


@dataclass(frozen=True)
class Window:
    """A span of time, in seconds since the epoch; None: open."""

    begin: float | None = None
    end: float | None = None

    def touches(self, task: Task) -> bool:
        """Whether a task ran at some moment of it."""
        began_late = self.end is not None and task.started_at > self.end
        gone = task.last_exit_at if task.status == "Ended" else None
        return not began_late and not (self.begin is not None and gone is not None and gone < self.begin)


@dataclass
class Printer:
    """Writes lines with the short id of their task in front, in a colour of the task's on a terminal; or as JSON."""

    as_json: bool
    _colours: dict[str, int] = field(default_factory=dict)

    def write(self, task: Task, text: str) -> None:
        """Write what a task printed, whole lines."""
        lines = text.splitlines()
        if self.as_json:
            written = [json.dumps({"task": task.id, "release": task.release, "message": line}) for line in lines]
        else:
            colour = self._colours.setdefault(task.id, _COLOURS[len(self._colours) % len(_COLOURS)])
            head = short_id(task.id)
            head = f"\x1b[{colour}m{head}\x1b[0m" if has_colour(sys.stdout) else head
            written = [f"{head}  {line}" for line in lines]
        sys.stdout.write("".join(f"{line}\n" for line in written))
        sys.stdout.flush()

    def note(self, text: str) -> None:
        """Say something about the tasks, on stderr."""
        if not self.as_json:
            say(dim(text))


@dataclass(frozen=True)
class Reader:
    """Reads logs of a service's tasks. ``last``: how many lines to begin with, None: all; ``container``: None: every one."""

    running: Running
    last: int | None
    container: str | None

    def begin(self, task: Task) -> TaskLog:
        """What a task printed so far, or the last lines of it."""
        return self._read(task, "", self.last)

    def read(self, task: Task, cursor: str) -> TaskLog:
        """What came after a cursor."""
        return self._read(task, cursor, None)

    def _read(self, task: Task, cursor: str, last: int | None) -> TaskLog:
        running = self.running
        return running.engine.task_log(*running.place, task=task.id, cursor=cursor, last=last, container=self.container)


@command("svc logs")
@service_options
@click.option("--follow", is_flag=True, help="Keep printing, also of tasks that come later, until ctrl-C.")
@click.option(
    "--limit",
    type=click.IntRange(1, _LARGEST_LIMIT),
    metavar="LINES",
    help=f"The last lines of each task; default: {_DEFAULT_LIMIT}, or all where tasks are chosen by time.",
)
@click.option("--since", metavar="DURATION", help="Only tasks that ran in the last while, such as 5m or 1h30m.")
@click.option("--start-time", metavar="TIME", help="Only tasks that ran after this time, such as 2026-01-31T09:00:00Z.")
@click.option("--end-time", metavar="TIME", help="Only tasks that ran before this time.")
@click.option("--tasks", "words", multiple=True, metavar="ID,…", help="Only these tasks; the beginning of an id is enough.")
@click.option("--previous", "-p", is_flag=True, help="The tasks of the release before the current one.")
@click.option("--container", metavar="NAME", help="Only this container of each task: a sidecar, or the service itself.")
@click.option("--log-group", metavar="NAME", help="AWS: another log group than the service's own.")
@json_option
def logs(
    context: Context,
    name: str | None,
    environment: str | None,
    follow: bool,
    limit: int | None,
    since: str | None,
    start_time: str | None,
    end_time: str | None,
    words: tuple[str, ...],
    previous: bool,
    container: str | None,
    log_group: str | None,
    as_json: bool,
) -> None:
    """Of the current release and of later ones that failed, with tasks that have died.

    Lines carry no time on the local engine, so a time chooses tasks and not lines. On AWS a time chooses lines, whatever task
    printed them, and `--previous` is the task that stopped last.
    """
    if since is not None and start_time is not None:
        raise UsageError("`--since` and `--start-time` cannot be used together")
    if follow and (previous or end_time is not None):
        raise UsageError(f"`--follow` and `--{'previous' if previous else 'end-time'}` cannot be used together")
    if context.on_aws:
        from copilot.cli.aws import logs as aws_logs

        begin = time.time() - seconds(since) if since else moment("--start-time", start_time)
        wanted_lines = aws_logs.Wanted(
            begin, moment("--end-time", end_time), names(words), container, log_group, previous=previous
        )
        aws_logs.of_service(context, name, environment, wanted_lines, follow=follow, limit=limit, as_json=as_json)
        return
    window = Window(time.time() - seconds(since) if since else moment("--start-time", start_time), moment("--end-time", end_time))
    timed = window != Window()
    running = choose_running(context, name, environment)
    wanted = _chooser(running, names(words), window, previous=previous, timed=timed)
    if running.state.problem is not None:
        say(f"{yellow('warning:')} {running.state.problem}; only what ended tasks printed can be shown")
    reader = Reader(running, limit or (None if timed else _DEFAULT_LIMIT), container)
    printer = Printer(as_json)
    try:
        if follow:
            _follow(reader, wanted, printer)
        else:
            _print(reader, wanted(running.engine.tasks(*running.place)), printer, told=limit is not None)
    except KeyboardInterrupt:
        click.get_current_context().exit(_INTERRUPTED)


def _chooser(
    running: Running, words: Iterable[str], window: Window, *, previous: bool, timed: bool
) -> Callable[[Sequence[Task]], list[Task]]:
    """What chooses, of a service's tasks, those that are asked for."""
    if words:
        known = running.engine.tasks(*running.place)
        ids = {named_task(known, word).id for word in words}
        return lambda tasks: [t for t in tasks if t.id in ids and window.touches(t)]
    release = _previous(running) if previous else running.state.release or 0
    if previous:
        return lambda tasks: [t for t in tasks if t.release == release and window.touches(t)]
    return lambda tasks: [t for t in tasks if (timed or t.release >= release) and window.touches(t)]


def _previous(running: Running) -> int:
    """The number of the release that served before the current one."""
    earlier = [r for r in running.engine.releases(*running.place) if r.status == "Superseded" and r.deployed_at is not None]
    if not earlier:
        raise NotFoundError(f"`{running.name}` had no release before this one in environment `{running.environment}`")
    return earlier[0].number


def _print(reader: Reader, tasks: Sequence[Task], printer: Printer, *, told: bool) -> None:
    skipped = False
    anything = False
    for task in tasks:
        log = reader.begin(task)
        while True:
            printer.write(task, log.text)
            skipped = skipped or log.skipped
            anything = anything or bool(log.text)
            if log.complete:
                break
            log = reader.read(task, log.cursor)
    if not anything:
        say(f"{'No task was found' if not tasks else 'Nothing was printed'}.")
    elif skipped and not told:
        say(dim(f"These are the last {reader.last} lines of each task; `--limit` takes another number."))


def _follow(reader: Reader, wanted: Callable[[Sequence[Task]], list[Task]], printer: Printer) -> None:
    """Print what tasks print as it comes; what was there at first is cut to its last lines. Ends by ctrl-C only."""
    cursors: dict[str, str | None] = {}
    begun = False
    while True:
        progressed = False
        for task in wanted(reader.running.engine.tasks(*reader.running.place)):
            new = task.id not in cursors
            cursor = cursors.get(task.id, "")
            if cursor is None:
                continue
            if new and begun:
                printer.note(f"task {short_id(task.id)} of release {task.release} started")
            log = reader.begin(task) if new and not begun else reader.read(task, cursor)
            printer.write(task, log.text)
            progressed = progressed or bool(log.text)
            cursors[task.id] = None if log.finished else log.cursor
            if log.finished and begun:
                printer.note(f"task {short_id(task.id)} ended: {task.last_exit}")
        begun = True
        if not progressed:
            time.sleep(_LOOK_AGAIN)


def seconds(text: str) -> float:
    """A duration as a person or AWS Copilot's scripts write it: ``45s``, ``5m``, ``1h30m``, ``2d``. Raises UsageError."""
    match = _DURATION.fullmatch(text.strip())
    if match is None or not any(match.groups()):
        raise UsageError(f"`--since` must be a duration such as `5m` or `1h30m`, not `{text}`")
    return sum(unit * float(number) for unit, number in zip(_UNITS, match.groups(), strict=True) if number)


def moment(flag: str, text: str | None) -> float | None:
    """A time as RFC 3339 has it, in seconds since the epoch; without a zone it is this machine's. Raises UsageError."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        raise UsageError(f"`{flag}` must be a time such as `{now}`, not `{text}`") from None
