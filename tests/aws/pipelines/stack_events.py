"""Stacks that tell what becomes of their resources, and roll back when one of them fails.

In moto only the stack itself has events, and a change set that fails leaves it half way, with an error of the server's own.
Resources are made after those that they refer to, and each once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from moto.cloudformation import parsing
from moto.cloudformation.models import CloudFormationBackend, Event, Stack, cloudformation_backends

_create, _execute = parsing.parse_and_create_resource, CloudFormationBackend.execute_change_set
_TOLD = "emulated_told"
_WORD = re.compile(r"[A-Za-z0-9]+")

_Place = tuple[Any, str, str, str, dict[str, Any]]
"""The map of resources, account and region; name and declaration of the resource."""


def _tell(
    resources: Any, account: str, region: str, name: str, resource: dict[str, Any], status: str, reason: str | None
) -> None:
    stack = cloudformation_backends[account][region].stacks.get(resources.stack_id)
    if stack is not None:
        made = resources._parsed_resources.get(name)
        physical = str(getattr(made, "physical_resource_id", "") or "")
        stack.events.append(Event(stack.stack_id, stack.name, name, physical, resource["Type"], status, reason, None))


def _failed(error: Exception, place: _Place, status: str) -> None:
    """Say it of the resource itself, and not of those that wait for it."""
    if not hasattr(error, _TOLD):
        setattr(error, _TOLD, place[3])
        _tell(*place, status, str(getattr(error, "message", None) or error))


def _created(logical_id: str, resource_json: Any, resources_map: Any, account_id: str, region_name: str) -> Any:
    place = (resources_map, account_id, region_name, logical_id, resource_json)
    try:
        made: Any = _create(logical_id, resource_json, resources_map, account_id, region_name)
    except Exception as error:
        _failed(error, place, "CREATE_FAILED")
        raise
    if made is not None:
        _tell(*place, "CREATE_IN_PROGRESS", None)
        _tell(*place, "CREATE_COMPLETE", None)
    return made


def _updating(update: Any) -> Any:
    def updated(logical_id: str, resource_json: Any, resources_map: Any, account_id: str, region_name: str) -> Any:
        place = (resources_map, account_id, region_name, logical_id, resource_json)
        try:
            made = update(logical_id, resource_json, resources_map, account_id, region_name)
        except Exception as error:
            _failed(error, place, "UPDATE_FAILED")
            raise
        if made is not None:
            _tell(*place, "UPDATE_COMPLETE", None)
        return made

    return updated


def _ordering(update: Any) -> Any:
    def updated(self: parsing.ResourceMap, template: dict[str, Any], parameters: dict[str, Any] | None = None) -> None:
        update(self, {**template, "Resources": _in_order(template["Resources"])}, parameters)

    return updated


def _in_order(resources: dict[str, Any]) -> dict[str, Any]:
    """Each after those that it refers to."""
    ordered: dict[str, Any] = {}

    def add(name: str) -> None:
        if name in resources and name not in ordered and name not in visited:
            visited.add(name)
            for each in _references(resources[name]):
                add(each)
            ordered[name] = resources[name]

    visited: set[str] = set()
    for name in resources:
        add(name)
    return ordered


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in value.items():
            if key in {"Ref", "DependsOn", "Fn::GetAtt", "Fn::Sub"}:
                yield from _names(each)
            yield from _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)


def _names(value: Any) -> Iterator[str]:
    """What text, or a list of texts, of a reference names: ``Role``, ``Role.Arn``, ``${Role}-${Role.Arn}``."""
    for text in value if isinstance(value, list) else [value]:
        if isinstance(text, str):
            yield from _WORD.findall(text)


def _executing(execute: Any) -> Any:
    def execute_change_set(self: CloudFormationBackend, change_set_name: str, stack_name: str | None = None) -> None:
        change_set: Any = self.describe_change_set(change_set_name)
        try:
            execute(self, change_set_name, stack_name)
        except Exception as error:
            if change_set is None or change_set.stack_id not in self.stacks:
                raise
            creates = change_set.change_set_type == "CREATE"
            _roll_back(self.stacks[change_set.stack_id], getattr(error, _TOLD, ""), creates=creates)

    return execute_change_set


def _roll_back(stack: Stack, resource: str, *, creates: bool) -> None:
    prefix, what = ("", "create") if creates else ("UPDATE_", "update")
    reason = f"The following resource(s) failed to {what}: [{resource}]. "
    stack._add_stack_event(f"{prefix}ROLLBACK_IN_PROGRESS", resource_status_reason=reason)
    try:
        if creates:
            stack.resource_map.delete()
        else:
            stack.resource_map.update(stack.template_dict, stack.parameters)
    except Exception as error:  # noqa: BLE001 - what cannot be brought back says so, as in CloudFormation
        stack._add_stack_event(f"{prefix}ROLLBACK_FAILED", resource_status_reason=str(error))
        stack.status = f"{prefix}ROLLBACK_FAILED"
        return
    stack._add_stack_event(f"{prefix}ROLLBACK_COMPLETE")
    stack.status = f"{prefix}ROLLBACK_COMPLETE"


def mend() -> None:
    """Let stacks tell. To be called after all that changes how resources are made and change sets executed."""
    setattr(parsing, "parse_and_create_resource", _created)  # noqa: B010 - the type checker lets no function be assigned
    update = _updating(parsing.parse_and_update_resource)
    setattr(parsing, "parse_and_update_resource", update)  # noqa: B010 - likewise
    setattr(parsing.ResourceMap, "update", _ordering(parsing.ResourceMap.update))  # noqa: B010 - likewise
    execute = _executing(CloudFormationBackend.execute_change_set)
    setattr(CloudFormationBackend, "execute_change_set", execute)  # noqa: B010 - likewise
