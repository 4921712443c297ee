"""Events and logs of builds, read."""

from __future__ import annotations

import pytest

from copilot.local.buildspec.compile import CommandLine
from copilot.local.buildspec.trace import Cause, PhaseResult, output_tail, read_trace, shown

COMMANDS = [CommandLine("INSTALL", "a"), CommandLine("BUILD", "b"), CommandLine("BUILD", "c", cleanup=True)]


def test_the_first_failure_is_the_cause() -> None:
    events = "phase INSTALL\nbegan 0\nended 0 0 12\nphase-ended 0 15\n"
    events += "phase BUILD\nbegan 1\nended 1 3 250\nbegan 2\nended 2 4 1\nphase-ended 1 260\nend 1\n"
    trace = read_trace(events, COMMANDS)
    assert trace.phases == [PhaseResult("INSTALL", "SUCCEEDED", 0.15), PhaseResult("BUILD", "FAILED", 2.6)]
    assert trace.cause == (1, Cause("build", "b", 3, 2.5))
    assert (trace.ended, trace.collect) == (True, True)


def test_a_retry_forgets_the_failures_of_its_phase_only() -> None:
    first = "phase INSTALL\nbegan 0\nended 0 1 1\nphase-ended 1 1\n"
    retried = "phase BUILD\nbegan 1\nended 1 1 1\nretry\nbegan 1\nended 1 0 1\nphase-ended 0 1\nend 0\n"
    assert read_trace(retried, COMMANDS).cause is None
    trace = read_trace(first + retried, COMMANDS)
    assert trace.cause is not None
    assert trace.cause[1].phase == "install"
    assert not trace.collect


@pytest.mark.parametrize("cut", range(0, 90, 3))
def test_events_that_were_cut_off_are_no_trouble(cut: int) -> None:
    events = "phase INSTALL\nbegan 0\nended 0 0 12\nphase-ended 0 15\nphase BUILD\nbegan 1\nended 1 3 250\nend 1\n"
    trace = read_trace(events[:cut], COMMANDS)
    assert not trace.ended
    assert (trace.cause is not None) == (cut > events.index("end 1"))


def test_a_phase_that_runs_is_in_progress() -> None:
    assert read_trace("phase BUILD\nbegan 1\n", COMMANDS).phases == [PhaseResult("BUILD", "IN_PROGRESS", 0.0)]


def test_the_tail_is_found_between_its_echo_and_its_end() -> None:
    log = b"$ a\none\n$ b\ntwo\n$ b\nthree\nexit 1 after 0.0 s\nfour\n"
    assert output_tail(log, ["$ a", "$ b", "$ b"], "exit 1 after 0.0 s") == ("three",)
    assert output_tail(log, ["$ a", "$ b"], None)[0] == "two"
    assert output_tail(log, ["$ a", "$ masked", "$ b"], "exit 1 after 0.0 s")[0] == "two"
    assert output_tail(b"", ["$ a"], None) == ()
    assert output_tail(b"$ a\n\n \n", ["$ a"], None) == ()


def test_the_tail_cannot_move_the_cursor() -> None:
    assert output_tail(b"$ a\n\x1b]0;title\x07\x1b[2Jred\x1b[0m\x00\xff\n", ["$ a"], None) == ("red\ufffd",)
    (line,) = output_tail(b"$ a\n" + b"x" * 10000 + b"\n", ["$ a"], None)
    assert len(line) == 500


def test_a_long_command_is_cut() -> None:
    assert shown("make test\n") == "`make test`"
    assert shown("a\nb") == "`a …`"
    assert shown("x" * 61) == f"`{'x' * 59}…`"
