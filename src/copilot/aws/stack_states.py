"""What the state of a stack means: what can be done with it, and what a person must do first.

The states and what they allow are CloudFormation's:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html#cfn-console-view-stack-data-resources-status-codes
"""

from __future__ import annotations

from copilot.aws.stack_values import STACK_TYPE, Stack, StackEvent
from copilot.errors import ConflictError

REVIEW = "REVIEW_IN_PROGRESS"
"""A stack that only has changes proposed to it: there is nothing in it, and nothing is being done to it."""

DELETED = "DELETE_COMPLETE"
SUCCEEDED = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"})
NEVER_SUCCEEDED = frozenset({"CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED"})
"""States that only a stack has whose creation failed: it can be deleted without loss of anything that ever worked."""

# DescribeChangeSet has no code for it: the words are the only sign.
_NO_CHANGES = ("didn't contain changes", "no updates are to be performed")
_NO_CHANGES_KNOWN = frozenset({"NO_CHANGES_REASON", "NO_UPDATES_REASON"})


def is_busy(status: str) -> bool:
    """Whether CloudFormation is at work on the stack."""
    return status.endswith("_IN_PROGRESS") and status != REVIEW


def is_new(stack: Stack | None) -> bool:
    """Whether there is nothing yet that could be updated."""
    return stack is None or stack.status in {REVIEW, DELETED}


def has_no_changes(reason: str) -> bool:
    """Whether a change set failed only because it would change nothing."""
    return reason in _NO_CHANGES_KNOWN or any(words in reason.casefold() for words in _NO_CHANGES)


def is_about_busy(text: str) -> bool:
    """Whether an answer of AWS says that the stack is being worked on at this moment."""
    return "_IN_PROGRESS" in text and REVIEW not in text


def waiting(stack: Stack, at: float) -> StackEvent:
    """An event of ours, to say that another operation must end first."""
    doing = _DOING.get(stack.status.split("_", maxsplit=1)[0], "worked on")
    if "ROLLBACK" in stack.status:
        doing = "rolled back"
    return StackEvent(
        stack.name,
        stack.name,
        stack.id,
        STACK_TYPE,
        stack.status,
        f"it is already being {doing}; waiting until that is done",
        at,
    )


_DOING = {"CREATE": "created", "UPDATE": "updated", "DELETE": "deleted", "IMPORT": "updated"}


def refusal(stack: Stack, region: str, *, rollback: bool) -> ConflictError | None:
    """Why a stack that CloudFormation is not at work on cannot be updated, and what to do; None if it can.

    Args:
        stack: As it is.
        region: That it is in, for the commands.
        rollback: Whether the update is to be undone when it fails: CloudFormation does not do that from every state.
    """
    name, status = f"stack `{stack.name}`", stack.status
    because = f": {stack.reason.strip().rstrip('.')}" if stack.reason else ""
    delete = _command("delete-stack", stack, region)
    if status in {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED"} or (status == "CREATE_FAILED" and rollback):
        return ConflictError(
            f"{name} cannot be updated: it could not be created ({status}){because}",
            hint=f"nothing in it ever ran: delete it with {delete}, then run this again",
        )
    if status == "UPDATE_ROLLBACK_FAILED":
        return ConflictError(
            f"{name} is stuck: neither could it be updated nor set back to what it was ({status}){because}",
            hint=_continue(stack, region),
        )
    if status == "UPDATE_FAILED" and rollback:
        return ConflictError(
            f"{name} cannot be updated: the last update failed and was not rolled back ({status}){because}",
            hint=f"go back with {_command('rollback-stack', stack, region)} and run this again, or run this with --no-rollback",
        )
    if status == "DELETE_FAILED":
        return ConflictError(
            f"{name} cannot be updated: it could not be deleted as a whole ({status}){because}",
            hint=f"remove what is in the way, delete the rest with {delete}, then run this again",
        )
    if status == "IMPORT_ROLLBACK_FAILED":
        return ConflictError(
            f"{name} is stuck in an import of resources ({status}){because}", hint="end that import in the AWS console first"
        )
    return None


_MEND = "mend the cause"


def consequence(stack: Stack, region: str, cure: str | None = None) -> str:
    """What a failed operation left behind, and what to do next, in one sentence; ``cure``: how the cause is mended, if known."""
    mend = cure or _MEND
    same_way = f"{mend}, then run this again in the same way"
    return {
        "UPDATE_ROLLBACK_COMPLETE": f"what ran before still runs; {mend}, then run this again",
        "ROLLBACK_COMPLETE": f"what it had made was removed again; {mend}, then run this again",
        "ROLLBACK_FAILED": "some of what it had made could not be removed: look at it in the AWS console, "
        f"{mend}, delete the stack with {_command('delete-stack', stack, region)}, then run this again",
        "UPDATE_ROLLBACK_FAILED": _continue(stack, region, mend),
        "CREATE_FAILED": f"what it had made is kept, because rolling back is off; {same_way}",
        "UPDATE_FAILED": f"it stays as it is now, because rolling back is off; {same_way}, "
        f"or go back with {_command('rollback-stack', stack, region)}",
        "DELETE_FAILED": f"{cure or 'remove what is in the way'}, then run this again",
        DELETED: "the stack was deleted meanwhile; run this again to create it",
    }.get(stack.status, "run this again")


def _continue(stack: Stack, region: str, mend: str = _MEND) -> str:
    return (
        f"{mend}, finish going back with {_command('continue-update-rollback', stack, region)} "
        "(with `--resources-to-skip` and the names of resources that cannot be mended), then run this again"
    )


def _command(operation: str, stack: Stack, region: str) -> str:
    return f"`aws cloudformation {operation} --stack-name {stack.name} --region {region}`"
