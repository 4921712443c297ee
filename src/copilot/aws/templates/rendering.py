"""From a template's objects to its text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml
from troposphere import Template

DESCRIPTION = "aws:copilot:description"
"""Key of a resource's metadata: the words by which live progress shows it. AWS Copilot reads it too."""

# The functions that YAML has a short form for. `Fn::GetAtt` is handled by itself: its short form joins its parts.
_SHORT = frozenset(
    {
        "Fn::And",
        "Fn::Base64",
        "Fn::Cidr",
        "Fn::Equals",
        "Fn::FindInMap",
        "Fn::GetAZs",
        "Fn::If",
        "Fn::ImportValue",
        "Fn::Join",
        "Fn::Not",
        "Fn::Or",
        "Fn::Select",
        "Fn::Split",
        "Fn::Sub",
    }
)
_FIRST = ("Type", "Metadata", "Condition", "DependsOn")
_LONGEST_LINE = 4096


def described(text: str) -> dict[str, str]:
    """The metadata of a resource: what it is, in a few words that begin with an article or a verb."""
    return {DESCRIPTION: text}


def descriptions(template: Mapping[str, Any]) -> dict[str, str]:
    """What the resources of a template are, by logical ID, as far as it says."""
    resources = template.get("Resources") or {}
    return {
        logical_id: resource["Metadata"][DESCRIPTION]
        for logical_id, resource in resources.items()
        if DESCRIPTION in (resource.get("Metadata") or {})
    }


def render(template: Template) -> str:
    """The template as YAML, in the order in which its parts were added; a resource begins with what it is."""
    data = template.to_dict()
    resources = {name: _in_order(resource) for name, resource in data.get("Resources", {}).items()}
    return dump({**data, "Resources": resources})


def dump(template: Mapping[str, Any]) -> str:
    """A template that is plain data as YAML, with the short forms of functions."""
    return yaml.dump(template, Dumper=_Dumper, sort_keys=False, width=_LONGEST_LINE, allow_unicode=True)


def _in_order(resource: Mapping[str, Any]) -> dict[str, Any]:
    first = {key: resource[key] for key in _FIRST if key in resource}
    return {**first, **resource}


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]  # the quick one, where it was compiled
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's own signature
        return True


def _mapping(dumper: Any, data: Mapping[str, Any]) -> Any:
    if len(data) == 1:
        ((key, value),) = data.items()
        if key == "Ref" and isinstance(value, str):
            return dumper.represent_scalar("!Ref", value)
        if key == "Fn::GetAtt" and isinstance(value, (list, tuple)) and all(isinstance(part, str) for part in value):
            return dumper.represent_scalar("!GetAtt", ".".join(value))
        if key in _SHORT:
            return _function(dumper, f"!{key.removeprefix('Fn::')}", value)
    return dumper.represent_mapping("tag:yaml.org,2002:map", data.items())


def _function(dumper: Any, tag: str, value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return dumper.represent_sequence(tag, value)
    if isinstance(value, Mapping):
        # YAML has no short form for a function directly inside of another one.
        return dumper.represent_mapping("tag:yaml.org,2002:map", [(f"Fn::{tag[1:]}", _Long(value))])
    return dumper.represent_scalar(tag, str(value), style="|" if "\n" in str(value) else None)


class _Long(dict[str, Any]):
    """A function that must be written in its long form."""


def _text(dumper: Any, data: str) -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(data), style="|" if "\n" in data else None)


_Dumper.add_multi_representer(dict, _mapping)
_Dumper.add_representer(dict, _mapping)
_Dumper.add_representer(_Long, lambda dumper, data: dumper.represent_mapping("tag:yaml.org,2002:map", data.items()))
_Dumper.add_multi_representer(str, _text)
_Dumper.add_representer(str, _text)
