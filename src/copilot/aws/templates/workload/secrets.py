"""Secrets that containers get as environment variables: where they are, and the right to read those and no others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from troposphere import ImportValue, Ref, Sub

from copilot.aws import names
from copilot.aws.templates.policies import allow
from copilot.errors import UnsupportedError
from copilot.manifest.variables import FromCfn, FromSecretsManager

_HERE = "${AWS::Region}:${AWS::AccountId}"
_SECRET = f"arn:${{AWS::Partition}}:secretsmanager:{_HERE}:secret:"
_PARAMETER = f"arn:${{AWS::Partition}}:ssm:{_HERE}:parameter/"
_KEY = f"arn:${{AWS::Partition}}:kms:{_HERE}:key/*"

# Names as SSM (PutParameter) and Secrets Manager (CreateSecret) take them. A parameter's may go on with a version, a secret's
# with key, stage and version.
_PARAMETER_NAME = re.compile(r"/?(?P<name>[A-Za-z0-9_.\-/]{1,1011})(:[A-Za-z0-9_.\-]+)?")
_SECRET_NAME = re.compile(r"(?P<name>[A-Za-z0-9/_+=.@\-!]{1,512})(:[^:*?$]*){0,3}")
_PARAMETER_ARN = re.compile(r"(?P<arn>arn:[a-z\-]+:ssm:[a-z0-9\-]+:\d{12}:parameter/[A-Za-z0-9_.\-/]+)(:[A-Za-z0-9_.\-]+)?")
_SECRET_ARN = re.compile(r"(?P<arn>arn:[a-z\-]+:secretsmanager:[a-z0-9\-]+:\d{12}:secret:[A-Za-z0-9/_+=.@\-!]+)(:[^:*?$]*){0,3}")
_SUFFIX = re.compile(r".*-[A-Za-z0-9]{6}")
_ANY_SUFFIX = "-??????"

# Inline policies of a role have 10,240 characters in all (IAM quotas), and an ARN takes about a hundred.
_MOST_NAMED = 40


def value_from(secret: str | FromSecretsManager | FromCfn) -> Any:
    """Where Amazon ECS finds a secret: the name of an SSM parameter in this region, or an ARN.

    Raises:
        UnsupportedError: It is neither a name nor an ARN.
    """
    if isinstance(secret, FromCfn):
        return ImportValue(secret.from_cfn)
    if isinstance(secret, FromSecretsManager):
        if not _SECRET_NAME.fullmatch(secret.secretsmanager):
            raise UnsupportedError(f"`{secret.secretsmanager}` is not the name of a secret of Secrets Manager")
        return Sub(_SECRET + secret.secretsmanager)
    if not any(known.fullmatch(secret) for known in (_PARAMETER_NAME, _PARAMETER_ARN, _SECRET_ARN)):
        raise UnsupportedError(
            f"`{secret}` is neither the name of an SSM parameter nor the ARN of a parameter or a secret",
            hint="write `secretsmanager: <name>` for a secret of Secrets Manager",
        )
    return secret


def credentials_source(secret: Any) -> Any:
    """A registry's credentials, which are a secret of Secrets Manager by name or ARN, as `reading_statements` takes them."""
    return {"Fn::Sub": _SECRET + secret} if isinstance(secret, str) and not secret.startswith("arn:") else secret


def reading_statements(sources: Iterable[Any]) -> list[dict[str, Any]]:
    """Statements that allow to read secrets.

    Those that are named are allowed by name, the rest (exports, whose values are not known here) by nothing but their tags.
    Tags are asked of all, as AWS Copilot does: a secret of another application or environment stays out of reach.

    Args:
        sources: What a task definition says of each (``ValueFrom``), as plain data.
    """
    parameters: list[Any] = []
    secrets: list[Any] = []
    every = False
    for source in _unique(sources):
        if isinstance(source, Mapping) and "Fn::GetAtt" in source:
            secrets.append(source)  # an output of the addons, which is an ARN
        elif (parameter := _parameter(source)) is not None:
            parameters.append(parameter)
        elif found := list(_secrets(source)):
            secrets += found
        else:
            every = True
    if every or len(parameters) + len(secrets) > _MOST_NAMED:
        parameters, secrets = [Sub(f"{_PARAMETER}*")], [Sub(f"{_SECRET}*")]
    statements = []
    if parameters:
        statements.append(allow(["ssm:GetParameters"], parameters, condition=_ours("ssm:ResourceTag")))
    if secrets:
        statements.append(allow(["secretsmanager:GetSecretValue"], secrets, condition=_ours("secretsmanager:ResourceTag")))
    if statements:
        statements.append(allow(["kms:Decrypt"], [Ref("ArtifactKeyARN")]))
        statements.append(allow(["kms:Decrypt"], [Sub(_KEY)], condition=_ours("aws:ResourceTag")))
    return statements


def _ours(tags: str) -> dict[str, Any]:
    return {
        "StringEquals": {
            f"{tags}/{names.APPLICATION_TAG}": Ref("AppName"),
            f"{tags}/{names.ENVIRONMENT_TAG}": Ref("EnvName"),
        }
    }


def _parameter(source: Any) -> Any:
    if not isinstance(source, str):
        return None
    if arn := _PARAMETER_ARN.fullmatch(source):
        return arn["arn"]
    name = _PARAMETER_NAME.fullmatch(source)
    return Sub(_PARAMETER + name["name"]) if name else None


def _secrets(source: Any) -> Iterator[Any]:
    """The ARNs that a secret may have: six characters that Secrets Manager puts behind the name may be written or not."""
    text = source.get("Fn::Sub") if isinstance(source, Mapping) else None
    if isinstance(source, str) and (match := _SECRET_ARN.fullmatch(source)):
        yield from _with_suffix(match["arn"])
    elif isinstance(text, str) and text.startswith(_SECRET) and (match := _SECRET_NAME.fullmatch(text.removeprefix(_SECRET))):
        yield from (Sub(arn) for arn in _with_suffix(_SECRET + match["name"]))


def _with_suffix(arn: str) -> Iterator[str]:
    if _SUFFIX.fullmatch(arn):
        yield arn
    yield arn + _ANY_SUFFIX


def _unique(sources: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    for source in sources:
        if source not in found:
            found.append(source)
    return found
