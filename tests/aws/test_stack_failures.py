from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.aws.stack_failures import causes, cure, is_failure, plain, sentence
from copilot.aws.stack_values import STACK_TYPE, StackEvent
from tests.aws.recorded import arn

_STACK = "shop-test-api"


def _event(logical_id: str, status: str, reason: str | None = None, at: float = 0.0, *, stack: str = _STACK) -> StackEvent:
    return StackEvent(stack, logical_id, "", "AWS::SQS::Queue", status, reason, at)


def _own(status: str, reason: str | None = None, at: float = 0.0, *, stack: str = _STACK) -> StackEvent:
    return StackEvent(stack, stack, arn(stack), STACK_TYPE, status, reason, at)


@pytest.mark.parametrize("kind", ["creation", "update", "deletion"])
def test_what_was_cancelled_is_no_cause(kind: str) -> None:
    cancelled = _event("A", "CREATE_FAILED", f"Resource {kind} cancelled", 1)
    assert not is_failure(cancelled)
    assert causes([cancelled, _event("B", "CREATE_FAILED", "Quota", 2)]) == [_event("B", "CREATE_FAILED", "Quota", 2)]


def test_the_stack_itself_is_the_cause_only_when_nothing_in_it_is() -> None:
    export = _own("UPDATE_ROLLBACK_IN_PROGRESS", "Export shop-test-VpcId cannot be deleted as it is in use by shop-test-api", 3)
    events = [_own("UPDATE_IN_PROGRESS", "User Initiated", 1), export, _own("UPDATE_ROLLBACK_COMPLETE", None, 4)]
    assert causes(events) == [export]
    assert sentence(export) == "Export shop-test-VpcId cannot be deleted as it is in use by shop-test-api"
    failed = _event("A", "UPDATE_FAILED", "Quota", 2)
    assert causes([*events, failed]) == [failed]


def test_a_nested_stack_is_the_cause_only_when_nothing_is_known_of_its_inside() -> None:
    addons = StackEvent(_STACK, "AddonsStack", arn("addons"), STACK_TYPE, "CREATE_FAILED", "Embedded stack failed", 3)
    inside = _event("Table", "CREATE_FAILED", "Quota", 2, stack="addons")
    summary = _own("CREATE_FAILED", "The following resource(s) failed to create: [Table]", 2.5, stack="addons")
    assert causes([addons]) == [addons]
    assert causes([addons, inside, summary]) == [inside]


_HANDLED = 'Resource handler returned message: "{}" (RequestToken: 1-2, HandlerErrorCode: GeneralServiceException)'


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (None, "AWS gives no reason"),
        ("  ", "AWS gives no reason"),
        ("Two\n  lines.", "Two lines"),
        (_HANDLED.format('Say "no" twice.'), 'Say "no" twice'),
        (_HANDLED.format("Quota (Service: Ecs, Status Code: 400, Request ID: 1-2)"), "Quota"),
        ("No role. (Service: AmazonIdentityManagement; Status Code: 404; Error Code: NoSuchEntity; Request ID: 1)", "No role"),
    ],
)
def test_reasons_on_one_line(reason: str | None, expected: str) -> None:
    assert plain(reason) == expected


@given(st.text())
def test_a_reason_is_always_one_line_of_something(reason: str) -> None:
    line = plain(reason)
    assert line
    assert len(line.splitlines()) == 1


_ROLE = "shop-test-CFNExecutionRole"
_USER = f"User: arn:aws:sts::1:assumed-role/{_ROLE}/AWSCloudFormation is not authorized to perform: sqs:CreateQueue"
_ALLOW = f"does not allow this `AWS::SQS::Queue`: attach a policy that allows {{}} to role `{_ROLE}`, or make the resource in a"


@pytest.mark.parametrize(
    ("reason", "role", "advice"),
    [
        (_USER, None, _ALLOW.format("`sqs:CreateQueue`")),
        (_HANDLED.format(f"{_USER} because no identity-based policy allows it"), None, _ALLOW.format("`sqs:CreateQueue`")),
        ("API: sqs:CreateQueue Access Denied", f"arn:aws:iam::1:role/{_ROLE}", _ALLOW.format("`sqs:CreateQueue`")),
        (
            "API: sqs:CreateQueue You are not authorized to perform this operation.",
            f"arn:aws:iam::1:role/{_ROLE}",
            _ALLOW.format("`sqs:CreateQueue`"),
        ),
        (
            'Resource handler returned message: "Access Denied" (RequestToken: 1-2, HandlerErrorCode: AccessDenied)',
            f"arn:aws:iam::1:role/{_ROLE}",
            _ALLOW.format("it"),
        ),
        (
            f"{_USER} with an explicit deny in a service control policy",
            None,
            f"allow `sqs:CreateQueue` in the boundary or policy that denies it to role `{_ROLE}`",
        ),
        (
            f"{_USER} because no permissions boundary allows the sqs:CreateQueue action",
            None,
            "ask whoever runs the AWS account",
        ),
    ],
)
def test_what_the_role_of_the_environment_does_not_allow(reason: str, role: str | None, advice: str) -> None:
    assert advice in (cure(_event("Queue", "CREATE_FAILED", reason), role) or "")


@pytest.mark.parametrize(
    ("reason", "role"),
    [
        (None, f"arn:aws:iam::1:role/{_ROLE}"),
        ("Quota", f"arn:aws:iam::1:role/{_ROLE}"),
        # Of others: the function behind a custom resource, a task, whoever makes an environment's roles.
        (_USER.replace(_ROLE, "shop-test-api-Role"), f"arn:aws:iam::1:role/{_ROLE}"),
        ("ECS Deployment Circuit Breaker was triggered: AccessDeniedException", f"arn:aws:iam::1:role/{_ROLE}"),
        ("API: sqs:CreateQueue Access Denied", None),
        ("API: sqs:CreateQueue Access Denied", "arn:aws:iam::1:role/shop-adminrole"),
    ],
)
def test_other_failures_have_no_such_advice(reason: str | None, role: str | None) -> None:
    assert cure(_event("Queue", "CREATE_FAILED", reason), role) is None


@pytest.mark.parametrize(
    ("written", "name"),
    [("shop.test.my-app.example.com.", "shop.test.my-app.example.com"), ("\\052.example.com", "*.example.com")],
)
def test_a_name_that_leads_elsewhere_already(written: str, name: str) -> None:
    reason = f"[Tried to create resource record set [name='{written}', type='A'] but it already exists]"
    assert (cure(_event("AliasRecord", "CREATE_FAILED", reason), None) or "").startswith(f"`{name}` leads elsewhere already")


_EVENTS = st.builds(
    _event,
    st.sampled_from("ABC"),
    st.sampled_from(["CREATE_FAILED", "UPDATE_FAILED", "CREATE_COMPLETE", "DELETE_FAILED"]),
    st.sampled_from([None, "Quota", "Resource creation cancelled"]),
    st.floats(0, 100),
)


@given(st.lists(_EVENTS))
def test_causes_are_failures_of_resources_oldest_first(events: list[StackEvent]) -> None:
    found = causes(events)
    assert all(is_failure(event) for event in found)
    assert len(found) == sum(is_failure(event) for event in events)
    assert [event.at for event in found] == sorted(event.at for event in found)
