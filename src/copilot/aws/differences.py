"""What is different between two templates, and between what they are given: resource by resource, place by place.

All pure. What CloudFormation will replace is not in a template: `marked` adds that from a change set.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Any

from copilot.aws.changes import Action, PropertyChange, ResourceChange

_SECTIONS_APART = frozenset({"Resources", "Parameters"})
# Lists whose order hardly ever matters to a reader: an item is the same one as before if it has the same name.
_NAMES = ("Name", "Key", "PolicyName", "Sid", "Id", "AttributeName", "IndexName", "ContainerName")
_HIDDEN = "****"


@dataclass(frozen=True)
class Difference:
    """What is different. It is false if nothing is.

    Attributes:
        parameters: The values that the stack is given; the path is the parameter's name.
        resources: In the order of the new template, then those that go.
        sections: Everything else, such as ``Outputs.Url.Value``.
        order: Logical IDs of all resources, different or not, in that order.
    """

    parameters: tuple[PropertyChange, ...] = ()
    resources: tuple[ResourceChange, ...] = ()
    sections: tuple[PropertyChange, ...] = ()
    order: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.parameters or self.resources or self.sections)


def difference(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    given_before: Mapping[str, str] | None = None,
    given_after: Mapping[str, str | None] | None = None,
) -> Difference:
    """What is different between two templates (`templates.reading.read_template`).

    Args:
        before: The template of the stack as it is; empty if there is none.
        after: The template it is to have.
        given_before: The parameters that the stack has.
        given_after: Those it is to be given; None keeps the value it has, and a missing one gets the template's default.
    """
    old, new = canonical(before), canonical(after)
    sections = [change for name in _merged(old, new) if name not in _SECTIONS_APART for change in _section(old, new, name)]
    declared = compare(old.get("Parameters", {}), new.get("Parameters", {}), "Parameters")
    return Difference(
        tuple(_given(new.get("Parameters", {}), given_before or {}, given_after or {})),
        tuple(_resources(old.get("Resources", {}), new.get("Resources", {}))),
        (*declared, *sections),
        tuple(_merged(old.get("Resources", {}), new.get("Resources", {}))),
    )


def marked(found: Difference, changes: Sequence[ResourceChange]) -> Difference:
    """The same, with what CloudFormation says is replaced, and with resources that change though their template does not."""
    by_id = {change.logical_id: change for change in changes}
    resources = [_marked(resource, by_id.pop(resource.logical_id, None)) for resource in found.resources]
    place = {logical_id: index for index, logical_id in enumerate(found.order)}
    every = sorted([*resources, *by_id.values()], key=lambda resource: place.get(resource.logical_id, len(place)))
    return replace(found, resources=tuple(every))


def compare(before: Any, after: Any, path: str = "") -> Iterator[PropertyChange]:
    """The places where two canonical values differ; None is no value."""
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping) and not _is_function(before) and not _is_function(after):
        for key in _merged(before, after):
            yield from compare(before.get(key), after.get(key), f"{path}.{key}" if path else key)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _compare_lists(before, after, path)
    elif _is_same_choice(before, after):
        yield from _compare_items(before["Fn::If"][1:], after["Fn::If"][1:], f"{path}.If", 1, 1)
    else:
        yield PropertyChange(path, before, after)


def canonical(value: Any) -> Any:
    """A value in the one way to write it: CloudFormation makes no difference between ``443`` and ``"443"``."""
    if isinstance(value, Mapping):
        if len(value) == 1 and isinstance(value.get("Fn::GetAtt"), str):
            return {"Fn::GetAtt": value["Fn::GetAtt"].split(".", maxsplit=1)}
        return {str(key): canonical(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, (list, tuple)):
        return [canonical(inner) for inner in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if value is None else str(value)


def _section(before: Mapping[str, Any], after: Mapping[str, Any], name: str) -> Iterator[PropertyChange]:
    """A section that is missing has nothing in it: what is in the other one is named piece by piece."""
    parts = isinstance(before.get(name, after.get(name)), Mapping)
    return compare(before.get(name, {} if parts else None), after.get(name, {} if parts else None), name)


def _resources(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[ResourceChange]:
    for logical_id, new in after.items():
        old = before.get(logical_id)
        if old is None:
            yield ResourceChange(logical_id, new.get("Type", ""), "add", (PropertyChange("", None, new),))
            continue
        changes = tuple(compare(old, new))
        if changes:
            # A resource cannot change its type: CloudFormation makes another one.
            action: Action = "modify" if old.get("Type") == new.get("Type") else "replace"
            yield ResourceChange(logical_id, new.get("Type", ""), action, changes)
    for logical_id, old in before.items():
        if logical_id not in after:
            yield ResourceChange(logical_id, old.get("Type", ""), "remove", (PropertyChange("", old, None),))


def _marked(resource: ResourceChange, told: ResourceChange | None) -> ResourceChange:
    if told is None or resource.action in {"add", "remove"}:
        return resource
    worst = {_place(change.path): change.recreates for change in told.properties}
    properties = [replace(change, recreates=worst.get(_place(change.path), "never")) for change in resource.properties]
    known = {_place(change.path) for change in properties}
    more = [change for change in told.properties if change.recreates != "never" and _place(change.path) not in known]
    return replace(
        resource,
        action="replace" if told.action == "replace" else resource.action,
        properties=(*properties, *more),
        physical_id=told.physical_id,
        perhaps_replaced=told.perhaps_replaced,
    )


def _place(path: str) -> str:
    """The property that a path is in: whether its change recreates the resource is a matter of the property."""
    return ".".join(path.replace("[", ".").split(".")[:2])


def _given(declared: Mapping[str, Any], before: Mapping[str, str], after: Mapping[str, str | None]) -> Iterator[PropertyChange]:
    for name, declaration in declared.items():
        old, new = before.get(name), after.get(name)
        if new is None:
            new = old if name in after and old is not None else declaration.get("Default")
        hidden = declaration.get("NoEcho") == "true"
        if hidden and old is not None:
            continue  # AWS tells no one what it is: whether it changes cannot be known
        if old != new:
            yield PropertyChange(name, old, _HIDDEN if hidden else new)
    for name, old in before.items():
        if name not in declared:
            yield PropertyChange(name, old, None)


def _compare_lists(before: list[Any], after: list[Any], path: str) -> Iterator[PropertyChange]:
    for name in _NAMES:
        old, new = _named(before, name), _named(after, name)
        if old is not None and new is not None and _is_in_order(old, new):
            for key in _merged(old, new):
                yield from compare(old.get(key), new.get(key), f"{path}[{key}]")
            return
    old_lines, new_lines = ([json.dumps(item, sort_keys=True) for item in items] for items in (before, after))
    matcher = SequenceMatcher(a=old_lines, b=new_lines, autojunk=False)
    for kind, start, end, other_start, other_end in matcher.get_opcodes():
        if kind != "equal":
            yield from _compare_items(before[start:end], after[other_start:other_end], path, start, other_start)


def _compare_items(
    before: list[Any], after: list[Any], path: str, start: int = 0, other_start: int = 0
) -> Iterator[PropertyChange]:
    both = min(len(before), len(after))
    for index in range(both):
        yield from compare(before[index], after[index], f"{path}[{other_start + index}]")
    for index in range(both, len(before)):
        yield PropertyChange(f"{path}[{start + index}]", before[index], None)
    for index in range(both, len(after)):
        yield PropertyChange(f"{path}[{other_start + index}]", None, after[index])


def _named(items: list[Any], name: str) -> dict[str, Any] | None:
    """The items by their names; None if not each one has a name of its own."""
    found = {item[name]: item for item in items if isinstance(item, Mapping) and isinstance(item.get(name), str)}
    return found if len(found) == len(items) else None


def _is_in_order(before: Iterable[str], after: Iterable[str]) -> bool:
    old, new = list(before), list(after)
    return [key for key in old if key in new] == [key for key in new if key in old]


def _is_function(value: Mapping[str, Any]) -> bool:
    (key, *more) = value or {"": None}
    return not more and (key in {"Ref", "Condition"} or key.startswith("Fn::"))


def _is_same_choice(before: Any, after: Any) -> bool:
    """Whether both are an ``Fn::If`` on the same condition, so that their branches can be told apart."""
    conditions = [_condition(before), _condition(after)]
    return conditions[0] is not None and conditions[0] == conditions[1]


def _condition(value: Any) -> Any:
    choice = value.get("Fn::If") if isinstance(value, Mapping) and len(value) == 1 else None
    return choice[0] if isinstance(choice, list) and len(choice) == 3 else None


def _merged(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The keys of both, in the order of the new one."""
    return [*after, *(key for key in before if key not in after)]
