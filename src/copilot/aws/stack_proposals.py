"""Changes to stacks that CloudFormation has worked out and that wait to be made: change sets."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from botocore.exceptions import ClientError

from copilot.aws import stack_states as states
from copilot.aws.changes import ResourceChange, of_change_set
from copilot.aws.errors import explained, text_of
from copilot.aws.stack_failures import plain
from copilot.aws.stack_values import Stack, StackRequest
from copilot.aws.waiting import Pauses
from copilot.errors import ConflictError, CopilotError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import OperationEventTypeDef, ParameterTypeDef


class OutdatedError(ConflictError):
    """The stack is being changed, or was changed, by someone else since it was looked at."""


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
    _take_back: Callable[[Proposal], None] = field(repr=False, compare=False)
    changes: tuple[ResourceChange, ...] = ()
    executed: bool = False

    def discard(self) -> None:
        """Take it back. A stack that was new, with nothing in it, is gone then too."""
        if not self.executed:
            self._take_back(self)

    def __enter__(self) -> Proposal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            self.discard()
        else:
            with suppress(CopilotError):  # the error that is under way matters more
                self.discard()


def propose(
    client: CloudFormationClient, request: StackRequest, template: dict[str, str], stack: Stack | None, pause: float
) -> Proposal | None:
    """Let CloudFormation work out what would change; None if nothing would.

    Args:
        client: Asks AWS.
        request: What the stack is to be.
        template: The argument that gives CloudFormation the template.
        stack: As it is; None if there is none.
        pause: Seconds between two looks.

    Raises:
        OutdatedError: Someone else has begun to change the stack.
        CopilotError: AWS refuses the template or its parameters.
    """
    proposal = _begin(client, request, template, stack)
    if proposal is None:
        return None
    try:
        status, reason = _worked_out(client, proposal, pause)
        if status == "CREATE_COMPLETE":
            proposal.changes = _changes(client, proposal)
            return proposal
        objections = [] if states.has_no_changes(reason) else _objections(client, proposal, reason)
        proposal.discard()
    except BaseException:
        with suppress(CopilotError):
            proposal.discard()
        raise
    if not objections:
        return None
    raise CopilotError(f"AWS refuses the changes to stack `{request.name}`: {objections[0]}", details=objections[1:])


def _begin(client: CloudFormationClient, request: StackRequest, template: dict[str, str], stack: Stack | None) -> Proposal | None:
    creates = states.is_new(stack)
    token = f"copilot-{uuid4().hex}"
    optional: Any = {**template, **({"RoleARN": request.role_arn} if request.role_arn else {})}
    with explained():
        try:
            answer = client.create_change_set(
                StackName=request.name,
                ChangeSetName=token,
                ClientToken=token,
                ChangeSetType="CREATE" if creates else "UPDATE",
                Parameters=parameters(request, None if creates else stack),
                Tags=[{"Key": key, "Value": value} for key, value in request.tags.items()],
                Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
                **optional,
            )
        except ClientError as error:
            if states.has_no_changes(text_of(error)):
                return None
            if states.is_about_busy(text_of(error)):
                raise OutdatedError(f"stack `{request.name}` is being changed by someone else", hint="run this again") from error
            raise
    return Proposal(request, answer["StackId"], answer["Id"], creates, lambda one: _take_back(client, one))


def parameters(request: StackRequest, stack: Stack | None) -> list[ParameterTypeDef]:
    """What CloudFormation is told: values, and which parameters keep the one that the stack has."""
    known = stack.parameters if stack else {}
    told: list[ParameterTypeDef] = []
    for key, value in request.parameters.items():
        if value is not None:
            told.append({"ParameterKey": key, "ParameterValue": value})
        elif key in known:
            told.append({"ParameterKey": key, "UsePreviousValue": True})
    return told


def _worked_out(client: CloudFormationClient, proposal: Proposal, pause: float) -> tuple[str, str]:
    """Status and reason of a change set, once CloudFormation is done with working it out."""
    pauses = Pauses(pause)
    while True:
        with explained():
            answer = client.describe_change_set(ChangeSetName=proposal.id, StackName=proposal.stack_id)
        if answer["Status"] not in {"CREATE_PENDING", "CREATE_IN_PROGRESS"}:
            return answer["Status"], answer.get("StatusReason", "")
        pauses.wait()


def _objections(client: CloudFormationClient, proposal: Proposal, reason: str) -> list[str]:
    """Why CloudFormation refuses, each on one line: what it finds wrong with single resources is told apart from the rest.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/validate-stack-deployments.html
    """
    try:
        events = client.describe_events(ChangeSetName=proposal.id, Filters={"FailedEvents": True}).get("OperationEvents", [])
    except ClientError:  # the caller may not ask for them: the reason must do
        events = []
    found = [_objection(event) for event in events if event.get("ValidationStatusReason")]
    return list(dict.fromkeys(found)) or [plain(reason)]


def _objection(event: OperationEventTypeDef) -> str:
    path = event.get("ValidationPath")
    where = f" (at `{path}`)" if path else ""
    return (
        f"`{event.get('LogicalResourceId')}` ({event.get('ResourceType')}): {plain(event.get('ValidationStatusReason'))}{where}"
    )


def _changes(client: CloudFormationClient, proposal: Proposal) -> tuple[ResourceChange, ...]:
    pages = client.get_paginator("describe_change_set").paginate(
        ChangeSetName=proposal.id, StackName=proposal.stack_id, IncludePropertyValues=True
    )
    with explained():
        return of_change_set(change for page in pages for change in page.get("Changes", []))


def _take_back(client: CloudFormationClient, proposal: Proposal) -> None:
    with explained():
        client.delete_change_set(ChangeSetName=proposal.id, StackName=proposal.stack_id)
        if proposal.creates and _is_empty(client, proposal):
            client.delete_stack(StackName=proposal.stack_id)


def _is_empty(client: CloudFormationClient, proposal: Proposal) -> bool:
    """Whether nothing ever was in the stack, and nobody else proposes anything for it."""
    pages = client.get_paginator("list_change_sets").paginate(StackName=proposal.stack_id)
    proposed = [one for page in pages for one in page["Summaries"] if one.get("StackId") == proposal.stack_id]
    (stack,) = client.describe_stacks(StackName=proposal.stack_id)["Stacks"]
    return stack["StackStatus"] == states.REVIEW and all(one.get("ChangeSetId") == proposal.id for one in proposed)
