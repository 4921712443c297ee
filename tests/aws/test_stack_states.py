from __future__ import annotations

from typing import get_args

import pytest
from mypy_boto3_cloudformation.literals import StackStatusType

from copilot.aws import stack_states as states
from copilot.aws.stack_values import Stack

_STATUSES: tuple[str, ...] = get_args(StackStatusType)
_UPDATABLE = {
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
}
_NEW = {"REVIEW_IN_PROGRESS", "DELETE_COMPLETE"}


def _stack(status: str, reason: str | None = None) -> Stack:
    return Stack("shop-test", "arn:aws:cloudformation:eu-west-1:1:stack/shop-test/1", status, reason)


@pytest.mark.parametrize("status", _STATUSES)
def test_each_status_is_exactly_one_of_busy_new_updatable_or_refused(status: str) -> None:
    refused = states.refusal(_stack(status), "eu-west-1", rollback=True) is not None
    kinds = [states.is_busy(status), states.is_new(_stack(status)), status in _UPDATABLE, refused]
    assert kinds.count(True) == 1, kinds
    assert status.endswith("_IN_PROGRESS") == (kinds[0] or status == "REVIEW_IN_PROGRESS")


@pytest.mark.parametrize("status", _STATUSES)
def test_each_refusal_says_which_state_it_is_and_what_to_do(status: str) -> None:
    refusal = states.refusal(_stack(status, "Because of this."), "eu-west-1", rollback=True)
    if refusal is not None:
        assert f"({status}): Because of this" in refusal.message
        assert "`shop-test`" in refusal.message
        assert not refusal.message.endswith(".")
        assert refusal.hint


@pytest.mark.parametrize("status", ["CREATE_FAILED", "UPDATE_FAILED"])
def test_without_rolling_back_a_failed_stack_is_updated_on(status: str) -> None:
    assert states.refusal(_stack(status), "eu-west-1", rollback=False) is None
    assert states.refusal(_stack(status), "eu-west-1", rollback=True) is not None


def test_a_rollback_that_failed_names_the_command_that_goes_on() -> None:
    refusal = states.refusal(_stack("UPDATE_ROLLBACK_FAILED"), "eu-west-1", rollback=True)
    assert refusal is not None
    assert "`aws cloudformation continue-update-rollback --stack-name shop-test --region eu-west-1`" in (refusal.hint or "")
    assert "--resources-to-skip" in (refusal.hint or "")


@pytest.mark.parametrize("status", [status for status in _STATUSES if status.endswith(("FAILED", "ROLLBACK_COMPLETE"))])
def test_each_bad_end_has_a_sentence(status: str) -> None:
    assert "run this again" in states.consequence(_stack(status), "eu-west-1")
    cured = states.consequence(_stack(status), "eu-west-1", "buy more room")
    assert cured.count("buy more room, ") == int(not status.startswith("IMPORT"))


@pytest.mark.parametrize(
    "reason",
    [
        "The submitted information didn't contain changes. Submit different information to create a change set.",
        "No updates are to be performed.",
        "NO_CHANGES_REASON",
    ],
)
def test_no_changes(reason: str) -> None:
    assert states.has_no_changes(reason)
    assert not states.has_no_changes("Template error: instance of Fn::GetAtt references undefined resource Queue")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("CREATE_IN_PROGRESS", "created"),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "updated"),
        ("UPDATE_ROLLBACK_IN_PROGRESS", "rolled back"),
        ("DELETE_IN_PROGRESS", "deleted"),
    ],
)
def test_waiting_says_for_what(status: str, words: str) -> None:
    event = states.waiting(_stack(status), 12.0)
    assert event.of_stack_itself
    assert event.reason == f"it is already being {words}; waiting until that is done"
