"""Secrets on AWS: those of environments are SSM parameters, all others are in Secrets Manager."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from copilot.aws import names
from copilot.aws.client import Aws
from copilot.aws.errors import code_of, explained
from copilot.errors import ConflictError, NotFoundError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager.type_defs import FilterTypeDef, TagTypeDef

_OF_ENVIRONMENT = re.compile(r"/copilot/(?P<app>[^/]+)/(?P<env>[^/]+)/secrets/(?P<name>[^/]+)")
_OVERWRITE = "replace it with `--overwrite`"


@dataclass(frozen=True)
class ManagedSecret:
    """A secret in Secrets Manager.

    Attributes:
        name: Its name.
        application: The application it belongs to, as its tag says; None if it has none.
        deleted: Whether it is scheduled for deletion: its value cannot be read, and its name is taken.
    """

    name: str
    application: str | None
    deleted: bool


class ManagedSecrets:
    """Secrets Manager of an account in a region: what is not a secret of an environment."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def find(self, name: str) -> ManagedSecret | None:
        """The secret called so; also one that is scheduled for deletion."""
        manager = self._aws.secretsmanager
        with explained():
            try:
                found = manager.describe_secret(SecretId=name)
            except manager.exceptions.ResourceNotFoundException:
                return None
        tags = {each["Key"]: each["Value"] for each in found.get("Tags", [])}
        return ManagedSecret(name, tags.get(names.APPLICATION_TAG), deleted="DeletedDate" in found)

    def put(self, name: str, value: str, *, overwrite: bool, application: str | None = None) -> None:
        """Keep a secret. One that is scheduled for deletion is restored, and gets the new value.

        Args:
            name: Its name.
            value: The whole of its text.
            overwrite: Whether one that is there is to get the new value.
            application: Which one it belongs to; it is tagged so.

        Raises:
            ConflictError: It is there and is not to be overwritten.
        """
        manager = self._aws.secretsmanager
        tags: list[TagTypeDef] = [{"Key": names.APPLICATION_TAG, "Value": application}] if application else []
        with explained():
            try:
                manager.create_secret(Name=name, SecretString=value, Tags=tags)
            # A name that is taken by a secret that is scheduled for deletion is an invalid request to AWS.
            except (manager.exceptions.ResourceExistsException, manager.exceptions.InvalidRequestException) as error:
                found = self.find(name)
                if found is not None and found.deleted:
                    manager.restore_secret(SecretId=name)
                elif not isinstance(error, manager.exceptions.ResourceExistsException):
                    raise
                elif not overwrite:
                    raise ConflictError(f"there is a secret `{name}` already", hint=_OVERWRITE) from None
            else:
                return
            manager.put_secret_value(SecretId=name, SecretString=value)
            if tags:
                manager.tag_resource(SecretId=name, Tags=tags)

    def names(self, prefix: str) -> list[str]:
        """The names of those that begin so."""
        filters: list[FilterTypeDef] = [{"Key": "name", "Values": [prefix]}] if prefix else []
        with explained():
            pages = self._aws.secretsmanager.get_paginator("list_secrets").paginate(Filters=filters)
            found = [each["Name"] for page in pages for each in page["SecretList"]]
        return sorted(name for name in found if name.startswith(prefix))

    def delete(self, name: str) -> None:
        """Forget it, for good. Raises NotFoundError."""
        with explained():
            try:
                # AWS takes it for done when a secret that is not there is deleted for good.
                self._aws.secretsmanager.describe_secret(SecretId=name)
                self._aws.secretsmanager.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
            except ClientError as error:
                if code_of(error) != "ResourceNotFoundException":
                    raise
                raise _unknown(name) from None


class Secrets:
    """Where secrets are kept.

    Args:
        aws: Who works on the applications.
        inside: Answers with an identity for an application's environment, in its account and region.
        environments: Answers with the names of an application's environments.
    """

    def __init__(self, aws: Aws, inside: Callable[[str, str], Aws], environments: Callable[[str], Iterable[str]]) -> None:
        self._managed = ManagedSecrets(aws)
        self._inside = inside
        self._environments = environments

    def put(self, name: str, value: str, *, overwrite: bool) -> None:
        """Keep a secret. Raises ConflictError if it exists and is not to be overwritten."""
        match = _OF_ENVIRONMENT.fullmatch(name)
        if match is None:
            self._managed.put(name, value, overwrite=overwrite)
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
            return self._managed.names(prefix)
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
            self._managed.delete(name)
            return
        ssm = self._inside(match["app"], match["env"]).ssm
        with explained():
            try:
                ssm.delete_parameter(Name=name)
            except ssm.exceptions.ParameterNotFound:
                raise _unknown(name) from None


def _unknown(name: str) -> NotFoundError:
    return NotFoundError(f"there is no secret `{name}`", hint="`copilot secret ls` lists those there are")
