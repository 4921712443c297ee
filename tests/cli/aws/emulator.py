"""The emulator, with what workloads' stacks need besides: run as ``python -m tests.cli.aws.emulator``.

In moto, elements of lists that are not to be there are null, and nothing waits for the function behind a custom resource, which
is not asked when the resource is changed or deleted.
"""

from __future__ import annotations

import json
import threading
import time
from typing import Any

from moto import settings
from moto.awslambda.models import lambda_backends
from moto.cloudformation import parsing
from moto.cloudformation.custom_model import CustomModel
from moto.cloudformation.models import cloudformation_backends
from moto.server import main

from tests.aws import emulated_resources, emulated_stack_sets, emulator

_DEADLINE = 60.0

_clean = parsing.clean_json


def _without_nothing(resource_json: Any, resources_map: Any) -> Any:
    """A template's functions, evaluated; ``AWS::NoValue`` is left out of lists, too."""
    cleaned = _clean(resource_json, resources_map)
    return [each for each in cleaned if each is not None] if isinstance(cleaned, list) else cleaned


_create: Any = CustomModel.create_from_cloudformation_json.__func__  # type: ignore[attr-defined]  # a class method


def _created(cls: Any, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **more: Any) -> Any:
    """A custom resource, once its function has answered."""
    made = _create(cls, resource_name, cloudformation_json, account_id, region_name, **more)
    made.stack_id, made.kind = more["StackId"], more["ResourceType"]
    _wait(made)
    return made


def _updated(
    cls: Any,
    original_resource: Any,
    new_resource_name: str,
    cloudformation_json: Any,
    account_id: str,
    region_name: str,
) -> Any:
    del cls, new_resource_name
    return _ask(original_resource, "Update", cloudformation_json, account_id, region_name)


def _deleted(cls: Any, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str) -> None:
    del cls
    stacks = cloudformation_backends[account_id][region_name].stacks.values()
    made = [one for stack in stacks for one in stack.custom_resources.values() if one.resource_name == resource_name]
    for one in made:
        _ask(one, "Delete", cloudformation_json, account_id, region_name)


def _ask(made: Any, request: str, cloudformation_json: Any, account_id: str, region_name: str) -> Any:
    """Have the function of a custom resource do something, and wait for its answer."""
    properties = cloudformation_json["Properties"]
    function = lambda_backends[account_id][region_name].get_function(properties["ServiceToken"])
    host = f"{settings.moto_server_host()}:{settings.moto_server_port()}"
    event = {
        "RequestType": request,
        "ResponseURL": f"{host}/cloudformation_{region_name}/cfnresponse?stack={made.stack_id}",
        "StackId": made.stack_id,
        "RequestId": made.request_id,
        "LogicalResourceId": made.logical_id,
        "PhysicalResourceId": made.physical_resource_id,
        "ResourceType": made.kind,
        "ResourceProperties": properties,
    }
    made._finished = False
    threading.Thread(target=function.invoke, args=(json.dumps(event), {}, {})).start()
    _wait(made)
    return made


def _wait(made: Any) -> None:
    end = time.monotonic() + _DEADLINE
    while not made.is_created():
        if time.monotonic() > end:
            raise TimeoutError(f"the function of {made.logical_id} does not answer")
        time.sleep(0.02)


def mend() -> None:
    """Let moto make workloads."""
    setattr(parsing, "clean_json", _without_nothing)  # noqa: B010 - the type checker lets no function be assigned
    setattr(CustomModel, "create_from_cloudformation_json", classmethod(_created))  # noqa: B010 - likewise
    setattr(CustomModel, "update_from_cloudformation_json", classmethod(_updated))  # noqa: B010 - likewise
    setattr(CustomModel, "delete_from_cloudformation_json", classmethod(_deleted))  # noqa: B010 - likewise


if __name__ == "__main__":
    emulator.mend()
    emulated_resources.mend()
    emulated_stack_sets.mend()
    mend()
    main()
