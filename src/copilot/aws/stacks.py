"""Stacks of CloudFormation: proposing changes, making them, waiting for them, deleting.

Every operation can be stopped at any moment and run again: what CloudFormation has begun goes on without us, and the next run
waits for it first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal
from uuid import uuid4

from botocore.exceptions import ClientError

from copilot.aws import stack_states as states
from copilot.aws.changes import PropertyChange, ResourceChange, of_change_set
from copilot.aws.client import Aws
from copilot.aws.errors import code_of, explained, text_of
from copilot.aws.stack_events import EventFeed
from copilot.aws.stack_failures import causes, is_failure, plain, sentence
from copilot.aws.stack_templates import template_argument
from copilot.aws.stack_values import Stack, StackEvent, StackRequest, Watch, stack_of, unwatched
from copilot.errors import ConflictError, CopilotError, DeploymentError, EngineUnavailableError, NotFoundError

__all__ = [
    "Explain",
    "Outcome",
    "PropertyChange",
    "Proposal",
    "ResourceChange",
    "Stack",
    "StackEvent",
    "StackRequest",
    "Stacks",
    "Watch",
]

Outcome = Literal["created", "updated", "unchanged"]

Explain = Callable[[StackEvent], Sequence[str]]
"""Is asked about each resource that fails, when it fails, and answers with further lines worth seeing: why an ECS service's tasks
stopped, for example, which nobody can find out once the service is rolled back."""

_ATTEMPTS = 5
_PAUSE = 3.0


class _OutdatedError(ConflictError):
    """The stack was changed after the proposal was made."""


@dataclass
class Proposal:
    """Changes to a stack that CloudFormation has worked out and that wait to be made.

    As a context manager it is discarded at the end, unless it was executed.

    Attributes:
        request: What the stack is to be.
        stack_id: The stack's ARN.
        id: The change set's ARN.
        creates: Whether the stack is new.
        changes: In CloudFormation's order.
        executed: Whether CloudFormation has begun to make them.
    """

    request: StackRequest
    stack_id: str
    id: str
    creates: bool
    changes: tuple[ResourceChange, ...]
    executed: bool = False
    _discard: Callable[[Proposal], None] = field(default=lambda _: None, repr=False, compare=False)

    def discard(self) -> None:
        """Take it back. A stack that was new, with nothing in it, is gone then too."""
        if not self.executed:
            self._discard(self)

    def __enter__(self) -> Proposal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            self.discard()
        else:
            with suppress(CopilotError):  # the error that is under way matters more
                self.discard()


def _no_lines(event: StackEvent) -> Sequence[str]:
    del event
    return ()


class Stacks:
    """The stacks of an account in a region.

    Args:
        aws: The account and region.
        pause: Seconds between two looks at what CloudFormation is doing.
    """

    def __init__(self, aws: Aws, *, pause: float = _PAUSE) -> None:
        self._aws = aws
        self._pause = pause

    @property
    def _client(self) -> Any:
        return self._aws.cloudformation

    def find(self, name: str) -> Stack | None:
        """The stack, by its name or ARN; by its ARN even when it was deleted."""
        with explained():
            try:
                return stack_of(self._client.describe_stacks(StackName=name)["Stacks"][0])
            except ClientError as error:
                if _is_missing(error):
                    return None
                raise

    def require(self, name: str) -> Stack:
        """The stack. Raises NotFoundError if there is none."""
        stack = self.find(name)
        if states.is_new(stack):
            raise NotFoundError(
                f"there is no stack `{name}` in {self._aws.region}",
                hint="it was not deployed yet, or deleted since: deploy it, and it is made again",
            )
        assert stack is not None  # noqa: S101 - `is_new` is true of None; for the type checker
        return stack

    def template(self, name: str) -> str:
        """The stack's template as it was sent. Raises NotFoundError if there is no such stack."""
        with explained():
            try:
                body: Any = self._client.get_template(StackName=name, TemplateStage="Original")["TemplateBody"]
            except ClientError as error:
                if _is_missing(error):
                    self.require(name)
                raise
        if isinstance(body, str):
            return body
        import json  # noqa: PLC0415 - rare: boto3 has parsed a template that was sent as JSON

        return json.dumps(body, indent=2)

    def events(self, name: str, since: float) -> list[StackEvent]:
        """What happened in a stack, and in those nested in it, since then (seconds since the epoch), oldest first."""
        with explained():
            return EventFeed(self._client, name, since).read()

    def propose(self, request: StackRequest, watch: Watch = unwatched, *, clear_failed: bool = False) -> Proposal | None:
        """Let CloudFormation work out what would change. Waits first while another operation is under way.

        Args:
            request: What the stack is to be.
            watch: Is told when another operation must end first.
            clear_failed: Whether a stack whose creation failed, so that it can only be deleted, is deleted.

        Returns:
            What would change; None if nothing would.

        Raises:
            ConflictError: The stack is in a state from which it cannot be updated; the hint says what to do.
            CopilotError: AWS refuses the template or its parameters.
        """
        argument = template_argument(self._aws, request)
        for _ in range(_ATTEMPTS):
            stack = self._idle(request.name, watch)
            refusal = stack and states.refusal(stack, self._aws.region, rollback=request.rollback)
            if stack and refusal:
                if not clear_failed or stack.status not in states.NEVER_SUCCEEDED:
                    raise refusal
                self.delete(stack.id, request.role_arn, watch)
                stack = None
            with suppress(_OutdatedError):
                return self._propose(request, argument, stack)
        raise _OutdatedError(
            f"stack `{request.name}` is being changed again and again by someone else", hint="run this again later"
        )

    def execute(self, proposal: Proposal, watch: Watch = unwatched, explain: Explain = _no_lines) -> Stack:
        """Make the changes and wait until they are made.

        Args:
            proposal: Of `propose`.
            watch: Is told each event.
            explain: Adds to what is known of a failure.

        Raises:
            DeploymentError: Something failed; the message has the first cause, the details have the others.
            ConflictError: The stack was changed after the proposal was made.
            KeyboardInterrupt: The person does not want to wait; its text says that CloudFormation goes on.
        """
        request = proposal.request
        feed = EventFeed(self._client, proposal.stack_id)
        with explained():
            feed.skip()
            try:
                self._client.execute_change_set(
                    ChangeSetName=proposal.id,
                    StackName=proposal.stack_id,
                    ClientRequestToken=uuid4().hex,
                    DisableRollback=not request.rollback,
                )
            except ClientError as error:
                if code_of(error) in {"InvalidChangeSetStatus", "ChangeSetNotFound"} or states.is_about_busy(text_of(error)):
                    raise _OutdatedError(
                        f"stack `{request.name}` was changed after this proposal was made", hint="propose the changes again"
                    ) from error
                raise
        proposal.executed = True
        stack, events, lines = self._follow(feed, request.name, proposal.stack_id, watch, explain)
        if stack is not None and stack.status in states.SUCCEEDED:
            return stack
        raise self._failed(stack or Stack(request.name, proposal.stack_id, states.DELETED), events, lines)

    def deploy(
        self, request: StackRequest, watch: Watch = unwatched, explain: Explain = _no_lines, *, clear_failed: bool = False
    ) -> Outcome:
        """Make the stack what it is to be, whatever it is now. Raises as `propose` and `execute` do."""
        for _ in range(_ATTEMPTS):
            proposal = self.propose(request, watch, clear_failed=clear_failed)
            if proposal is None:
                return "unchanged"
            with proposal, suppress(_OutdatedError):
                self.execute(proposal, watch, explain)
                return "created" if proposal.creates else "updated"
        raise ConflictError(
            f"stack `{request.name}` is being changed again and again by someone else", hint="run this again later"
        )

    def delete(self, name: str, role_arn: str | None = None, watch: Watch = unwatched) -> None:
        """Delete a stack, by its name or ARN, and wait until it is gone. One that does not exist is no error.

        Raises:
            ConflictError: It is protected from being deleted.
            DeploymentError: Something in it could not be deleted; the message has the first cause.
            KeyboardInterrupt: The person does not want to wait; its text says that CloudFormation goes on.
        """
        stack = self._idle(name, watch)
        if stack is None:
            return
        if stack.protected:
            raise ConflictError(
                f"stack `{stack.name}` is protected from being deleted",
                hint="if it is to go: `aws cloudformation update-termination-protection --no-enable-termination-protection "
                f"--stack-name {stack.name} --region {self._aws.region}`, then run this again",
            )
        feed = EventFeed(self._client, stack.id)
        role = {"RoleARN": role_arn} if role_arn else {}
        with explained():
            feed.skip()
            self._client.delete_stack(StackName=stack.id, ClientRequestToken=uuid4().hex, **role)
        if stack.status == states.REVIEW:
            self._idle(stack.id, unwatched)  # there is nothing in it, so nothing happens to anything in it
            return
        left, events, lines = self._follow(feed, stack.name, stack.id, watch, _no_lines)
        if left is not None and left.status != states.DELETED:
            raise self._failed(left, events, lines)

    def _idle(self, name: str, watch: Watch) -> Stack | None:
        """The stack, once CloudFormation is not at work on it; None if there is none, or none any more."""
        stack = self.find(name)
        if stack is not None and states.is_busy(stack.status):
            watch(states.waiting(stack, time.time()))
            with self._going_on(stack.name):
                stack = self._at_rest(stack)
        return None if stack is None or stack.status == states.DELETED else stack

    def _at_rest(self, stack: Stack | None) -> Stack | None:
        while stack is not None and states.is_busy(stack.status):
            time.sleep(self._pause)
            stack = self.find(stack.id)
        return stack

    def _propose(self, request: StackRequest, argument: dict[str, str], stack: Stack | None) -> Proposal | None:
        creates = states.is_new(stack)
        token = f"copilot-{uuid4().hex}"
        role = {"RoleARN": request.role_arn} if request.role_arn else {}
        with explained():
            try:
                answer = self._client.create_change_set(
                    StackName=request.name,
                    ChangeSetName=token,
                    ClientToken=token,
                    ChangeSetType="CREATE" if creates else "UPDATE",
                    Parameters=_parameters(request, None if creates else stack),
                    Tags=[{"Key": key, "Value": value} for key, value in request.tags.items()],
                    Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
                    **argument,
                    **role,
                )
            except ClientError as error:
                if states.has_no_changes(text_of(error)):
                    return None
                if states.is_about_busy(text_of(error)):
                    raise _OutdatedError(text_of(error)) from error
                raise
        proposal = Proposal(request, answer["StackId"], answer["Id"], creates, (), _discard=self._take_back)
        try:
            status, reason = self._worked_out(proposal)
            if status == "CREATE_COMPLETE":
                proposal.changes = self._changes(proposal)
                return proposal
            proposal.discard()
        except BaseException:
            with suppress(CopilotError):
                proposal.discard()
            raise
        if states.has_no_changes(reason):
            return None
        raise CopilotError(f"AWS refuses the changes to stack `{request.name}`: {plain(reason)}")

    def _worked_out(self, proposal: Proposal) -> tuple[str, str]:
        """Status and reason of a change set, once CloudFormation is done with working it out."""
        while True:
            with explained():
                answer = self._client.describe_change_set(ChangeSetName=proposal.id, StackName=proposal.stack_id)
            if answer["Status"] not in {"CREATE_PENDING", "CREATE_IN_PROGRESS"}:
                return answer["Status"], answer.get("StatusReason", "")
            time.sleep(self._pause)

    def _changes(self, proposal: Proposal) -> tuple[ResourceChange, ...]:
        pages = self._client.get_paginator("describe_change_set").paginate(
            ChangeSetName=proposal.id, StackName=proposal.stack_id, IncludePropertyValues=True
        )
        with explained():
            return of_change_set(change for page in pages for change in page.get("Changes", []))

    def _take_back(self, proposal: Proposal) -> None:
        with explained():
            self._client.delete_change_set(ChangeSetName=proposal.id, StackName=proposal.stack_id)
            if not proposal.creates:
                return
            pages = self._client.get_paginator("list_change_sets").paginate(StackName=proposal.stack_id)
            others = [one for page in pages for one in page["Summaries"] if one["StackId"] == proposal.stack_id]
        stack = self.find(proposal.stack_id)
        if stack is not None and stack.status == states.REVIEW and all(one["ChangeSetId"] == proposal.id for one in others):
            with explained():
                self._client.delete_stack(StackName=proposal.stack_id)

    def _follow(
        self, feed: EventFeed, name: str, stack_id: str, watch: Watch, explain: Explain
    ) -> tuple[Stack | None, list[StackEvent], list[str]]:
        """Tell events until the operation that was just begun has ended.

        Only the stack's own event is a sign of the end: right after the beginning, its status can still be that of before.
        """
        events: list[StackEvent] = []
        lines: list[str] = []
        with self._going_on(name), explained():
            while True:
                for event in feed.read():
                    events.append(event)
                    watch(event)
                    if is_failure(event):
                        lines += explain(event)
                if _has_ended(events, name):
                    return self._at_rest(self.find(stack_id)), events, lines
                time.sleep(self._pause)

    def _failed(self, stack: Stack, events: Sequence[StackEvent], lines: Sequence[str]) -> DeploymentError:
        first, *others = [sentence(event) for event in causes(events)] or [plain(stack.reason)]
        return DeploymentError(
            f"stack `{stack.name}`: {first}",
            hint=states.consequence(stack, self._aws.region),
            details=[*lines, *dict.fromkeys(line for line in others if line != first)],
        )

    @contextmanager
    def _going_on(self, name: str) -> Iterator[None]:
        """For the time of waiting: whatever ends it, CloudFormation works on."""
        try:
            yield
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"AWS goes on with stack `{name}`; run the same command again to wait for it and see how it ends"
            ) from None
        except EngineUnavailableError as error:
            message = f"{error.message}; AWS goes on with stack `{name}` meanwhile"
            raise EngineUnavailableError(message, hint=error.hint, details=error.details) from error


def _is_missing(error: ClientError) -> bool:
    return code_of(error) == "ValidationError" and "does not exist" in text_of(error)


def _has_ended(events: Sequence[StackEvent], name: str) -> bool:
    own = [event for event in events if event.of_stack_itself and event.stack == name]
    return bool(own) and not own[-1].status.endswith("_IN_PROGRESS")


def _parameters(request: StackRequest, stack: Stack | None) -> list[dict[str, Any]]:
    known = stack.parameters if stack else {}
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in request.parameters.items() if value is not None]
    kept = [key for key, value in request.parameters.items() if value is None and key in known]
    return [*given, *({"ParameterKey": key, "UsePreviousValue": True} for key in kept)]
