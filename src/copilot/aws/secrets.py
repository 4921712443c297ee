"""Secrets on AWS: those of environments are SSM parameters, all others are in Secrets Manager."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from botocore.exceptions import ClientError

from copilot.aws import names
from copilot.aws.client import Aws
from copilot.aws.errors import code_of, explained
from copilot.errors import ConflictError, NotFoundError

_OF_ENVIRONMENT = re.compile(r"/copilot/(?P<app>[^/]+)/(?P<env>[^/]+)/secrets/(?P<name>[^/]+)")
_OVERWRITE = "replace it with `--overwrite`"


class Secrets:
    """Where secrets are kept.

    Args:
        aws: Who works on the applications.
        inside: Answers with an identity for an application's environment, in its account and region.
        environments: Answers with the names of an application's environments.
    """

    def __init__(self, aws: Aws, inside: Callable[[str, str], Aws], environments: Callable[[str], Iterable[str]]) -> None:
        self._aws = aws
        self._inside = inside
        self._environments = environments

    def put(self, name: str, value: str, *, overwrite: bool) -> None:
        """Keep a secret. Raises ConflictError if it exists and is not to be overwritten."""
        match = _OF_ENVIRONMENT.fullmatch(name)
        if match is None:
            self._put_elsewhere(name, value, overwrite=overwrite)
            return
        ssm = self._inside(match["app"], match["env"]).ssm
        tags = {names.APPLICATION_TAG: match["app"], names.ENVIRONMENT_TAG: match["env"]}
        with explained():
            try:
                ssm.put_parameter(
                    Name=name, Value=value, Type="SecureString", Tags=[{"Key": key, "Value": tag} for key, tag in tags.items()]
                )
            except ssm.exceptions.ParameterAlreadyExists:
                if not overwrite:
                    raise ConflictError(f"there is a secret `{name}` already", hint=_OVERWRITE) from None
                # Tags cannot be given to a parameter that exists.
                ssm.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)

    def names(self, prefix: str) -> list[str]:
        """The names of those that begin so; without a prefix of an application, those in Secrets Manager."""
        match = re.match(r"/copilot/([^/]+)/", prefix)
        if match is None:
            return self._names_elsewhere(prefix)
        found = []
        for environment in self._environments(match[1]):
            path = names.secret_parameter(match[1], environment, "")
            with explained():
                pages = self._inside(match[1], environment).ssm.get_paginator("get_parameters_by_path").paginate(Path=path)
                found += [each["Name"] for page in pages for each in page["Parameters"]]
        return sorted(name for name in found if name.startswith(prefix))

    def delete(self, name: str) -> None:
        """Forget it. Raises NotFoundError."""
        match = _OF_ENVIRONMENT.fullmatch(name)
        if match is None:
            self._delete_elsewhere(name)
            return
        ssm = self._inside(match["app"], match["env"]).ssm
        with explained():
            try:
                ssm.delete_parameter(Name=name)
            except ssm.exceptions.ParameterNotFound:
                raise _unknown(name) from None

    def _put_elsewhere(self, name: str, value: str, *, overwrite: bool) -> None:
        manager = self._aws.secretsmanager
        with explained():
            try:
                manager.create_secret(Name=name, SecretString=value)
            except manager.exceptions.ResourceExistsException:
                if not overwrite:
                    raise ConflictError(f"there is a secret `{name}` already", hint=_OVERWRITE) from None
                manager.put_secret_value(SecretId=name, SecretString=value)

    def _names_elsewhere(self, prefix: str) -> list[str]:
        filters = [{"Key": "name", "Values": [prefix]}] if prefix else []
        with explained():
            pages = self._aws.secretsmanager.get_paginator("list_secrets").paginate(Filters=filters)  # type: ignore[arg-type]  # a literal key
            found = [each["Name"] for page in pages for each in page["SecretList"]]
        return sorted(name for name in found if name.startswith(prefix))

    def _delete_elsewhere(self, name: str) -> None:
        with explained():
            try:
                # AWS takes it for done when a secret that is not there is deleted for good.
                self._aws.secretsmanager.describe_secret(SecretId=name)
                self._aws.secretsmanager.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
            except ClientError as error:
                if code_of(error) != "ResourceNotFoundException":
                    raise
                raise _unknown(name) from None


def _unknown(name: str) -> NotFoundError:
    return NotFoundError(f"there is no secret `{name}`", hint="`copilot secret ls` lists those there are")
