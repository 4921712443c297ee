"""The logs of a pipeline's actions: of builds, of deployments, of what people decided."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from botocore.exceptions import ClientError

from copilot.aws import build_logs
from copilot.aws.build_logs import BuildLog
from copilot.aws.client import Aws
from copilot.aws.errors import explained, text_of
from copilot.aws.execution_values import decision_of, message_in
from copilot.aws.pipeline_values import ActionExecution
from copilot.aws.progress import Tree, told
from copilot.aws.stack_events import EventFeed
from copilot.aws.stack_failures import causes, sentence
from copilot.aws.stack_values import StackEvent
from copilot.aws.stacks import Stacks
from copilot.aws.templates.reading import read_template
from copilot.aws.templates.rendering import descriptions
from copilot.engine import LogChunk
from copilot.errors import NotFoundError

_BEGINS = frozenset({"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"})
_SHORT_BEFORE = 1.0
"""Seconds by which the clocks of two services of AWS may differ."""


class _Log(Protocol):
    """A log that is read piece by piece from its beginning."""

    @property
    def finished(self) -> bool:
        """Whether nothing will be added any more."""
        ...

    def more(self, action: ActionExecution) -> str:
        """What comes next; empty if there is nothing now. The action is as it is by now."""
        ...


class PipelineLogs:
    """The logs of the actions of pipelines.

    A log on AWS cannot be read from a byte on. Each is read from its beginning, and where the last read ended is remembered: who
    reads on soon asks for no more than what is new.

    Args:
        aws: The account and region of the pipelines.
        grace: As `build_logs.GRACE`.
    """

    def __init__(self, aws: Aws, *, grace: float = build_logs.GRACE) -> None:
        self._aws = aws
        self._grace = grace
        self._read: dict[str, tuple[_Log, int]] = {}

    def read(self, action: ActionExecution, inside: Aws, offset: int = 0) -> LogChunk:
        """An attempt's log from a byte offset.

        Args:
            action: The attempt, as it is by now.
            inside: An identity that may look into the environment that it deploys to, in its region.
            offset: Bytes to skip.

        Raises:
            EngineUnavailableError: AWS refuses, or does not answer.
        """
        log, position = self._read.get(action.id, (None, 0))
        if log is None or position > offset:
            begun = self._log(action, inside)
            if begun is None:
                return LogChunk(text="", next_offset=offset, finished=False)
            log, position = begun, 0
        while True:
            piece = log.more(action).encode()
            start, position = position, position + len(piece)
            self._read[action.id] = log, position
            if not piece or position > offset:
                text = piece[max(0, offset - start) :].decode("utf-8", "replace")
                return LogChunk(text=text, next_offset=max(offset, position), finished=log.finished)

    def tail(self, action: ActionExecution, inside: Aws, lines: int) -> tuple[str, ...]:
        """What tells best why an attempt failed: the last lines that a build printed until then, the causes in a stack.

        Args:
            action: The attempt.
            inside: As for `read`.
            lines: How many at most.
        """
        if action.provider == "CodeBuild" and action.external_id:
            return build_logs.last_lines(self._aws, action.external_id, lines, grace=self._grace)
        if action.provider == "CloudFormation":
            events = _Events(inside, action).read(action)
            return tuple(dict.fromkeys(sentence(event) for event in causes(events)))[:lines]
        return ()

    def _log(self, action: ActionExecution, inside: Aws) -> _Log | None:
        """None: there is none yet."""
        if action.provider == "CodeBuild" and action.external_id:
            return _OfBuild(BuildLog(self._aws, action.external_id, grace=self._grace))
        if action.provider == "CloudFormation":
            return _OfStack(inside, action)
        return _Words() if _has_ended(action) else None


class _OfBuild:
    def __init__(self, log: BuildLog) -> None:
        self._log = log

    @property
    def finished(self) -> bool:
        return self._log.finished

    def more(self, action: ActionExecution) -> str:
        del action
        return self._log.more()


class _OfStack:
    """What CloudFormation did to a stack: a line for each resource that is done, as `copilot svc deploy` prints them."""

    def __init__(self, inside: Aws, action: ActionExecution) -> None:
        self._inside = inside
        self._events = _Events(inside, action)
        self._tree: Tree | None = None
        self._told = False
        self.finished = False

    def more(self, action: ActionExecution) -> str:
        if self.finished:
            return ""
        lines = list(self._lines(action))
        if _has_ended(action):
            self.finished = True
            if not self._told:
                lines += _outcome(action)
        return "".join(f"{line}\n" for line in lines)

    def _lines(self, action: ActionExecution) -> Iterator[str]:
        for event in self._events.read(action):
            if self._tree is None:
                self._tree = Tree(event.stack, self._descriptions(event.stack))
            self._tree, line = told(self._tree, event, _seconds)
            if line is not None:
                self._told = True
                yield line

    def _descriptions(self, stack: str) -> dict[str, str]:
        try:
            return descriptions(read_template(Stacks(self._inside).template(self._events.stack_id or stack)))
        except NotFoundError:
            return {}


class _Events:
    """What happened to a stack by an action: from when CloudFormation began on it until it was done."""

    def __init__(self, inside: Aws, action: ActionExecution) -> None:
        # Its ARN leads to the stack that it was, even when that was deleted since.
        arn = action.external_id if action.external_id.startswith("arn:") else ""
        self._name = action.configuration.get("StackName", "")
        self._feed = EventFeed(inside.cloudformation, arn or self._name, action.started_at - _SHORT_BEFORE)
        self._begun = self._done = False
        self.stack_id = arn

    def read(self, action: ActionExecution) -> list[StackEvent]:
        """The events that are new."""
        return [event for event in self._unread() if self._is_of(action, event)]

    def _unread(self) -> list[StackEvent]:
        with explained():
            try:
                return self._feed.read()
            except ClientError as error:
                if "does not exist" in text_of(error):
                    return []  # it is not there yet, or not any more
                raise

    def _is_of(self, action: ActionExecution, event: StackEvent) -> bool:
        if self._done:
            return False
        own = event.of_stack_itself and event.stack == self._name
        if own and not self._begun and event.status in _BEGINS:
            # What begins after the action has ended is another one's.
            self._begun = not _has_ended(action) or event.at <= action.updated_at
            self._done = not self._begun
            if not self.stack_id:
                self.stack_id = event.physical_id
        elif own and self._begun:
            self._done = not event.status.endswith("_IN_PROGRESS")
        return self._begun


class _Words:
    """An action that is over when it has begun: what is known of it is its log."""

    finished = False

    def more(self, action: ActionExecution) -> str:
        if self.finished:
            return ""
        self.finished = True
        lines = {"Source": _commit, "Approval": _decision}.get(action.category, _outcome)(action)
        return "".join(f"{line}\n" for line in lines)


def _commit(action: ActionExecution) -> Iterator[str]:
    variables = action.variables
    if "CommitId" not in variables:
        yield from _outcome(action)
        return
    branch = f" of {variables['BranchName']}" if "BranchName" in variables else ""
    written = f", written {variables['AuthorDate']}" if "AuthorDate" in variables else ""
    yield f"{variables['CommitId']}{branch}{written}"
    yield from variables.get("CommitMessage", "").strip().splitlines()


def _decision(action: ActionExecution) -> Iterator[str]:
    if text := decision_of(action):
        yield text


def _outcome(action: ActionExecution) -> Iterator[str]:
    yield from (text for text in dict.fromkeys((message_in(action.summary), action.error)) if text)


def _has_ended(action: ActionExecution) -> bool:
    return action.status not in ("Pending", "InProgress")


def _seconds(duration: float) -> str:
    return f"{duration:.1f} s"
