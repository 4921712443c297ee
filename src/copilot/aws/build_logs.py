"""What a build of CodeBuild printed, from CloudWatch Logs."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from copilot.aws.client import Aws
from copilot.aws.errors import code_of, explained
from copilot.aws.waiting import Pauses

if TYPE_CHECKING:
    from mypy_boto3_codebuild.type_defs import BuildTypeDef
    from mypy_boto3_logs.type_defs import OutputLogEventTypeDef

GRACE = 10.0
"""Seconds after the end of a build in which CloudWatch may still get lines of it."""

_LONGEST_PAUSE = 2.0
_TAIL_EVENTS = 1000
_KEPT = 16_384
"""Characters of the end of a log that are looked through for what ends it."""
_OWN = re.compile(r"\[Container\] \d{4}/\d\d/\d\d \d\d:\d\d:\d\d(?:\.\d+)? (?P<text>.*)")
"""A line of CodeBuild's own among those of the commands."""
_ENTERING = "Entering phase "
_RUNNING = "Running command "
_COMPLETE = re.compile(r"Phase complete: (?P<phase>\w+) State: (?P<state>\w+)")
_CONTEXT = "Phase context status code:"
"""How the line begins that follows on the end of each phase."""
_BEFORE_CONTAINER = frozenset({"SUBMITTED", "QUEUED", "PROVISIONING"})
_AFTER_CONTAINER = frozenset({"FINALIZING", "COMPLETED"})


class _Failure(NamedTuple):
    """Why a phase did not succeed."""

    phase: str
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.code}: {self.message}" if self.code else self.message


class BuildLog:
    """The log of a build, read piece by piece from its beginning: equal pieces make equal texts, whoever reads when.

    Args:
        aws: The account and region of the pipeline.
        build_id: CodeBuild's, ``<project>:<uuid>``.
        grace: As `GRACE`.
    """

    def __init__(self, aws: Aws, build_id: str, *, grace: float = GRACE) -> None:
        self._aws = aws
        self._id = build_id
        self._grace = grace
        self._begun = False
        self._token: str | None = None
        self._end = ""
        self._build: BuildTypeDef | None = None
        self.finished = False

    def more(self) -> str:
        """What comes next, in whole lines; empty if there is nothing now. ``finished`` says whether there ever will be."""
        if not self._begun:
            # A build waits for a machine before it prints anything; this line is there all the same, and stays.
            self._begun = True
            return f"CodeBuild starts build {self._id}\n"
        if self.finished:
            return ""
        # First the build, then its lines: what comes after its end is only late.
        build = self._build = self._look()
        if build is None:
            self.finished = True
            return "CodeBuild does not know the build any more: it keeps builds for a year\n"
        text = self._printed(build)
        if text or not build.get("buildComplete"):
            return text
        pauses, deadline = Pauses(_LONGEST_PAUSE), _deadline(build, self._grace)
        # CloudWatch has a line some seconds after it was printed. No more come after CodeBuild's last one; some builds end
        # without that, such as those that are stopped: for them only time tells.
        while not _has_ended(build, self._end) and time.time() < deadline:
            pauses.wait()
            if text := self._printed(build):
                return text
        self.finished = True
        return "".join(f"{line}\n" for line in self._closing(build))

    def _look(self) -> BuildTypeDef | None:
        return self._build if self._build and self._build.get("buildComplete") else find_build(self._aws, self._id)

    def _printed(self, build: BuildTypeDef) -> str:
        """The next lines of the build's stream; empty if there are none now."""
        place = _place(build)
        if place is None:
            return ""
        while True:
            more: dict[str, Any] = {"nextToken": self._token} if self._token else {}
            answer = _events(self._aws, place, startFromHead=True, **more)
            if answer is None:
                return ""
            events, token = answer
            at_end, self._token = token == self._token, token
            if events:
                text = "".join(_line(event) for event in events)
                self._end = (self._end + text)[-_KEPT:]
                return text
            # A page may be empty although more follow (GetLogEvents).
            if at_end:
                return ""

    def _closing(self, build: BuildTypeDef) -> Iterator[str]:
        """What the log does not say: why the build failed where no command did, or why there is no log."""
        failures = _failures(build)
        for failure in failures:
            if failure.message not in self._end:
                yield f"{failure.phase}: {failure}"
        place = _place(build)
        if self._end or any(failure.phase in _BEFORE_CONTAINER for failure in failures):
            return
        if place is None:
            yield "Nothing is known of what it printed: its project writes no log to CloudWatch"
        else:
            yield f"What it printed is gone: log group {place[0]} was deleted, or its lines have expired"


def find_build(aws: Aws, build_id: str) -> BuildTypeDef | None:
    """A build; None if CodeBuild has forgotten it."""
    with explained():
        return next(iter(aws.codebuild.batch_get_builds(ids=[build_id])["builds"]), None)


def last_lines(aws: Aws, build_id: str, lines: int, *, grace: float = GRACE) -> tuple[str, ...]:
    """The last lines that were printed in the first phase of a build that failed; commands as ``$ make test``.

    What follows is often a second failure: of a phase that needs what the first one did not make. Where that phase printed
    nothing there is what CodeBuild says of it.
    """
    build = find_build(aws, build_id)
    if build is None:
        return ()
    place, printed = _place(build), ""
    pauses, deadline = Pauses(_LONGEST_PAUSE), _deadline(build, grace)
    while place is not None:
        answer = _events(aws, place, startFromHead=False, limit=_TAIL_EVENTS)
        printed = "".join(_line(event) for event in answer[0]) if answer else ""
        if not build.get("buildComplete") or _has_ended(build, printed) or time.time() >= deadline:
            break
        pauses.wait()
    found = _of_failed_phase(printed.splitlines())[-lines:]
    return tuple(found) or tuple(map(str, _failures(build)))


def _of_failed_phase(lines: Iterable[str]) -> list[str]:
    found: list[str] = []
    for line in lines:
        own = _OWN.fullmatch(line)
        if own is None:
            found.append(line)
            continue
        text = own["text"]
        if text.startswith(_ENTERING):
            found.clear()
        elif text.startswith(_RUNNING):
            found.append(f"$ {text.removeprefix(_RUNNING)}")
        complete = _COMPLETE.match(text)
        if complete and complete["state"] != "SUCCEEDED":
            break
    return found


def _failures(build: BuildTypeDef) -> list[_Failure]:
    """What CodeBuild says of the phases that did not succeed."""
    return [
        _Failure(phase.get("phaseType", ""), context.get("statusCode", ""), context["message"].strip())
        for phase in build.get("phases", [])
        if phase.get("phaseStatus", "SUCCEEDED") != "SUCCEEDED"
        for context in phase.get("contexts", [])
        if context.get("message", "").strip()
    ]


def _has_ended(build: BuildTypeDef, text: str) -> bool:
    """Whether the end of the log has what CodeBuild prints at the end of the last phase that ran in the container."""
    phases = [phase.get("phaseType", "") for phase in build.get("phases", [])]
    inside = [phase for phase in phases if phase not in _BEFORE_CONTAINER | _AFTER_CONTAINER]
    if not inside:
        return True
    completed = list(_COMPLETE.finditer(text))
    return bool(completed) and completed[-1]["phase"] == inside[-1] and _CONTEXT in text[completed[-1].end() :]


def _deadline(build: BuildTypeDef, grace: float) -> float:
    """Until when lines may come, in seconds since the epoch. AWS's clock may be ahead of ours."""
    now, ended = time.time(), build.get("endTime")
    return min(now, ended.timestamp() if ended else now) + grace


def _place(build: BuildTypeDef) -> tuple[str, str] | None:
    """The log group and the stream; None while there is none, or if the project has no log."""
    logs = build.get("logs", {})
    group, stream = logs.get("groupName", ""), logs.get("streamName", "")
    return (group, stream) if group and stream else None


def _events(aws: Aws, place: tuple[str, str], **request: Any) -> tuple[list[OutputLogEventTypeDef], str] | None:
    """Events and the token for what follows them; None if there is no such stream."""
    with explained():
        try:
            answer = aws.logs.get_log_events(logGroupName=place[0], logStreamName=place[1], **request)
        except ClientError as error:
            if code_of(error) != "ResourceNotFoundException":
                raise
            return None
    return answer["events"], answer["nextForwardToken"]


def _line(event: OutputLogEventTypeDef) -> str:
    message = event.get("message", "")
    return message if message.endswith("\n") else f"{message}\n"
