"""What CloudFormation says about stacks, as values of ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackEventTypeDef, StackTypeDef

STACK_TYPE = "AWS::CloudFormation::Stack"
"""The type of a stack, as of a resource: a nested one in its parent, and each one in its own events."""


@dataclass(frozen=True)
class StackRequest:
    """What a stack is to be.

    Attributes:
        name: Of the stack.
        template: YAML or JSON.
        parameters: A value for each of the template's parameters that has no default; None keeps the value that the stack has
            already, whatever it will be by then (a new stack takes the default).
        tags: On the stack and, by CloudFormation, on what is in it.
        role_arn: The role that CloudFormation works with; None: the caller's own rights, or the role it had last time.
        bucket: Where a template goes that is too big to be sent along, in the region of the stack.
        rollback: Whether CloudFormation undoes what it did when something fails.
    """

    name: str
    template: str
    parameters: Mapping[str, str | None] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    role_arn: str | None = None
    bucket: str | None = None
    rollback: bool = True


@dataclass(frozen=True)
class Stack:
    """A stack as it is.

    Attributes:
        name: Its name; a deleted stack's can be taken by another one.
        id: Its ARN, which no other stack ever has.
        status: CloudFormation's word, such as ``UPDATE_COMPLETE``.
        reason: What CloudFormation says about the status.
        parameters: Secret values are ``****``.
        outputs: By name.
        tags: By key.
        created_at: Seconds since the epoch.
        updated_at: Likewise; None if it never was.
        protected: Whether it must not be deleted (termination protection).
        role_arn: The role that CloudFormation works with on it; None: whoever asks for a change.
    """

    name: str
    id: str
    status: str
    reason: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    created_at: float = 0.0
    updated_at: float | None = None
    protected: bool = False
    role_arn: str | None = None


@dataclass(frozen=True)
class StackEvent:
    """Something that happened to a resource of a stack, or to the stack itself.

    Attributes:
        stack: Name of the stack that the resource is in.
        logical_id: The resource's; the stack's name if it is about the stack itself.
        physical_id: What AWS calls the resource; empty while it has no name.
        type: Such as ``AWS::ECS::Service``.
        status: CloudFormation's word, such as ``CREATE_FAILED``.
        reason: What CloudFormation says about it.
        at: Seconds since the epoch.
    """

    stack: str
    logical_id: str
    physical_id: str
    type: str
    status: str
    reason: str | None
    at: float

    @property
    def of_stack_itself(self) -> bool:
        """Whether it is about the stack, not about a resource of it."""
        return self.type == STACK_TYPE and name_in_arn(self.physical_id) == self.stack and self.logical_id == self.stack


Watch = Callable[[StackEvent], None]
"""Is told each event, in order, while CloudFormation works."""


def unwatched(event: StackEvent) -> None:
    """For callers who do not look."""
    del event


def name_in_arn(stack_id: str) -> str:
    """The name of a stack by its ARN, ``arn:aws:cloudformation:<region>:<account>:stack/<name>/<uuid>``; else what was given."""
    parts = stack_id.split("/")
    return parts[1] if len(parts) == 3 else stack_id


def stack_of(data: StackTypeDef) -> Stack:
    """From boto3's answer."""
    updated = data.get("LastUpdatedTime")
    return Stack(
        name=data["StackName"],
        id=data.get("StackId", data["StackName"]),
        status=data["StackStatus"],
        reason=data.get("StackStatusReason"),
        parameters=_pairs(data.get("Parameters", []), "ParameterKey", "ParameterValue"),
        outputs=_pairs(data.get("Outputs", []), "OutputKey", "OutputValue"),
        tags=_pairs(data.get("Tags", []), "Key", "Value"),
        created_at=data["CreationTime"].timestamp(),
        updated_at=updated.timestamp() if updated else None,
        protected=data.get("EnableTerminationProtection", False),
        role_arn=data.get("RoleARN"),
    )


def event_of(data: StackEventTypeDef) -> StackEvent:
    """From boto3's answer."""
    return StackEvent(
        stack=data["StackName"],
        logical_id=data.get("LogicalResourceId", ""),
        physical_id=data.get("PhysicalResourceId", ""),
        type=data.get("ResourceType", ""),
        status=data.get("ResourceStatus", ""),
        reason=data.get("ResourceStatusReason") or None,
        at=data["Timestamp"].timestamp(),
    )


def _pairs(rows: Any, key: str, value: str) -> dict[str, str]:
    return {row[key]: row.get(value, "") for row in rows}
