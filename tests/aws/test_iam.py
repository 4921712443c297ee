from __future__ import annotations

from typing import Any

import pytest

from tests.aws.iam import Need, allowed, missing


def _policy(*statements: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"Version": "2012-10-17", "Statement": list(statements)}]


def _statement(action: Any, resource: Any, effect: str = "Allow", **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


@pytest.mark.parametrize(
    ("action", "resource", "expected"),
    [
        ("s3:GetObject", "arn:aws:s3:::b/*", True),
        ("S3:getobject", "arn:aws:s3:::b/a/b.zip", True),
        ("s3:Get*", "*", True),
        ("s3:Get??ject", "*", True),
        (["s3:PutObject", "s3:GetObject"], ["arn:aws:s3:::c/*", "arn:aws:s3:::b/*"], True),
        ("s3:PutObject", "*", False),
        ("s3:GetObject", "arn:aws:s3:::b", False),
        ("s3:GetObject", "arn:aws:s3:::B/*", False),
        ("s3:GetObject", "arn.aws:s3:::b/*", False),
    ],
)
def test_actions_and_resources(action: Any, resource: Any, expected: bool) -> None:
    need = Need("s3:GetObject", "arn:aws:s3:::b/a/b.zip")
    assert allowed(need, _policy(_statement(action, resource))) is expected
    assert missing([need, need], _policy(_statement(action, resource))) == ([] if expected else [str(need)])


def test_denying_counts_more() -> None:
    need = Need("s3:GetObject", "arn:aws:s3:::b/x")
    assert not allowed(need, _policy(_statement("s3:*", "*"), _statement("s3:GetObject", "arn:aws:s3:::b/*", "Deny")))
    assert not allowed(need, _policy())


def test_conditions() -> None:
    passed = {"StringEquals": {"iam:PassedToService": ["a.amazonaws.com", "b.amazonaws.com"]}}
    policy = _policy(_statement("iam:PassRole", "*", Condition=passed))
    assert allowed(Need("iam:PassRole", "r", {"iam:PassedToService": "b.amazonaws.com"}), policy)
    assert not allowed(Need("iam:PassRole", "r", {"iam:PassedToService": "*"}), policy)
    assert not allowed(Need("iam:PassRole", "r"), policy)
    in_cluster = _policy(
        _statement("ecs:ListTasks", "*", Condition={"ArnLike": {"ecs:cluster": "arn:aws:ecs:*:1:cluster/shop-*"}})
    )
    assert allowed(Need("ecs:ListTasks", "*", {"ecs:cluster": "arn:aws:ecs:eu-west-1:1:cluster/shop-test"}), in_cluster)
    assert not allowed(Need("ecs:ListTasks", "*", {"ecs:cluster": "arn:aws:ecs:eu-west-1:1:cluster/other"}), in_cluster)


def test_what_is_not_known_is_no_answer() -> None:
    with pytest.raises(AssertionError):
        allowed(Need("a:B"), _policy({"Effect": "Allow", "NotAction": "a:B", "Resource": "*"}))
    with pytest.raises(AssertionError):
        allowed(Need("a:B"), _policy(_statement("a:B", "*", Condition={"Null": {"a": True}})))
