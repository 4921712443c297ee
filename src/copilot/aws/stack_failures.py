"""Why an operation on a stack failed, from its events."""

from __future__ import annotations

import re
from collections.abc import Sequence

from copilot.aws.stack_values import STACK_TYPE, StackEvent, name_in_arn

# CloudFormation stops what else it was doing when a resource fails; that is no cause. Its words differ by operation.
_CANCELLED = re.compile(r"^Resource (creation|update|deletion|import) cancelled", re.IGNORECASE)
_HANDLER = re.compile(r'^Resource handler returned message: "(?P<text>.*)" \(RequestToken: [^()]*\)\.?$', re.DOTALL)
_SERVICE = re.compile(r"\s*\((?:Service: [^()]*|RequestToken: [^()]*|[^()]*Request ID: [^()]*)\)")
# An action is only named by some services, and the role by fewer: "API: s3:CreateBucket Access Denied", for example.
_DENIED = re.compile(
    r"not authorized to perform|^API: \S+ Access Denied|HandlerErrorCode: (AccessDenied|UnauthorizedTaggingOperation)"
)
_WHO = re.compile(r":assumed-role/(?P<role>[^/\s]+)/")
_ACTION = re.compile(r"(?:authorized to perform: |API: )(?P<action>[\w-]+:\w+)")
_BY_ORDER = re.compile(r"explicit deny|permissions boundary|(service|resource) control policy", re.IGNORECASE)
_RECORD_EXISTS = re.compile(r"create resource record set \[name='(?P<name>[^']+?)\.?',.*already exists")
_EXECUTION_ROLE = "-CFNExecutionRole"
_ATTEMPTED = {
    "CREATE_FAILED": "could not be created",
    "UPDATE_FAILED": "could not be updated",
    "DELETE_FAILED": "could not be deleted",
    "IMPORT_FAILED": "could not be imported",
    "UPDATE_ROLLBACK_FAILED": "could not be set back",
}


def is_failure(event: StackEvent) -> bool:
    """Whether a resource failed by itself, not because another one did."""
    cancelled = event.reason is not None and _CANCELLED.match(event.reason)
    return event.status.endswith("_FAILED") and not cancelled and not event.of_stack_itself


def causes(events: Sequence[StackEvent]) -> list[StackEvent]:
    """The failures among an operation's events that are no consequence of another one, first one first.

    A nested stack fails because something in it failed: it counts only if nothing is known of its inside. The stack's own
    event counts only if no resource failed, such as when an export is in use elsewhere.
    """
    ordered = sorted(events, key=lambda event: event.at)
    failed = [event for event in ordered if is_failure(event)]
    broken = {event.stack for event in failed}
    found = [event for event in failed if event.type != STACK_TYPE or name_in_arn(event.physical_id) not in broken]
    return found or [event for event in ordered if _tells_why(event)][:1]


def sentence(event: StackEvent) -> str:
    """A failure on one line: what could not be done, and why."""
    reason = plain(event.reason)
    if event.of_stack_itself:
        return reason
    attempted = _ATTEMPTED.get(event.status, "failed")
    return f"`{event.logical_id}` ({event.type}) {attempted}: {reason}"


def cure(event: StackEvent, role_arn: str | None) -> str | None:
    """What mends a failure, as the beginning of a sentence that goes on with ``, then …``; None if that is not known.

    Args:
        event: The failure.
        role_arn: The role that CloudFormation works with on the stack; None: whoever asked for the change.
    """
    reason = event.reason or ""
    exists = _RECORD_EXISTS.search(reason)
    if exists:
        name = exists["name"].replace("\\052", "*")
        return f"`{name}` leads elsewhere already: delete that record, or take a name in `http.alias` that no other service has"
    return _permission(event, reason, role_arn or "") if _DENIED.search(reason) else None


def _permission(event: StackEvent, reason: str, role_arn: str) -> str | None:
    who, what = _WHO.search(reason), _ACTION.search(reason)
    role = who["role"] if who else role_arn.rpartition("/")[2]
    if not role.endswith(_EXECUTION_ROLE):
        return None
    action = f"`{what['action']}`" if what else "it"
    if _BY_ORDER.search(reason):
        return f"ask whoever runs the AWS account to allow {action} in the boundary or policy that denies it to role `{role}`"
    return (
        f"the environment's role for CloudFormation does not allow this `{event.type}`: attach a policy that allows {action} to "
        f"role `{role}`, or make the resource in a stack of your own"
    )


def plain(reason: str | None) -> str:
    """CloudFormation's reason on one line, without its wrapping and the numbers of requests, and with no full stop."""
    if not reason:
        return "AWS gives no reason"
    text = reason.strip()
    wrapped = _HANDLER.match(text)
    if wrapped:
        text = wrapped["text"]
    return " ".join(_SERVICE.sub("", text).split()).rstrip(".") or "AWS gives no reason"


def _tells_why(event: StackEvent) -> bool:
    failed = "ROLLBACK" in event.status or event.status.endswith("_FAILED")
    return event.of_stack_itself and failed and bool(event.reason) and event.reason != "User Initiated"
