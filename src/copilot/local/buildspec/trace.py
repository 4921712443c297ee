"""What a build did, read off the events its program wrote down."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from mmap import mmap
from typing import Literal

from copilot.local.buildspec.compile import CommandLine

BuildStatus = Literal["SUCCEEDED", "FAILED", "TIMED_OUT", "STOPPED"]
Cut = Literal["STOPPED", "TIMED_OUT"]
PhaseStatus = Literal["SUCCEEDED", "FAILED", "TIMED_OUT", "STOPPED", "IN_PROGRESS"]

TAIL_LINES = 20
_LONGEST_LINE = 500
_LONGEST_COMMAND = 60
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")


@dataclass(frozen=True)
class PhaseResult:
    """How a phase ended. ``seconds`` of one that was cut short are 0."""

    name: str
    status: PhaseStatus
    seconds: float


@dataclass(frozen=True)
class Cause:
    """The command that failed first.

    Attributes:
        phase: ``build`` and so on, as the buildspec has it.
        command: Its text.
        exit_code: 128 + n when signal n killed it.
    """

    phase: str
    command: str
    exit_code: int
    seconds: float
    cleanup: bool = False

    @property
    def failure(self) -> str:
        """The line of the log that says how it ended."""
        hundredths = round(self.seconds * 100)
        return f"exit {self.exit_code} after {hundredths // 100}.{hundredths % 100 // 10} s"

    @property
    def reason(self) -> str:
        """What its end means, such as ``exit 1 after 5.0 s``."""
        if self.exit_code == 127:
            return "command not found (exit 127)"
        if self.exit_code == 126:
            return "the command cannot be executed (exit 126)"
        try:
            killer = signal.Signals(self.exit_code - 128)
        except ValueError:
            return self.failure
        return f"killed by {killer.name} ({self.failure})"

    @property
    def summary(self) -> str:
        """One line: which command, where, and what became of it."""
        return f"{shown(self.command)} in {'`finally` of ' * self.cleanup}phase {self.phase}: {self.reason}"


@dataclass
class Trace:
    """The events so far.

    Attributes:
        phases: Those that ended; the last is ``IN_PROGRESS`` while it runs.
        began: Numbers of the commands in the order they began.
        cause: The first failure that no retry made good, and its index in ``began``.
        ended: The program came to its end.
        collect: Artifacts are to be collected.
        program: Process id of the shell, which leads a session; None before it runs.
        logger: Process id of what writes the log.
        cut: Why the build was ended from outside, if it was.
    """

    phases: list[PhaseResult] = field(default_factory=list)
    began: list[int] = field(default_factory=list)
    cause: tuple[int, Cause] | None = None
    ended: bool = False
    collect: bool = False
    program: int | None = None
    logger: int | None = None
    cut: Cut | None = None


def read_trace(events: str, commands: Sequence[CommandLine]) -> Trace:
    """Read events; what a killed program wrote only half of is ignored."""
    trace = Trace()
    before_phase: tuple[int, Cause] | None = None
    for line in events.split("\n")[:-1]:
        match line.split(" "):
            case ["phase", name]:
                before_phase = trace.cause
                trace.phases.append(PhaseResult(name, "IN_PROGRESS", 0.0))
            case ["began", number]:
                trace.began.append(int(number))
            case ["ended", number, code, hundredths] if code != "0" and trace.cause is None:
                command = commands[int(number)]
                cause = Cause(command.phase.lower(), command.text, int(code), int(hundredths) / 100, command.cleanup)
                trace.cause = (len(trace.began) - 1, cause)
            case ["retry"]:
                trace.cause = before_phase
            case ["phase-ended", failed, hundredths]:
                status: PhaseStatus = "FAILED" if failed == "1" else "SUCCEEDED"
                trace.phases[-1] = PhaseResult(trace.phases[-1].name, status, int(hundredths) / 100)
            case ["pid", pid]:
                trace.program = int(pid)
            case ["logger", pid]:
                trace.logger = int(pid)
            case ["cut", ("STOPPED" | "TIMED_OUT") as cut]:
                trace.cut = trace.cut or cut
            case ["end", collect]:
                trace.ended, trace.collect = True, collect == "1"
    return trace


def shown(command: str) -> str:
    """A command as a message quotes it: its first line, cut where it is long."""
    first, *more = command.strip().split("\n")
    if len(first) > _LONGEST_COMMAND:
        return f"`{first[: _LONGEST_COMMAND - 1]}…`"
    return f"`{first}{' …' if more else ''}`"


def output_tail(log: bytes | mmap, echoes: Sequence[str], failure: str | None) -> tuple[str, ...]:
    """The last lines that a command printed.

    Args:
        log: What the build printed.
        echoes: How the commands that began were announced in it, in order; the last is the one that is asked about.
        failure: The line that says how it ended, or None if it was cut short.
    """
    start = 0
    for echo in echoes:
        found = log.find(os.fsencode(echo) + b"\n", start)
        start = start if found < 0 else found + len(os.fsencode(echo)) + 1
    end = log.find(os.fsencode(failure) + b"\n", start) if failure is not None else -1
    text = log[start : end if end >= 0 else len(log)].decode("utf-8", "replace")
    lines = [_plain(line) for line in text.rstrip().split("\n")[-TAIL_LINES:]]
    return tuple(lines) if any(lines) else ()


def _plain(line: str) -> str:
    """A line as a terminal would show it in the end, without its colours."""
    line = _ESCAPES.sub("", line.rstrip("\r").rpartition("\r")[2])
    return "".join(c for c in line if c.isprintable() or c == "\t")[:_LONGEST_LINE]
