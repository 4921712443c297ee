"""JSON Schemas of the files people write, for editors and for the reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from copilot.errors import NotFoundError
from copilot.manifest.buildspec import Buildspec
from copilot.manifest.environment import EnvironmentManifest
from copilot.manifest.pipeline import PipelineManifest
from copilot.manifest.section import Section
from copilot.manifest.workload import BackendService, LoadBalancedWebService, ScheduledJob, WorkerService
from copilot.manifest.workspace_file import WorkspaceFile

MODELS: Mapping[str, type[Section]] = {
    "pipeline": PipelineManifest,
    "Load Balanced Web Service": LoadBalancedWebService,
    "Backend Service": BackendService,
    "Worker Service": WorkerService,
    "Scheduled Job": ScheduledJob,
    "environment": EnvironmentManifest,
    "buildspec": Buildspec,
    "workspace": WorkspaceFile,
}
"""By what `schema` is asked for."""

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_LIMITS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
_OVERRIDES = "environments"


def schema(kind: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a kind of file: one of `MODELS`.

    It describes the shape. The rules between several keys are the loader's.

    Raises:
        NotFoundError: There is no such kind.
    """
    if kind not in MODELS:
        raise NotFoundError(f"there is no schema of `{kind}`", hint=f"there are: {', '.join(MODELS)}")
    result: dict[str, Any] = _walk(MODELS[kind].model_json_schema(), _tidy)
    if _OVERRIDES in result["properties"]:
        _add_overrides(result)
    return {"$schema": _DIALECT, "title": kind, **result}


def _walk(node: dict[str, Any], visit: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """A schema with every schema inside it visited, innermost first."""
    result = dict(node)
    for key in ("properties", "$defs"):
        if key in node:
            result[key] = {name: _walk(given, visit) for name, given in node[key].items()}
    for key in ("items", "additionalProperties", "propertyNames"):
        if isinstance(node.get(key), dict):
            result[key] = _walk(node[key], visit)
    if "anyOf" in node:
        result["anyOf"] = [_walk(given, visit) for given in node["anyOf"]]
    return visit(result)


def _tidy(node: dict[str, Any]) -> dict[str, Any]:
    """Without pydantic's titles, with limits under their JSON Schema names, and without null, which no key of ours holds."""
    result = {key: value for key, value in node.items() if key != "title" and key not in _LIMITS}
    if node.get("type") == "integer":
        result |= {_LIMITS[key]: value for key, value in node.items() if key in _LIMITS}
    if "properties" in result:
        result["properties"] = {name: _never_null(given) for name, given in result["properties"].items()}
    return result


def _never_null(given: dict[str, Any]) -> dict[str, Any]:
    result = dict(given)
    if result.get("default", ...) is None or isinstance(result.get("default"), dict):
        del result["default"]
    kinds = [kind for kind in result.pop("anyOf", []) if kind != {"type": "null"}]
    if len(kinds) == 1:
        return {**kinds[0], **result}
    return {**result, "anyOf": kinds} if kinds else result


def _add_overrides(result: dict[str, Any]) -> None:
    """What may stand under an environment: everything but the name, the type and overrides, and nothing of it is required."""
    definitions = result.setdefault("$defs", {})
    for name, definition in list(definitions.items()):
        definitions[f"{name}Override"] = _partial(definition)
    override = _partial({key: value for key, value in result.items() if key != "$defs"})
    for key in ("name", "type", _OVERRIDES):
        override["properties"].pop(key)
    override["description"] = "What differs in one environment."
    definitions["Override"] = override
    result["properties"][_OVERRIDES]["additionalProperties"] = {"anyOf": [{"$ref": "#/$defs/Override"}, {"type": "null"}]}


def _partial(definition: dict[str, Any]) -> dict[str, Any]:
    return _walk(definition, _optional)


def _optional(node: dict[str, Any]) -> dict[str, Any]:
    result = {key: value for key, value in node.items() if key not in {"required", "default"}}
    if "$ref" in result:
        result["$ref"] += "Override"
    return result
