"""What the parts of a template refer to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_IN_TEXT = re.compile(r"\$\{([A-Za-z0-9]+)(?:\.[^}]*)?\}")


def missing_references(template: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names that resources and outputs refer to and that are no resource or parameter, each with who refers to it.

    Pseudo parameters, such as ``AWS::Region``, are always there.

    Args:
        template: Plain data with the long forms of functions, whose ``Resources`` and ``Outputs`` are mappings.
    """
    known = {*template["Resources"], *(template.get("Parameters") or {})}
    found: dict[tuple[str, str], None] = {}
    for section in ("Resources", "Outputs"):
        for user, part in (template.get(section) or {}).items():
            depends = part.get("DependsOn", []) if isinstance(part, Mapping) else []
            named = [*(map(str, depends) if isinstance(depends, list) else [str(depends)]), *references(part)]
            found |= {(name, user): None for name in named if name not in known and not name.startswith("AWS::")}
    return list(found)


def references(value: Any) -> Iterator[str]:
    """Names of resources and parameters that ``Ref``, ``Fn::GetAtt`` and ``Fn::Sub`` take in plain data."""
    if isinstance(value, list):
        for item in value:
            yield from references(item)
    if not isinstance(value, Mapping):
        return
    for key, content in value.items():
        if key == "Ref" and len(value) == 1 and isinstance(content, str):
            yield content
        elif key == "Fn::GetAtt" and content:
            yield str(content[0] if isinstance(content, list) else str(content).partition(".")[0])
        elif key == "Fn::Sub" and isinstance(content, (str, list)) and content:
            text = content if isinstance(content, str) else content[0]
            own = content[1] if len(content) == 2 and isinstance(content[1], Mapping) else {}
            yield from (name for name in _IN_TEXT.findall(str(text)) if name not in own)
            yield from references(own)
        else:
            yield from references(content)
