"""From a template's text to plain data."""

from __future__ import annotations

from typing import Any

import yaml

from copilot.errors import CopilotError

_LONG_NAMES = {"Ref": "Ref", "Condition": "Condition"}


def read_template(text: str) -> dict[str, Any]:
    """A template in YAML or JSON as plain data, with the long forms of functions.

    Only what YAML 1.2 takes for a number or a truth value becomes one; dates stay text, as CloudFormation reads them.

    Raises:
        CopilotError: It is no YAML, or no mapping.
    """
    try:
        data = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        raise CopilotError(f"the template is no valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(data, dict):
        raise CopilotError("the template is no mapping")
    return data


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the quick one, where it was compiled
    pass


def _function(loader: Any, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = node.value
        if suffix == "GetAtt":
            value = value.split(".", maxsplit=1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
        if suffix == "Transform" and "Name" not in value:
            return value  # type: ignore[no-any-return]
    return {_LONG_NAMES.get(suffix, f"Fn::{suffix}"): value}


_YAML_1_2_BOOLEANS = frozenset("tTfF")
_Loader.add_multi_constructor("!", _function)
_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag != "tag:yaml.org,2002:timestamp" and (tag != "tag:yaml.org,2002:bool" or first in _YAML_1_2_BOOLEANS)
    ]
    for first, resolvers in _Loader.yaml_implicit_resolvers.items()
}
