"""Deleting an environment: first what keeps its stack from being deleted, then the stack, then the roles that this took."""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property
from typing import Any

from botocore.exceptions import ClientError

from copilot.aws import names
from copilot.aws.client import Aws
from copilot.aws.contents import empty_bucket
from copilot.aws.environment_domains import withdraw
from copilot.aws.environment_values import stack_resources
from copilot.aws.errors import DENIED, code_of, explained
from copilot.aws.records import ApplicationRecord, EnvironmentRecord
from copilot.aws.stack_values import Watch
from copilot.aws.stacks import Stack, Stacks
from copilot.aws.templates.environment.access_logs import BUCKET
from copilot.aws.templates.environment.domain import ZONE


class Removal:
    """Deletes one environment.

    Args:
        caller: The application's account and region.
        application: Its application.
        record: The environment.
        within: The environment's account and region, as somebody who may delete roles; None: whoever can be had.
        pause: Seconds between two looks at what CloudFormation is doing.
    """

    def __init__(
        self, caller: Aws, application: ApplicationRecord, record: EnvironmentRecord, within: Aws | None, pause: float
    ) -> None:
        self._caller = caller
        self._application = application
        self._record = record
        self._within = within
        self._pause = pause
        self._name = names.environment_stack(record.application, record.name)

    @cached_property
    def aws(self) -> Aws | None:
        """The environment's account and region; None if nobody can be had who may work there, as its role is gone."""
        if self._within is not None:
            return self._within
        manager = self._caller.assumed(self._record.manager_role, self._record.region)
        try:
            manager.sts.get_caller_identity()
        except ClientError as error:
            if code_of(error) in DENIED and error.operation_name == "AssumeRole":
                return self._owner
            raise
        return manager

    @cached_property
    def stack(self) -> Stack | None:
        """Its stack; None if that is deleted already."""
        return Stacks(self.aws, pause=self._pause).find(self._name) if self.aws else None

    @property
    def _owner(self) -> Aws | None:
        """Who can delete the roles: one that deletes itself loses the right to do so half way."""
        same = self._caller.account == self._record.account
        return self._within or (self._caller.in_region(self._record.region) if same else None)

    def run(self, watch: Watch) -> tuple[str, ...]:
        """Deletes the stack and the roles, and answers with the roles that could not be deleted."""
        if self.aws is None:
            return self._roles
        if self.stack is not None:
            for resource in stack_resources(self.aws, self._name):
                if resource.logical_id == BUCKET:
                    empty_bucket(self.aws, resource.physical_id)
                elif resource.logical_id == ZONE:
                    empty_zone(self.aws, resource.physical_id)
            Stacks(self.aws, pause=self._pause).delete(self._name, self._record.execution_role, watch)
            if self._record.account != self._application.account:
                withdraw(self._caller, self._application, self._record.name, self.stack)
        return tuple(role for role in self._roles if not _deletes_role(self._owner or self.aws, role))

    @property
    def _roles(self) -> tuple[str, ...]:
        return (self._record.execution_role, self._record.manager_role)


def empty_zone(aws: Aws, zone: str) -> None:
    """Deletes the records that proved a certificate: CloudFormation may leave them, and Route 53 keeps a zone with records."""
    with explained():
        pages = aws.route53.get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone)
        for record in [each for page in pages for each in page["ResourceRecordSets"] if each["Type"] == "CNAME"]:
            batch: Any = {"Changes": [{"Action": "DELETE", "ResourceRecordSet": record}]}
            aws.route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)


def _deletes_role(aws: Aws, arn: str) -> bool:
    try:
        delete_role(aws, arn.rpartition("/")[2])
    except ClientError as error:
        if code_of(error) in DENIED:
            return False
        with explained():
            raise
    return True


def clear_roles(aws: Aws, application: str, environment: str) -> None:
    """Deletes roles that an environment of this name left behind: a stack that has to make them could not be made."""
    tags = {(names.APPLICATION_TAG, application), (names.ENVIRONMENT_TAG, environment)}
    for role in (
        names.cloudformation_execution_role(application, environment),
        names.environment_manager_role(application, environment),
    ):
        with explained(), suppress(aws.iam.exceptions.NoSuchEntityException):
            found = aws.iam.list_role_tags(RoleName=role)["Tags"]
            if tags <= {(tag["Key"], tag["Value"]) for tag in found}:
                delete_role(aws, role)


def delete_role(aws: Aws, name: str) -> None:
    """Deletes a role with its policies. Raises ClientError; one that does not exist is no error."""
    iam = aws.iam
    with suppress(iam.exceptions.NoSuchEntityException):
        for attached in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
            iam.detach_role_policy(RoleName=name, PolicyArn=attached["PolicyArn"])
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
        iam.delete_role(RoleName=name)
