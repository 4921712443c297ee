"""Templates as plain values, so that two ways to say the same are the same."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from copilot.aws.templates.reading import read_template

_VARIABLE = re.compile(r"\$\{([A-Za-z0-9:.]+)\}")
_NOTHING = "{AWS::NoValue}"


def resolved(template: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    """The template with its parameters filled in, conditions decided, and text put together that comes in parts.

    Every number and truth value is text, as CloudFormation takes either. References to resources stay as ``{name}`` in text,
    what other stacks export as ``<name>``.
    """
    data = read_template(template)
    found: dict[str, Any] = _Resolver(data.get("Conditions", {}), parameters).value(data)
    return found


class _Resolver:
    def __init__(self, conditions: Mapping[str, Any], parameters: Mapping[str, str]) -> None:
        self._conditions = conditions
        self._known = parameters

    def value(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            if len(value) == 1:
                ((key, content),) = value.items()
                function = getattr(self, f"_{key.removeprefix('Fn::').lower()}", None)
                if function is not None and key in _FUNCTIONS:
                    return function(content)
            items = {str(key): self.value(item) for key, item in value.items()}
            return {key: item for key, item in items.items() if item != _NOTHING}
        if isinstance(value, list):
            return [item for item in map(self.value, value) if item != _NOTHING]
        return str(value).lower() if isinstance(value, bool) else str(value)

    def _ref(self, name: str) -> str:
        return self._known.get(name, f"{{{name}}}")

    def _getatt(self, path: list[str]) -> str:
        return f"{{{'.'.join(path)}}}"

    def _sub(self, content: Any) -> str:
        text, own = content if isinstance(content, list) else (content, {})
        more = {name: self.value(item) for name, item in own.items()}
        return _VARIABLE.sub(lambda match: more.get(match[1]) or self._ref(match[1]), text)

    def _join(self, content: list[Any]) -> str:
        separator, items = str(content[0]), self.value(content[1])
        return separator.join(items) if isinstance(items, list) else f"{items}, with {separator}"

    def _split(self, content: list[Any]) -> str:
        return f"{self.value(content[1])} at {content[0]}"

    def _importvalue(self, content: Any) -> str:
        return f"<{self.value(content)}>"

    def _if(self, content: list[Any]) -> Any:
        condition, yes, no = content
        return self.value(yes if self._holds(self._conditions[condition]) else no)

    def _holds(self, condition: Any) -> bool:
        ((key, content),) = condition.items()
        if key == "Fn::Not":
            return not self._holds(content[0])
        if key == "Fn::And":
            return all(map(self._holds, content))
        if key == "Condition":
            return self._holds(self._conditions[content])
        return bool(self.value(content[0]) == self.value(content[1]))


_FUNCTIONS = frozenset({"Ref", *(f"Fn::{name}" for name in ("GetAtt", "If", "ImportValue", "Join", "Split", "Sub"))})
