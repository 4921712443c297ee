"""Secrets that a buildspec asks for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from copilot.errors import CopilotError, NotFoundError, UnsupportedError
from copilot.local.buildspec import resolve_secrets
from copilot.manifest.buildspec import Buildspec

KEPT = {
    "/shop/token": "t0ken",
    "db": json.dumps({"user": "ana", "port": 5432}),
    "plain": "not json: s3cr3t",
    "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf": json.dumps({"user": "arn"}),
}


def resolve(**env: Any) -> dict[str, str]:
    spec = Buildspec.model_validate({"version": "0.2", "env": env, "phases": {"build": {"commands": ["true"]}}})
    return resolve_secrets(spec, KEPT.get)


def test_references_become_values() -> None:
    found = resolve(
        **{
            "parameter-store": {"TOKEN": "/shop/token"},
            "secrets-manager": {
                "USER_NAME": "db:user",
                "PORT": "db:port:AWSCURRENT",
                "ALL": "plain",
                "BY_ARN": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf:user::",
            },
        }
    )
    assert found == {"TOKEN": "t0ken", "USER_NAME": "ana", "PORT": "5432", "ALL": "not json: s3cr3t", "BY_ARN": "arn"}
    assert resolve() == {}


def test_missing_ones_are_all_named() -> None:
    with pytest.raises(NotFoundError, match=r"do not exist: `/no`, `none`$"):
        resolve(**{"parameter-store": {"A": "/no", "B": "/shop/token"}, "secrets-manager": {"C": "none:key"}})


@pytest.mark.parametrize("reference", ["db:nokey", "plain:key"])
def test_a_missing_key_is_named_and_the_value_is_not(reference: str) -> None:
    with pytest.raises(CopilotError, match=f"with the key `{reference.split(':')[1]}`") as caught:
        resolve(**{"secrets-manager": {"A": reference}})
    assert "s3cr3t" not in str(caught.value)
    assert "ana" not in str(caught.value)


@pytest.mark.parametrize("reference", ["db:user:AWSPREVIOUS", "db:user::abc"])
def test_another_version_is_refused(reference: str) -> None:
    with pytest.raises(UnsupportedError, match="only the current one"):
        resolve(**{"secrets-manager": {"A": reference}})
