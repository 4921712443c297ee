from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from troposphere import encode_to_dict

from copilot.aws.templates.workload.secrets import reading_statements, value_from
from copilot.errors import UnsupportedError
from copilot.manifest.variables import FromCfn, FromSecretsManager

HERE = "${AWS::Region}:${AWS::AccountId}"
SECRET = f"arn:${{AWS::Partition}}:secretsmanager:{HERE}:secret:"
PARAMETER = f"arn:${{AWS::Partition}}:ssm:{HERE}:parameter/"


def _statements(*secrets: Any) -> dict[str, Any]:
    sources = [encode_to_dict(value_from(secret)) for secret in secrets]
    return {each["Action"][0]: each for each in encode_to_dict(reading_statements(sources))}


def _resources(action: str, *secrets: Any) -> list[Any]:
    return [each if isinstance(each, str) else each["Fn::Sub"] for each in _statements(*secrets)[action]["Resource"]]


@pytest.mark.parametrize(
    ("secret", "expected"),
    [
        ("GITHUB_TOKEN", "GITHUB_TOKEN"),
        ("/copilot/my-app/test/secrets/db", "/copilot/my-app/test/secrets/db"),
        ("arn:aws:ssm:us-west-2:123456789012:parameter/db", "arn:aws:ssm:us-west-2:123456789012:parameter/db"),
        (FromCfn(from_cfn="stack-Secret"), {"Fn::ImportValue": "stack-Secret"}),
        (FromSecretsManager(secretsmanager="demo/mysql"), {"Fn::Sub": f"{SECRET}demo/mysql"}),
        (FromSecretsManager(secretsmanager="demo/mysql:user::"), {"Fn::Sub": f"{SECRET}demo/mysql:user::"}),
    ],
)
def test_a_secret_is_where_the_manifest_says(secret: Any, expected: Any) -> None:
    assert encode_to_dict(value_from(secret)) == expected


@pytest.mark.parametrize(
    "secret",
    [
        "*",
        "a b",
        "arn:aws:s3:::bucket",
        "arn:aws:ssm:us-west-2:123456789012:parameter/*",
        FromSecretsManager(secretsmanager="${x}"),
    ],
)
def test_what_names_no_secret_is_refused(secret: Any) -> None:
    with pytest.raises(UnsupportedError, match=r"is (neither|not) the name"):
        value_from(secret)


@pytest.mark.parametrize(
    ("secret", "action", "expected"),
    [
        ("TOKEN", "ssm:GetParameters", [f"{PARAMETER}TOKEN"]),
        ("/a/b", "ssm:GetParameters", [f"{PARAMETER}a/b"]),
        ("a:3", "ssm:GetParameters", [f"{PARAMETER}a"]),
        (FromSecretsManager(secretsmanager="a/b:key::"), "secretsmanager:GetSecretValue", [f"{SECRET}a/b-??????"]),
        (
            FromSecretsManager(secretsmanager="a-AbC123"),
            "secretsmanager:GetSecretValue",
            [f"{SECRET}a-AbC123", f"{SECRET}a-AbC123-??????"],
        ),
        (
            "arn:aws:secretsmanager:us-west-2:123456789012:secret:a-AbC123:key::",
            "secretsmanager:GetSecretValue",
            [
                "arn:aws:secretsmanager:us-west-2:123456789012:secret:a-AbC123",
                "arn:aws:secretsmanager:us-west-2:123456789012:secret:a-AbC123-??????",
            ],
        ),
        (
            "arn:aws:ssm:us-west-2:1" + "0" * 11 + ":parameter/a",
            "ssm:GetParameters",
            ["arn:aws:ssm:us-west-2:100000000000:parameter/a"],
        ),
    ],
)
def test_only_the_named_secret_may_be_read(secret: Any, action: str, expected: list[str]) -> None:
    assert _resources(action, secret) == expected
    assert set(_statements(secret)) == {action, "kms:Decrypt"}


def test_an_exported_secret_is_told_by_its_tags_alone() -> None:
    exported = FromCfn(from_cfn="stack-Secret")
    assert _resources("ssm:GetParameters", "TOKEN", exported) == [f"{PARAMETER}*"]
    assert _resources("secretsmanager:GetSecretValue", "TOKEN", exported) == [f"{SECRET}*"]


def test_a_secret_of_the_addons_is_allowed_by_its_arn() -> None:
    arn = {"Fn::GetAtt": ["AddonsStack", "Outputs.Secret"]}
    (statement, *_) = encode_to_dict(reading_statements([arn, arn]))
    assert statement["Action"] == ["secretsmanager:GetSecretValue"]
    assert statement["Resource"] == [arn]


def test_more_secrets_than_a_role_can_name_are_told_by_their_tags() -> None:
    assert len(_resources("ssm:GetParameters", *(f"S{n}" for n in range(40)))) == 40
    assert _resources("ssm:GetParameters", *(f"S{n}" for n in range(41))) == [f"{PARAMETER}*"]


def test_tags_are_asked_of_every_secret() -> None:
    found = _statements("TOKEN", FromSecretsManager(secretsmanager="a"))
    for action, service in (("ssm:GetParameters", "ssm"), ("secretsmanager:GetSecretValue", "secretsmanager")):
        assert found[action]["Condition"]["StringEquals"] == {
            f"{service}:ResourceTag/copilot-application": {"Ref": "AppName"},
            f"{service}:ResourceTag/copilot-environment": {"Ref": "EnvName"},
        }


def test_without_secrets_nothing_is_allowed() -> None:
    assert reading_statements([]) == []


@given(st.text(max_size=30))
def test_no_name_widens_what_is_allowed(name: str) -> None:
    try:
        resources = _resources("ssm:GetParameters", name)
    except UnsupportedError:
        return
    assert not any(set("*?$") & set(resource.removeprefix(PARAMETER)) for resource in resources)
