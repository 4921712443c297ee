from __future__ import annotations

from typing import Any

import pytest

from copilot.errors import KeyPath
from copilot.manifest.policy import policy_faults
from copilot.manifest.values import Written

GOOD = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
CONDITION = {"StringEquals": {"aws:RequestedRegion": ["eu-west-1"]}, "Bool": {"aws:SecureTransport": Written(True, "true")}}


def statement(**keys: Any) -> dict[str, Any]:
    """A good statement with other keys; None: without it."""
    return {key: value for key, value in {**GOOD, **keys}.items() if value is not None}


@pytest.mark.parametrize(
    "document",
    [
        {"Version": "2012-10-17", "Statement": [GOOD]},
        {"Id": "ours", "Statement": GOOD},
        {
            "Statement": [
                statement(Effect="Deny", Action=None, NotAction=["s3:*", "*"], Resource=None, NotResource="arn:aws:s3:::a")
            ]
        },
        {"Statement": [statement(Sid="One", Condition=CONDITION), statement(Sid="Two"), GOOD, GOOD]},
        {"Statement": [statement(Resource=[{"Fn::Sub": "arn:aws:s3:::${AWS::AccountId}"}, {"Ref": "Bucket"}])]},
        {
            "Statement": [
                statement(Resource="arn:aws:sns:eu-west-1:123456789012:a:b", Condition={"ForAnyValue:StringLike": {"a": "b"}})
            ]
        },
        {"Statement": [statement(Condition={"Null": {"a": "true"}, "DateGreaterThanEquals": {"aws:CurrentTime": "2020-04-01"}})]},
    ],
)
def test_policies_that_iam_takes(document: dict[str, Any]) -> None:
    assert list(policy_faults(document)) == []


@pytest.mark.parametrize(
    ("document", "place", "text"),
    [
        ({}, (), "an IAM policy document needs a `Statement`"),
        ({"Statement": []}, ("Statement",), "an IAM policy document needs a `Statement`"),
        ({"Statement": Written(None, "")}, ("Statement",), "an IAM policy document needs a `Statement`"),
        ({"Version": "2020-01-01", "Statement": [GOOD]}, ("Version",), "must be `2012-10-17`, not `2020-01-01`"),
        ({"Statement": "x"}, ("Statement",), "must be a list of statements, not text"),
        ({"Statement": ["x"]}, ("Statement", 0), "must be a mapping of keys to values, not text"),
        ({"Statements": [GOOD], "Statement": [GOOD]}, ("Statements",), ""),
        ({"Statement": [statement(Effect="allow")]}, ("Statement", 0, "Effect"), "must be `Allow` or `Deny`, not `allow`"),
        ({"Statement": [statement(Effect=None)]}, ("Statement", 0, "Effect"), ""),
        ({"Statement": [statement(Action=None)]}, ("Statement", 0, "Action"), ""),
        ({"Statement": [statement(Resource=None)]}, ("Statement", 0, "Resource"), ""),
        ({"Statement": [statement(Actions="s3:*", Action=None)]}, ("Statement", 0, "Actions"), ""),
        ({"Statement": statement(Action="GetObject")}, ("Statement", "Action"), "cannot be `GetObject`"),
        ({"Statement": [statement(Action=[])]}, ("Statement", 0, "Action"), "must not be empty"),
        ({"Statement": [statement(Action=[["s3:*"]])]}, ("Statement", 0, "Action", 0), "must be text, not a list"),
        ({"Statement": [statement(Action=Written(5, "5"))]}, ("Statement", 0, "Action"), "must be text, not a whole number"),
        ({"Statement": [statement(Action=Written(None, ""))]}, ("Statement", 0, "Action"), "has no value"),
        (
            {"Statement": [statement(NotAction="s3:*")]},
            ("Statement", 0, "NotAction"),
            "`Action` and `NotAction` cannot be used together in one statement",
        ),
        ({"Statement": [statement(Resource="my-bucket")]}, ("Statement", 0, "Resource"), "cannot be `my-bucket`"),
        ({"Statement": [statement(Resource={"Fn::Nope": "b"})]}, ("Statement", 0, "Resource"), "must be text, not a mapping"),
        ({"Statement": [statement(Resource={"a": "b"})]}, ("Statement", 0, "Resource"), "must be text, not a mapping"),
        (
            {"Statement": [statement(Principal="*")]},
            ("Statement", 0, "Principal"),
            "`Principal` is for policies of resources: this one belongs to a role",
        ),
        ({"Statement": [statement(Sid="a b")]}, ("Statement", 0, "Sid"), "must be letters and digits only"),
        (
            {"Statement": [statement(Sid="a"), statement(Sid="a")]},
            ("Statement", 1, "Sid"),
            "there is another statement with the `Sid` `a`",
        ),
        (
            {"Statement": [statement(Condition="x")]},
            ("Statement", 0, "Condition"),
            "must be a mapping of operators to conditions, not text",
        ),
        (
            {"Statement": [statement(Condition={"StringEqual": {"a": "b"}})]},
            ("Statement", 0, "Condition", "StringEqual"),
            "there is no operator `StringEqual` for conditions",
        ),
        (
            {"Statement": [statement(Condition={"StringEquals": "b"})]},
            ("Statement", 0, "Condition", "StringEquals"),
            "must be a mapping of condition keys to values, not text",
        ),
        (
            {"Statement": [statement(Condition={"StringEquals": {"a": ["b", ["c"]]}})]},
            ("Statement", 0, "Condition", "StringEquals", "a", 1),
            "must be text, not a list",
        ),
    ],
)
def test_policies_that_iam_refuses(document: dict[str, Any], place: KeyPath, text: str) -> None:
    (fault,) = policy_faults(document)
    assert (fault.path, fault.text) == (place, text)
