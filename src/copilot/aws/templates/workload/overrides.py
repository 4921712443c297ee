"""Changes to a task definition that the manifest makes with ``taskdef_overrides``, as AWS Copilot applies them."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from copilot.errors import UnsupportedError
from copilot.manifest.deployment import TaskdefChange

_SEGMENT = re.compile(r"([a-zA-Z0-9_-]+)(?:\[(\d+|-)\])?")


class _Step(NamedTuple):
    key: str
    item: str | None


def overridden(properties: dict[str, Any], overrides: Iterable[TaskdefChange]) -> dict[str, Any]:
    """Properties with each override applied to what the ones before it left.

    A path names keys separated by dots; ``[2]`` after a key is an item of a list that is there, ``[-]`` a new one at its end.
    What is missing on the way is made.

    Args:
        properties: Plain data; it is left as it is.
        overrides: In the order of the manifest.

    Raises:
        UnsupportedError: A path is not one, or leads through something that is not there and cannot be made.
    """
    result = copy.deepcopy(properties)
    for number, override in enumerate(overrides):
        where = f"taskdef_overrides[{number}].path"
        *way, last = _steps(override.path, where)
        node = result
        for step in way:
            node = _entered(node, step, where)
        _write(node, last, copy.deepcopy(override.value), where)
    return result


def _steps(path: str, where: str) -> list[_Step]:
    steps = []
    for segment in path.split("."):
        match = _SEGMENT.fullmatch(segment)
        if match is None:
            raise UnsupportedError(
                f"`{segment}` in `{where}` is not part of a path", hint="write `key`, `list[0]` or `list[-]`, with dots between"
            )
        steps.append(_Step(match[1], match[2]))
    return steps


def _entered(node: dict[str, Any], step: _Step, where: str) -> dict[str, Any]:
    """What a step leads to, which is made if it is missing."""
    if step.item is None:
        found = node.setdefault(step.key, {})
    elif step.item == "-":
        found = {}
        _items(node, step, where).append(found)
    else:
        found = _items(node, step, where)[int(step.item)]
    if not isinstance(found, dict):
        raise UnsupportedError(f"`{where}` goes on after `{_written(step)}`, which is a single value or a list")
    return found


def _write(node: dict[str, Any], step: _Step, value: Any, where: str) -> None:
    if step.item is None:
        node[step.key] = value
    elif step.item == "-":
        _items(node, step, where).append(value)
    else:
        _items(node, step, where)[int(step.item)] = value


def _items(node: dict[str, Any], step: _Step, where: str) -> list[Any]:
    """The list that a step names, which has the item that it names."""
    items = node.setdefault(step.key, []) if step.item == "-" else node.get(step.key, [])
    if not isinstance(items, list):
        raise UnsupportedError(f"`{step.key}` in `{where}` is not a list", hint=f"leave `[{step.item}]` out")
    if step.item != "-" and int(step.item or 0) >= len(items):
        there = "is empty" if not items else "has one item" if len(items) == 1 else f"has {len(items)} items"
        raise UnsupportedError(
            f"there is no `{_written(step)}`, which `{where}` names: `{step.key}` {there}, and the first is `[0]`",
            hint=f"write `{step.key}[-]` to add an item",
        )
    return items


def _written(step: _Step) -> str:
    return step.key if step.item is None else f"{step.key}[{step.item}]"
