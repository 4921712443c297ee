"""StackSets that do what CloudFormation's do, for moto's server.

moto keeps the template of a StackSet and never brings it to the instances. Here an update reaches every instance; an operation
that fails in a region says so, with the reason; one operation runs at a time; identifiers and names are used once; a bucket with
something in it is not deleted, a key stays when its policy changes, a zone knows its name servers, and lists in parameters are
text. How long operations take is set as for moto's own models, for model `MODEL`
(``POST /moto-api/state-manager/set-transition``).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import uuid4

from moto.cloudformation import models, parsing, urls
from moto.cloudformation.exceptions import CloudFormationError
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.kms.models import Key
from moto.moto_api import state_manager
from moto.moto_api._internal.managed_state_model import ManagedState
from moto.route53.models import FakeZone
from moto.s3.models import FakeBucket, s3_backends
from moto.utilities.utils import get_partition

MODEL = "cloudformation::stack-set-operation"


class NameAlreadyExistsError(CloudFormationError):
    code = "NameAlreadyExistsException"


class OperationIdAlreadyExistsError(CloudFormationError):
    code = "OperationIdAlreadyExistsException"


class OperationInProgressError(CloudFormationError):
    code = "OperationInProgressException"


class OperationNotFoundError(CloudFormationError):
    code = "OperationNotFoundException"


class Operation(ManagedState):
    """An operation. Its work is done when it begins; it says so when its time has come."""

    def __init__(self, identifier: str, action: str) -> None:
        super().__init__(MODEL, [("RUNNING", "ENDED")])
        self.identifier, self.action, self.began = identifier, action, utcnow()
        self.results: list[dict[str, str]] = []
        self.stopped = False

    def look(self) -> str:
        if self.stopped:
            return "STOPPED"
        self.advance()
        if self.status == "RUNNING":
            return "RUNNING"
        return "FAILED" if any(result["Status"] == "FAILED" for result in self.results) else "SUCCEEDED"

    def described(self) -> dict[str, Any]:
        return {
            "OperationId": self.identifier,
            "Action": self.action,
            "Status": self.look(),
            "CreationTimestamp": self.began,
        }

    def attempt(self, account: str, region: str, work: Callable[[], object]) -> None:
        result = {"Account": account, "Region": region, "Status": "SUCCEEDED"}
        self.results.append(result)
        try:
            work()
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in moto is why the operation fails
            result |= {"Status": "FAILED", "StatusReason": str(getattr(error, "message", None) or error)}


class Instance:
    """What a StackSet has in a region: a stack that bears the name CloudFormation would give it."""

    def __init__(self, account_id: str, region_name: str, stackset_id: str, name: str, template: str, **more: Any) -> None:
        del more
        self.account_id, self.region_name, self.stackset_id = account_id, region_name, stackset_id
        self.status = "CURRENT"
        backend = models.cloudformation_backends[account_id][region_name]
        self.stack = backend.create_stack(f"StackSet-{name}-{uuid4()}", template, {})

    def update(self, template: str) -> None:
        self.status = "OUTDATED"
        backend = models.cloudformation_backends[self.account_id][self.region_name]
        backend.update_stack(self.stack.stack_id, template, None, [], None)
        self.status = "CURRENT"

    def delete(self) -> None:
        models.cloudformation_backends[self.account_id][self.region_name].delete_stack(self.stack.stack_id)

    def to_dict(self) -> dict[str, Any]:
        return {
            "StackSetId": self.stackset_id,
            "Region": self.region_name,
            "Account": self.account_id,
            "StackId": self.stack.stack_id,
            "Status": self.status,
        }


class Responses(CloudFormationResponse):
    """What is answered differently from moto."""

    def _stack_set(self) -> Any:
        return self.cloudformation_backend.describe_stack_set(self._get_param("StackSetName"))

    def _operation(self) -> Operation:
        identifier = self._get_param("OperationId")
        for each in self._stack_set().operations:
            if each.identifier == identifier:
                return each  # type: ignore[no-any-return] # moto's list is of plain data
        raise OperationNotFoundError(f"Operation {identifier} not found")

    def _begin(self, action: str) -> Operation:
        """A new operation, the first in the list, as CloudFormation lists them."""
        stack_set, identifier = self._stack_set(), self._get_param("OperationId") or str(uuid4())
        if any(each.identifier == identifier for each in stack_set.operations):
            raise OperationIdAlreadyExistsError(f"Operation {identifier} already exists")
        self._refuse_while_running(stack_set)
        stack_set.operations.insert(0, Operation(identifier, action))
        return stack_set.operations[0]  # type: ignore[no-any-return] # likewise

    def _refuse_while_running(self, stack_set: Any) -> None:
        if stack_set.operations and stack_set.operations[0].look() == "RUNNING":
            raise OperationInProgressError(f"Another Operation on StackSet {stack_set.name} is in progress")

    def create_stack_set(self) -> ActionResult:
        name = self._get_param("StackSetName")
        if any(each.name == name and each.status != "DELETED" for each in self.cloudformation_backend.list_stack_sets()):
            raise NameAlreadyExistsError(f"StackSet {name} already exists")
        return super().create_stack_set()

    def update_stack_set(self) -> ActionResult:
        operation, stack_set = self._begin("UPDATE"), self._stack_set()
        url = self._get_param("TemplateURL")
        template = self._get_stack_from_s3_url(url) if url else self._get_param("TemplateBody")
        stack_set.template = stack_set.instances.template = template
        stack_set.tags = {each["Key"]: each["Value"] for each in self._get_param("Tags", [])}
        for instance in stack_set.stack_instances:
            operation.attempt(instance.account_id, instance.region_name, partial(instance.update, template))
        return ActionResult({"OperationId": operation.identifier})

    def create_stack_instances(self) -> ActionResult:
        operation, instances = self._begin("CREATE"), self._stack_set().instances
        for account, region in self._targets():
            operation.attempt(
                account, region, partial(instances.create_instances, [account], [region], {}, {}, permission_model="SELF_MANAGED")
            )
        return ActionResult({"OperationId": operation.identifier})

    def delete_stack_instances(self) -> ActionResult:
        operation, instances = self._begin("DELETE"), self._stack_set().instances
        for account, region in self._targets():
            operation.attempt(account, region, partial(instances.delete, [account], [region]))
        return ActionResult({"OperationId": operation.identifier})

    def _targets(self) -> list[tuple[str, str]]:
        return [(account, region) for account in self._get_param("Accounts", []) for region in self._get_param("Regions", [])]

    def delete_stack_set(self) -> ActionResult:
        self._refuse_while_running(self._stack_set())
        return super().delete_stack_set()

    def describe_stack_set_operation(self) -> ActionResult:
        return ActionResult({"StackSetOperation": {**self._operation().described(), "StackSetId": self._stack_set().id}})

    def list_stack_set_operations(self) -> ActionResult:
        return ActionResult({"Summaries": [each.described() for each in self._stack_set().operations]})

    def list_stack_set_operation_results(self) -> ActionResult:
        operation = self._operation()
        running = operation.status == "RUNNING" and not operation.stopped
        return ActionResult({"Summaries": [{**each, "Status": "RUNNING"} if running else each for each in operation.results]})

    def stop_stack_set_operation(self) -> ActionResult:
        self._operation().stopped = True
        return ActionResult({})


def _delete_bucket(cls: Any, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str) -> None:
    backend = s3_backends[account_id][get_partition(region_name)]
    if resource_name in backend.buckets and not backend.delete_bucket(resource_name):
        raise RuntimeError(f"The bucket you tried to delete is not empty: {resource_name}")


def _update_key(cls: Any, /, original_resource: Key, cloudformation_json: Any, **more: Any) -> Key:
    original_resource.policy = json.dumps(cloudformation_json["Properties"]["KeyPolicy"])
    return original_resource


def _name_servers(self: Any, attribute: str) -> list[str]:
    del attribute
    return list(self.delegation_set.name_servers)


_listed = models.Stack.parameter_list.fget  # type: ignore[attr-defined] # a property


def _parameter_list(self: models.Stack) -> list[dict[str, Any]]:
    """The parameters as they were given; moto answers with how Python writes a list."""

    def given(value: Any) -> Any:
        return ",".join(value) if isinstance(value, list) else value

    return [{**each, "ParameterValue": given(each["ParameterValue"])} for each in _listed(self)]


_update = parsing.parse_and_update_resource


def _update_unless_absent(logical_id: str, resource_json: Any, resources_map: Any, account_id: str, region_name: str) -> Any:
    """A resource whose condition is not met is not there, and there is nothing of it to update."""
    there = resources_map[logical_id] is not None
    return _update(logical_id, resource_json, resources_map, account_id, region_name) if there else None


def mend() -> None:
    """Let StackSets do what they do in CloudFormation."""
    setattr(models, "StackInstance", Instance)  # noqa: B010 - the type checker lets no class or method be assigned
    setattr(FakeBucket, "delete_from_cloudformation_json", classmethod(_delete_bucket))  # noqa: B010 - likewise
    setattr(Key, "update_from_cloudformation_json", classmethod(_update_key))  # noqa: B010 - likewise
    setattr(FakeZone, "get_cfn_attribute", _name_servers)  # noqa: B010 - likewise
    setattr(models.Stack, "parameter_list", property(_parameter_list))  # noqa: B010 - likewise
    setattr(parsing, "parse_and_update_resource", _update_unless_absent)  # noqa: B010 - likewise
    urls.url_paths["{0}/$"] = Responses.dispatch
    state_manager.register_default_transition(MODEL, {"progression": "immediate"})
