from __future__ import annotations

import json
from typing import Any

import pytest

from copilot.aws.templates.policies import EXCEPTIONS, allow, policy, trusted
from copilot.aws.templates.rendering import dump
from tests.aws.policies import Statement, assert_least_privilege, excesses, statements


def _role(*policies: dict[str, Any]) -> str:
    properties = {
        "AssumeRolePolicyDocument": trusted({"Service": "ecs-tasks.amazonaws.com"}),
        "Policies": [{"PolicyName": "P", "PolicyDocument": each} for each in policies],
    }
    return dump({"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": properties}}})


def _statement(**data: Any) -> Statement:
    return Statement("here", False, {"Effect": "Allow", "Action": "s3:GetObject", **data})


def test_a_statement_leaves_out_what_is_not_said_and_sorts_its_actions() -> None:
    assert allow(["b:B", "a:A"], "x", sid="S") == {"Sid": "S", "Effect": "Allow", "Action": ["a:A", "b:B"], "Resource": "x"}
    assert trusted({"Service": "s"}) == {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "s"}, "Action": ["sts:AssumeRole"]}],
    }


def test_every_statement_is_found() -> None:
    first = policy(allow(["s3:GetObject"], {"Fn::Sub": "arn:${AWS::Partition}:s3:::x/*"}))
    second = policy({"Fn::If": ["C", allow(["a:A"], "x"), {"Ref": "AWS::NoValue"}]}, allow(["b:B"], "y"))
    found = statements(_role(first, second))
    assert [(each.where, each.actions) for each in found] == [
        ("Role.AssumeRolePolicyDocument", ["sts:AssumeRole"]),
        ("Role.Policies.0.PolicyDocument", ["s3:GetObject"]),
        ("Role.Policies.1.PolicyDocument", ["a:A"]),
        ("Role.Policies.1.PolicyDocument", ["b:B"]),
    ]


@pytest.mark.parametrize(
    "data",
    [
        {"Resource": "arn:aws:s3:::bucket/*"},
        {"Resource": {"Fn::Sub": "arn:${AWS::Partition}:s3:::${Bucket}/*"}},
        {"Resource": {"Ref": "Queue"}},
        {"Resource": [{"Fn::GetAtt": ["Key", "Arn"]}]},
        {"Resource": "*", "Condition": {"StringEquals": {"aws:ResourceTag/x": "y"}}},
        {"Action": ["ecr:GetAuthorizationToken"], "Resource": "*"},
        {"Effect": "Deny", "Action": "s3:*", "Resource": "*", "Principal": "*"},
        {"Action": "iam:PassRole", "Resource": "r", "Condition": {"StringEquals": {"iam:PassedToService": "ecs.amazonaws.com"}}},
    ],
)
def test_no_more_than_it_must(data: dict[str, Any]) -> None:
    assert excesses(_statement(**data)) == []


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"Action": "s3:*", "Resource": "x"}, "s3:* is all of a service"),
        ({"Action": ["*"], "Resource": "x"}, "* is all of a service"),
        ({"Action": "S3:**", "Resource": "x"}, "S3:** is all of a service"),
        ({"Action": "s?:GetObject", "Resource": "x"}, "s?:GetObject is all of a service"),
        ({"Action": "s3:*t*", "Resource": "x"}, "s3:*t* is all of a service"),
        ({"Resource": "*"}, "s3:GetObject on every resource"),
        (
            {"Resource": ["x", {"Fn::Sub": "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:*"}]},
            "s3:GetObject on every resource",
        ),
        ({"Action": ["ecr:GetAuthorizationToken", "ecr:PutImage"], "Resource": "*"}, "ecr:PutImage on every resource"),
        ({"Resource": "arn:aws:s3:::*/*"}, "s3:GetObject on every resource"),
        ({"Resource": "arn:aws:s3:::**"}, "s3:GetObject on every resource"),
        ({"Resource": "*:*"}, "s3:GetObject on every resource"),
        ({"NotAction": "a:A", "Resource": "x"}, "NotAction allows all but what it names"),
        ({"Principal": "*"}, "everyone may"),
        ({"Principal": {"AWS": ["*"]}}, "everyone may"),
        ({"Action": "iam:PassRole", "Resource": "x"}, "iam:PassRole to any service"),
        ({"Action": "iam:pass*", "Resource": "x"}, "iam:PassRole to any service"),
    ],
)
def test_too_much(data: dict[str, Any], problem: str) -> None:
    assert excesses(_statement(**data))[0] == problem
    with pytest.raises(AssertionError, match=r"Role\.Policies"):
        assert_least_privilege(_role(policy({"Effect": "Allow", "Action": "s3:GetObject", **data})))


def test_a_policy_in_a_text_is_found() -> None:
    text = {"Fn::Sub": json.dumps(policy(allow(["logs:PutLogEvents"], "*")))}
    template = dump({"Resources": {"P": {"Type": "AWS::Logs::ResourcePolicy", "Properties": {"PolicyDocument": text}}}})
    with pytest.raises(AssertionError, match=r"P\.PolicyDocument\.Fn::Sub: logs:PutLogEvents on every resource"):
        assert_least_privilege(template)


@pytest.mark.parametrize(
    "arn", ["arn:aws:iam::aws:policy/ReadOnlyAccess", {"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/X"}]
)
def test_a_policy_of_aws_is_too_much(arn: Any) -> None:
    role = {"Type": "AWS::IAM::Role", "Properties": {"ManagedPolicyArns": [arn]}}
    with pytest.raises(AssertionError, match="Role: has AWS's policy"):
        assert_least_privilege(dump({"Resources": {"Role": role}}))


def test_each_exception_has_a_reason() -> None:
    assert all(len(reason.split()) > 4 for reason in EXCEPTIONS.values())
    assert list(EXCEPTIONS) == sorted(EXCEPTIONS)
