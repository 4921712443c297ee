from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from copilot.errors import NotFoundError
from copilot.manifest.schema import MODELS, schema


@pytest.mark.parametrize("kind", MODELS)
class TestEverySchema:
    def test_is_json_and_refers_to_what_is_there(self, kind: str) -> None:
        whole = schema(kind)
        assert json.loads(json.dumps(whole)) == whole
        for node in nodes(whole):
            if "$ref" in node:
                assert node["$ref"].removeprefix("#/$defs/") in whole["$defs"]

    def test_describes_every_key(self, kind: str) -> None:
        whole = schema(kind)
        for node in nodes(whole):
            for name, given in node.get("properties", {}).items():
                named = whole["$defs"][given["$ref"].removeprefix("#/$defs/")] if "$ref" in given else {}
                description = given.get("description") or named["description"]
                assert len(description) > 4, name
                assert description.endswith("."), name
                assert len(description) < 200, name

    def test_refuses_unknown_keys(self, kind: str) -> None:
        for node in nodes(schema(kind)):
            if "properties" in node:
                assert node["additionalProperties"] is False

    def test_has_nothing_of_python(self, kind: str) -> None:
        for node in nodes(schema(kind)):
            assert not {"ge", "gt", "le", "lt", "max_length"} & node.keys()
            assert node.get("default", 0) is not None

    def test_has_the_keys_of_the_model(self, kind: str) -> None:
        assert set(schema(kind)["properties"]) == set(MODELS[kind].keys())


def test_pipeline() -> None:
    whole = schema("pipeline")
    assert whole["required"] == ["name", "source", "stages"]
    assert whole["$defs"]["Build"]["properties"]["timeout"] == {
        "type": "integer",
        "minimum": 5,
        "maximum": 2160,
        "default": 60,
        "description": "Minutes after which the build is stopped.",
    }
    assert whole["$defs"]["SourceProperties"]["required"] == ["repository", "branch"]


def test_an_override_is_the_workload_with_nothing_required() -> None:
    whole = schema("Load Balanced Web Service")
    override = whole["$defs"]["Override"]
    assert set(override["properties"]) == set(whole["properties"]) - {"name", "type", "environments"}
    for name, definition in whole["$defs"].items():
        if name.endswith("Override"):
            assert "required" not in definition
    assert override["properties"]["http"]["$ref"] == "#/$defs/HttpOverride"


def test_a_text_may_stand_for_a_mapping() -> None:
    build = schema("Backend Service")["$defs"]["ServiceImage"]["properties"]["build"]
    assert build["anyOf"] == [{"type": "string"}, {"$ref": "#/$defs/ImageBuild"}]


def test_unknown_kind() -> None:
    with pytest.raises(NotFoundError, match="there is no schema of `foo`"):
        schema("foo")


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    """Every schema in a schema."""
    yield node
    for key in ("properties", "$defs"):
        for inner in node.get(key, {}).values():
            yield from nodes(inner)
    for key in ("items", "additionalProperties"):
        if isinstance(node.get(key), dict):
            yield from nodes(node[key])
    for inner in node.get("anyOf", []):
        yield from nodes(inner)
