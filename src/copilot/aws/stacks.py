"""Stacks of CloudFormation: proposing changes, making them, waiting for them, deleting.

Every operation can be stopped at any moment and run again: what CloudFormation has begun goes on without us, and the next run
waits for it first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from botocore.exceptions import ClientError

from copilot.aws import stack_states as states
from copilot.aws.changes import PropertyChange, ResourceChange
from copilot.aws.client import Aws
from copilot.aws.errors import code_of, explained, text_of
from copilot.aws.stack_events import EventFeed
from copilot.aws.stack_failures import causes, cure, is_failure, plain, sentence
from copilot.aws.stack_lookup import find_stack, require_stack, stack_template
from copilot.aws.stack_proposals import OutdatedError, Proposal, propose
from copilot.aws.stack_templates import template_argument
from copilot.aws.stack_values import Stack, StackEvent, StackRequest, Watch, unwatched
from copilot.aws.waiting import Pauses
from copilot.errors import ConflictError, DeploymentError, EngineUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

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
stopped, for example, which is harder to find out once the service is rolled back. What it raises ends the waiting."""

_ATTEMPTS = 5
_PAUSE = 3.0


def _no_lines(event: StackEvent) -> Sequence[str]:
    del event
    return ()


@dataclass
class _Course:
    """How an operation went: its events so far, and what is known of the failures among them."""

    name: str
    watch: Watch
    explain: Explain = _no_lines
    events: list[StackEvent] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def tell(self, event: StackEvent) -> None:
        self.events.append(event)
        self.watch(event)
        if is_failure(event):
            self.lines += self.explain(event)

    @property
    def has_ended(self) -> bool:
        own = [event for event in self.events if event.of_stack_itself and event.stack == self.name]
        return bool(own) and not own[-1].status.endswith("_IN_PROGRESS")


class Stacks:
    """The stacks of an account in a region.

    Args:
        aws: The account and region.
        pause: Seconds between two looks at what CloudFormation is doing, at most.
    """

    def __init__(self, aws: Aws, *, pause: float = _PAUSE) -> None:
        self._aws = aws
        self._pause = pause

    @property
    def _client(self) -> CloudFormationClient:
        return self._aws.cloudformation

    def find(self, name: str) -> Stack | None:
        """The stack, by its name or ARN; by its ARN even when it was deleted."""
        return find_stack(self._aws, name)

    def require(self, name: str) -> Stack:
        """The stack. Raises NotFoundError if there is none, or one with nothing in it yet."""
        return require_stack(self._aws, name)

    def template(self, name: str) -> str:
        """The stack's template as it was sent. Raises NotFoundError if there is no such stack."""
        return stack_template(self._aws, name)

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
        template = template_argument(self._aws, request)
        for _ in range(_ATTEMPTS):
            stack = self._idle(request.name, watch)
            refusal = stack and states.refusal(stack, self._aws.region, rollback=request.rollback)
            if stack and refusal:
                if not clear_failed or stack.status not in states.NEVER_SUCCEEDED:
                    raise refusal
                self.delete(stack.id, request.role_arn, watch)
                stack = None
            with suppress(OutdatedError):
                return propose(self._client, request, template, stack, self._pause)
        raise _contended(request)

    def begin(self, proposal: Proposal) -> None:
        """Have the changes made, and do not wait. Raises ConflictError if the stack was changed after they were proposed."""
        name = proposal.request.name
        with explained():
            try:
                self._client.execute_change_set(
                    ChangeSetName=proposal.id,
                    StackName=proposal.stack_id,
                    ClientRequestToken=uuid4().hex,
                    DisableRollback=not proposal.request.rollback,
                )
            except ClientError as error:
                if code_of(error) in {"InvalidChangeSetStatus", "ChangeSetNotFound"} or states.is_about_busy(text_of(error)):
                    raise OutdatedError(
                        f"stack `{name}` was changed after these changes were proposed", hint="propose them again"
                    ) from error
                raise
        proposal.executed = True

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
        feed = EventFeed(self._client, proposal.stack_id)
        with explained():
            feed.skip()
        self.begin(proposal)
        course = _Course(proposal.request.name, watch, explain)
        stack = self._follow(feed, proposal.stack_id, course)
        if stack is not None and stack.status in states.SUCCEEDED:
            return stack
        raise self._failed(stack or Stack(course.name, proposal.stack_id, states.DELETED), course)

    def deploy(
        self, request: StackRequest, watch: Watch = unwatched, explain: Explain = _no_lines, *, clear_failed: bool = False
    ) -> Outcome:
        """Make the stack what it is to be, whatever it is now. Raises as `propose` and `execute` do."""
        for _ in range(_ATTEMPTS):
            proposal = self.propose(request, watch, clear_failed=clear_failed)
            if proposal is None:
                return "unchanged"
            with proposal, suppress(OutdatedError):
                self.execute(proposal, watch, explain)
                return "created" if proposal.creates else "updated"
        raise _contended(request)

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
        role: Any = {"RoleARN": role_arn} if role_arn else {}
        with explained():
            feed.skip()
            self._client.delete_stack(StackName=stack.id, ClientRequestToken=uuid4().hex, **role)
        if stack.status == states.REVIEW:
            self._at_rest(self.find(stack.id))  # there is nothing in it, so nothing happens to anything in it
            return
        course = _Course(stack.name, watch)
        left = self._follow(feed, stack.id, course)
        if left is not None and left.status != states.DELETED:
            raise self._failed(left, course)

    def _idle(self, name: str, watch: Watch) -> Stack | None:
        """The stack, once CloudFormation is not at work on it; None if there is none, or none any more."""
        stack = self.find(name)
        if stack is not None and states.is_busy(stack.status):
            watch(states.waiting(stack, time.time()))
            with self._going_on(stack.name):
                stack = self._at_rest(stack)
        return None if stack is None or stack.status == states.DELETED else stack

    def _at_rest(self, stack: Stack | None) -> Stack | None:
        pauses = Pauses(self._pause)
        while stack is not None and states.is_busy(stack.status):
            pauses.wait()
            stack = self.find(stack.id)
        return stack

    def _follow(self, feed: EventFeed, stack_id: str, course: _Course) -> Stack | None:
        """Tell events until the operation that was just begun has ended; the stack as it is then.

        Only the stack's own event is a sign of the end: right after the beginning, its status can still be that of before.
        """
        pauses = Pauses(self._pause)
        with self._going_on(course.name):
            while True:
                with explained():
                    events = feed.read()
                for event in events:
                    course.tell(event)
                if course.has_ended:
                    return self._at_rest(self.find(stack_id))
                pauses.wait()

    def _failed(self, stack: Stack, course: _Course) -> DeploymentError:
        found = causes(course.events)
        first, *others = [sentence(event) for event in found] or [plain(stack.reason)]
        remedy = cure(found[0], stack.role_arn) if found else None
        return DeploymentError(
            f"stack `{stack.name}`: {first}",
            hint=states.consequence(stack, self._aws.region, remedy),
            details=[*course.lines, *dict.fromkeys(line for line in others if line != first)],
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


def _contended(request: StackRequest) -> ConflictError:
    return ConflictError(f"stack `{request.name}` is being changed again and again by someone else", hint="run this again later")
