"""StackSets of CloudFormation: one template, a stack of it in each region.

CloudFormation works on one operation at a time for each StackSet. Everything here waits for the one under way, whoever began it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError

from copilot.aws.client import Aws
from copilot.aws.errors import code_of, explained
from copilot.aws.stack_templates import template_argument
from copilot.aws.stack_values import STACK_TYPE, StackEvent, StackRequest, Watch, unwatched
from copilot.aws.waiting import Pauses
from copilot.errors import ConflictError, DeploymentError, NotFoundError

CURRENT = "CURRENT"
"""The status of an instance that is what its StackSet says."""

_PAUSE = 3.0
_UNDER_WAY = frozenset({"QUEUED", "RUNNING", "STOPPING"})
_OUTDATED = frozenset({"OperationIdAlreadyExistsException", "OperationInProgressException", "StaleRequestException"})
_STATES = {"RUNNING": "IN_PROGRESS", "SUCCEEDED": "COMPLETE", "FAILED": "FAILED", "CANCELLED": "FAILED"}
_PARALLEL: Any = {"RegionConcurrencyType": "PARALLEL"}


class OutdatedError(ConflictError):
    """The StackSet was changed since it was read."""


@dataclass(frozen=True)
class StackSetRequest:
    """What a StackSet is to be.

    Attributes:
        name: Of the StackSet.
        template: YAML.
        description: What it is for.
        administration_role: ARN of the role that CloudFormation takes.
        execution_role: Name of the role that it then takes in each account, to make the resources.
        tags: On everything.
        bucket: Name and region of a bucket for a template that is too big to be sent along; None without.
    """

    name: str
    template: str
    description: str
    administration_role: str
    execution_role: str
    tags: Mapping[str, str] = field(default_factory=dict)
    bucket: tuple[str, str] | None = None


@dataclass(frozen=True)
class StackSet:
    """A StackSet as it is."""

    name: str
    template: str
    tags: Mapping[str, str]


@dataclass(frozen=True)
class StackInstance:
    """What a StackSet has in a region of an account.

    Attributes:
        stack_id: ARN of its stack; empty if it could not be created.
        status: `CURRENT`, or how it differs from the StackSet.
    """

    account: str
    region: str
    stack_id: str
    status: str


class StackSets:
    """The StackSets of an account, kept in one region.

    Args:
        aws: That account and region.
        pause: Seconds between two looks at what CloudFormation is doing, at most.
    """

    def __init__(self, aws: Aws, *, pause: float = _PAUSE) -> None:
        self._aws = aws
        self._pause = pause

    @property
    def _client(self) -> Any:
        return self._aws.cloudformation

    def find(self, name: str) -> StackSet | None:
        """The StackSet, or None."""
        with explained():
            try:
                data = self._client.describe_stack_set(StackSetName=name)["StackSet"]
            except self._client.exceptions.StackSetNotFoundException:
                return None
        return StackSet(name, data.get("TemplateBody", ""), {tag["Key"]: tag["Value"] for tag in data.get("Tags", [])})

    def require(self, name: str) -> StackSet:
        """The StackSet. Raises NotFoundError if there is none."""
        found = self.find(name)
        if found is None:
            raise NotFoundError(
                f"there is no StackSet `{name}` in {self._aws.region}",
                hint="it was deleted by hand, or never finished: `copilot app init` makes it again",
            )
        return found

    def create(self, request: StackSetRequest) -> bool:
        """Makes a StackSet without instances. Whether it did: False if there is one of that name."""
        with explained():
            try:
                self._client.create_stack_set(ClientRequestToken=uuid4().hex, **self._arguments(request))
            except self._client.exceptions.NameAlreadyExistsException:
                return False
        return True

    def update(self, request: StackSetRequest, operation: str, watch: Watch = unwatched) -> None:
        """Updates a StackSet and all its instances, and waits until that is done.

        Args:
            request: What it is to be.
            operation: An identifier of the operation that none had before. Whoever reads the same state must choose the same one:
                then only the first to write it succeeds.
            watch: Is told what happens in each region.

        Raises:
            OutdatedError: Somebody else was first. Read again, then try again.
            DeploymentError: An instance could not be updated.
        """
        with explained():
            try:
                self._client.update_stack_set(OperationId=operation, OperationPreferences=_PARALLEL, **self._arguments(request))
            except ClientError as error:
                if code_of(error) in _OUTDATED:
                    raise OutdatedError(f"StackSet `{request.name}` is being changed by someone else") from error
                raise
        self._wait(request.name, operation, "UPDATE", watch)

    def instances(self, name: str) -> list[StackInstance]:
        """What a StackSet has in each region, in order; nothing if there is no such StackSet."""
        with explained():
            try:
                pages = list(self._client.get_paginator("list_stack_instances").paginate(StackSetName=name))
            except self._client.exceptions.StackSetNotFoundException:
                return []
        found = [
            StackInstance(each["Account"], each["Region"], each.get("StackId", ""), each.get("Status", ""))
            for page in pages
            for each in page["Summaries"]
        ]
        return sorted(found, key=lambda each: (each.account, each.region))

    def instance(self, name: str, region: str) -> StackInstance | None:
        """What a StackSet has in a region, in whichever account, or None."""
        return next((each for each in self.instances(name) if each.region == region), None)

    def add_instance(self, name: str, account: str, region: str, watch: Watch = unwatched) -> None:
        """Makes a StackSet's stack in a region, and waits until it is made. Raises DeploymentError."""
        operation = self._start(
            name,
            lambda token: self._client.create_stack_instances(
                StackSetName=name, Accounts=[account], Regions=[region], OperationId=token
            ),
            watch,
        )
        self._wait(name, operation, "CREATE", watch)

    def remove_instances(self, name: str, account: str, regions: Sequence[str], watch: Watch = unwatched) -> None:
        """Deletes a StackSet's stacks in some regions of an account, and waits until they are gone. Raises DeploymentError."""
        operation = self._start(
            name,
            lambda token: self._client.delete_stack_instances(
                StackSetName=name,
                Accounts=[account],
                Regions=list(regions),
                RetainStacks=False,
                OperationPreferences=_PARALLEL,
                OperationId=token,
            ),
            watch,
        )
        self._wait(name, operation, "DELETE", watch)

    def delete(self, name: str, watch: Watch = unwatched) -> None:
        """Deletes a StackSet with all its stacks. Does nothing if it is not there. Raises DeploymentError."""
        instances = self.instances(name)
        for account in dict.fromkeys(each.account for each in instances):
            self.remove_instances(name, account, [each.region for each in instances if each.account == account], watch)
        while True:
            self.settle(name, watch)
            with explained():
                try:
                    self._client.delete_stack_set(StackSetName=name)
                except self._client.exceptions.OperationInProgressException:
                    continue
                except ClientError as error:
                    if code_of(error) != "StackSetNotFoundException":
                        raise
            return

    def settle(self, name: str, watch: Watch = unwatched) -> None:
        """Waits until CloudFormation is not at work on a StackSet."""
        said = False
        pauses = Pauses(self._pause)
        while (operation := self._under_way(name)) is not None:
            if not said:
                reason = "another change is under way; waiting until that is done"
                watch(_event(name, name, f"{operation}_IN_PROGRESS", reason))
                said = True
            pauses.wait()

    def _under_way(self, name: str) -> str | None:
        """What CloudFormation is doing with a StackSet: CREATE, UPDATE or DELETE; None if nothing, or if it is not there."""
        with explained():
            try:
                # Operations are listed from the newest on, and only the newest can be under way.
                summaries = self._client.list_stack_set_operations(StackSetName=name)["Summaries"]
            except self._client.exceptions.StackSetNotFoundException:
                return None
        return next((each["Action"] for each in summaries if each["Status"] in _UNDER_WAY), None)

    def _start(self, name: str, call: Callable[[str], Any], watch: Watch) -> str:
        """Begins an operation as soon as there is no other one; its identifier."""
        token = uuid4().hex
        while True:
            self.settle(name, watch)
            with explained():
                try:
                    call(token)
                except self._client.exceptions.OperationInProgressException:
                    continue
                except self._client.exceptions.OperationIdAlreadyExistsException:
                    pass  # it had begun already when the answer was lost and boto3 asked again
            return token

    def _wait(self, name: str, operation: str, action: str, watch: Watch) -> None:
        try:
            self._follow(name, operation, action, watch)
        except KeyboardInterrupt:
            message = f"AWS goes on with StackSet `{name}`; run the same command again to wait for it and see how it ends"
            raise KeyboardInterrupt(message) from None

    def _follow(self, name: str, operation: str, action: str, watch: Watch) -> None:
        seen: dict[tuple[str, str], str] = {}
        pauses = Pauses(self._pause)
        while True:
            with explained():
                answer = self._client.describe_stack_set_operation(StackSetName=name, OperationId=operation)
                status, reason = answer["StackSetOperation"]["Status"], answer["StackSetOperation"].get("StatusReason")
                results = self._results(name, operation)
            for result in results:
                place, state = (result["Account"], result["Region"]), _STATES.get(result["Status"])
                if state is not None and seen.get(place) != state:
                    seen[place] = state
                    watch(_event(name, result["Region"], f"{action}_{state}", result.get("StatusReason"), result["Account"]))
            if status == "SUCCEEDED":
                return
            if status not in _UNDER_WAY:
                raise _failed(name, action, status, results, reason)
            pauses.wait()

    def _results(self, name: str, operation: str) -> list[Any]:
        pages = self._client.get_paginator("list_stack_set_operation_results").paginate(StackSetName=name, OperationId=operation)
        return [result for page in pages for result in page["Summaries"]]

    def _arguments(self, request: StackSetRequest) -> dict[str, Any]:
        bucket, region = request.bucket or (None, self._aws.region)
        template = template_argument(self._aws.in_region(region), StackRequest(request.name, request.template, bucket=bucket))
        return {
            "StackSetName": request.name,
            "Description": request.description,
            "AdministrationRoleARN": request.administration_role,
            "ExecutionRoleName": request.execution_role,
            "Tags": [{"Key": key, "Value": value} for key, value in request.tags.items()],
            **template,
        }


def _event(name: str, what: str, status: str, reason: str | None, physical_id: str = "") -> StackEvent:
    return StackEvent(name, what, physical_id, STACK_TYPE, status, reason, time.time())


def _failed(name: str, action: str, status: str, results: Sequence[Any], reason: str | None) -> DeploymentError:
    done = {"CREATE": "created", "UPDATE": "updated", "DELETE": "deleted"}[action]
    if status == "STOPPED":
        return DeploymentError(
            f"somebody stopped StackSet `{name}` while it was {done}", hint="run this again when nothing stands in its way"
        )
    # One that is cancelled fell with another one that failed.
    failed = [result for result in results if result["Status"] == "FAILED"] or list(results)
    reasons = [f" in account {each['Account']}, region {each['Region']}: {_plain(each.get('StatusReason'))}" for each in failed]
    first, *others = reasons or [f": {_plain(reason)}"]
    return DeploymentError(
        f"StackSet `{name}` could not be {done}{first}",
        hint="mend the cause, then run this again: it goes on where it stopped",
        details=[other.strip() for other in others],
    )


def _plain(reason: str | None) -> str:
    return " ".join((reason or "CloudFormation gives no reason").split()).rstrip(".")
