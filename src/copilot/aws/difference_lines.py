"""A difference as lines of text, each with its kind, so that whoever shows them can colour them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import ndiff
from typing import Any, Literal

from copilot.aws.changes import PropertyChange, ResourceChange
from copilot.aws.differences import Difference
from copilot.aws.templates.rendering import dump

Kind = Literal["add", "remove", "modify", "replace", "same"]
_SIGNS: Mapping[Kind, str] = {"add": "+", "remove": "-", "modify": "~", "replace": "!", "same": " "}
_LONGEST = 100
"""Characters that a value may have to be shown on one line with the one before."""

# What YAML reads as the text it is; anything else is shown in quotes.
_PLAIN = re.compile(
    r"""
    (?![-?:]\s)                                              # nothing that begins a list, a key or a value
    (?:\$\{[^{}]*\}|[^\s:!&*#|>%@`"'{}\[\],])                # ${Name} is part of the text, as !Sub has it
    (?:\$\{[^{}]*\}|[^:#\n{}\[\],]|:(?!\s|$)|(?<!\s)\#)*
    (?<!\s)
    """,
    re.VERBOSE,
)


@dataclass(frozen=True)
class Line:
    """One line of a difference.

    Attributes:
        kind: ``replace`` is for what CloudFormation makes anew, which may lose data: show it in red. ``same`` is unchanged
            text next to a change.
        text: Without sign and indentation.
        depth: How many levels it is indented.
    """

    kind: Kind
    text: str
    depth: int = 0

    def __str__(self) -> str:
        return f"{'    ' * self.depth}{_SIGNS[self.kind]} {self.text}".rstrip()


def lines_of(found: Difference, descriptions: Mapping[str, str] | None = None) -> list[Line]:
    """The difference in the order of the template; nothing if nothing is different.

    Args:
        found: What is different.
        descriptions: What resources are, by logical ID (`templates.rendering.descriptions`).
    """
    lines: list[Line] = []
    if found.parameters:
        lines.append(Line("modify", "Parameters"))
        for change in found.parameters:
            lines += _place(change, change.path, 1)
    for resource in found.resources:
        lines += _resource(resource, (descriptions or {}).get(resource.logical_id))
    for change in found.sections:
        lines += _place(change, change.path, 0)
    return lines


def brief(value: Any) -> str:
    """A value on one line, with the short forms of functions."""
    if isinstance(value, Mapping):
        return _function(value) or "{" + ", ".join(f"{key}: {brief(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(brief(inner) for inner in value) + "]"
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _function(value: Mapping[str, Any]) -> str | None:
    if len(value) != 1:
        return None
    ((name, argument),) = value.items()
    if name == "Fn::GetAtt" and isinstance(argument, list) and all(isinstance(part, str) for part in argument):
        return f"!GetAtt {'.'.join(argument)}"
    if name == "Ref" or name.startswith("Fn::"):
        return f"!{name.removeprefix('Fn::')} {brief(argument)}"
    return None


def _resource(resource: ResourceChange, description: str | None) -> Iterator[Line]:
    what = f"{resource.logical_id} ({resource.type})"
    if resource.action == "replace":
        what += " is replaced"
    elif resource.perhaps_replaced:
        what += " may be replaced"
    yield Line(resource.action, f"{what}: {description}" if description else what)
    if resource.action == "remove":
        return
    for change in resource.properties:
        if change.path:
            yield from _place(change, change.path.removeprefix("Properties."), 1)
        else:
            yield from _whole(change.after)


def _whole(resource: Any) -> Iterator[Line]:
    """What a new resource is made with; its type and description are in its first line already."""
    shown = {key: value for key, value in resource.items() if key not in {"Type", "Metadata", "Properties"}}
    whole = {**shown, **{key: _shortened(value) for key, value in resource.get("Properties", {}).items()}}
    if whole:
        yield from _yaml("add", whole, 1)


def _shortened(value: Any) -> Any:
    """A property without the source of a function, which says nothing to who reads what would change."""
    source = value.get("ZipFile") if isinstance(value, Mapping) else None
    return {**value, "ZipFile": f"({source.count(chr(10))} lines)"} if isinstance(source, str) else value


def _place(change: PropertyChange, name: str, depth: int) -> Iterator[Line]:
    kind: Kind = "replace" if change.recreates != "never" else "modify"
    effect = {"never": "", "perhaps": "   (may replace the resource)", "always": "   (replaces the resource)"}[change.recreates]
    if change.before is None and change.after is None:
        yield Line(kind, f"{name}{effect}", depth)
    elif change.before is None:
        yield from _value("add", name, change.after, depth, effect)
    elif change.after is None:
        yield from _value("remove", name, change.before, depth, effect)
    elif isinstance(change.before, str) and isinstance(change.after, str) and "\n" in change.before + change.after:
        yield Line(kind, f"{name}:{effect}", depth)
        yield from _text(change.before, change.after, depth + 1)
    else:
        before, after = brief(change.before), brief(change.after)
        if len(before) + len(after) <= _LONGEST:
            yield Line(kind, f"{name}: {before} → {after}{effect}", depth)
        else:
            last = name.rpartition(".")[2]
            yield Line(kind, f"{name}:{effect}", depth)
            yield from _yaml("remove", {last: change.before}, depth + 1)
            yield from _yaml("add", {last: change.after}, depth + 1)


def _value(kind: Kind, name: str, value: Any, depth: int, effect: str) -> Iterator[Line]:
    shown: Kind = "replace" if effect else kind
    text = brief(value)
    if len(text) <= _LONGEST:
        yield Line(shown, f"{name}: {text}{effect}", depth)
    elif effect:
        yield Line(shown, f"{name}:{effect}", depth)
        yield from _yaml(kind, {name.rpartition(".")[2]: value}, depth + 1)
    else:
        yield from _yaml(kind, {name: value}, depth)


def _yaml(kind: Kind, value: Mapping[str, Any], depth: int) -> Iterator[Line]:
    yield from (Line(kind, line, depth) for line in dump(value).splitlines())


def _text(before: str, after: str, depth: int) -> Iterator[Line]:
    """Texts of several lines, such as a function's source: the lines that differ, with one on each side of them."""
    compared = [line for line in ndiff(before.splitlines(), after.splitlines()) if not line.startswith("?")]
    changed = [index for index, line in enumerate(compared) if not line.startswith(" ")]
    near = {other for index in changed for other in (index - 1, index, index + 1)}
    kinds: Mapping[str, Kind] = {"+": "add", "-": "remove", " ": "same"}
    for index, line in enumerate(compared):
        if index in near:
            yield Line(kinds[line[0]], line[2:], depth)
