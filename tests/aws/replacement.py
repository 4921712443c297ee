"""Whether a stack can go from one template to another with all its resources in place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cfnlint.decode.decode import decode_str  # type: ignore[import-untyped] # annotated, but it says so nowhere
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped] # likewise

_REGION = "us-east-1"


def assert_updates_in_place(before: str, after: str, parameters: Mapping[str, str] | None = None) -> None:
    """Fails if a resource or an output of ``before`` is gone in ``after``, or if CloudFormation would replace a resource.

    ``parameters`` are the values that references to parameters have in both; other functions are compared as they are written.
    """
    problems = replacements(before, after, parameters)
    assert not problems, "\n".join(problems)


def replacements(before: str, after: str, parameters: Mapping[str, str] | None = None) -> list[str]:
    """What would not stay in place, one line each. The rules are those of the schemas of CloudFormation's registry."""
    old, new = _decoded(before, parameters), _decoded(after, parameters)
    problems = [f"output {name} is gone" for name in old.get("Outputs", {}) if name not in new.get("Outputs", {})]
    for name, resource in old["Resources"].items():
        problems += _of_resource(name, resource, new["Resources"].get(name))
    return problems


def create_only(resource_type: str) -> list[tuple[str, ...]]:
    """Paths of the properties that a resource of a type keeps for its life; ``*`` stands for any item of a list."""
    if resource_type.startswith("Custom::"):
        return [("ServiceToken",)]
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(_REGION, resource_type).schema
    return [tuple(path.removeprefix("/properties/").split("/")) for path in schema.get("createOnlyProperties", [])]


def _of_resource(name: str, old: Mapping[str, Any], new: Mapping[str, Any] | None) -> Iterator[str]:
    if new is None:
        yield f"{name} ({old['Type']}) is gone"
        return
    if new["Type"] != old["Type"]:
        yield f"{name} was of type {old['Type']}, is {new['Type']}"
        return
    for path in create_only(old["Type"]):
        was, now = (list(_at(each.get("Properties", {}), path)) for each in (old, new))
        if was != now:
            yield f"{name}: {'.'.join(path)} would go from {_shown(was)} to {_shown(now)}, which replaces it"


def _at(value: Any, path: tuple[str, ...]) -> Iterator[Any]:
    if not path:
        yield value
    elif path[0] == "*":
        for item in value if isinstance(value, list) else ():
            yield from _at(item, path[1:])
    elif isinstance(value, Mapping) and path[0] in value:
        yield from _at(value[path[0]], path[1:])


def _decoded(template: str, parameters: Mapping[str, str] | None) -> Mapping[str, Any]:
    data, errors = decode_str(template)
    assert not errors, errors
    return dict(_resolved(data, parameters or {}))


def _resolved(value: Any, parameters: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        if set(value) == {"Ref"}:
            return parameters.get(value["Ref"], {"Ref": str(value["Ref"])})
        if set(value) == {"Fn::Sub"} and isinstance(value["Fn::Sub"], str):
            return _substituted(value["Fn::Sub"], parameters)
        return {str(key): _resolved(item, parameters) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolved(item, parameters) for item in value]
    return str(value).lower() if isinstance(value, bool) else str(value)


def _substituted(text: str, parameters: Mapping[str, str]) -> Any:
    for name, known in parameters.items():
        text = text.replace(f"${{{name}}}", known)
    if text.startswith("${") and text.endswith("}") and text.count("${") == 1 and "." not in text:
        return {"Ref": text[2:-1]}
    return {"Fn::Sub": text} if "${" in text else text


def _shown(values: list[Any]) -> str:
    return ", ".join(map(str, values)) or "nothing"
