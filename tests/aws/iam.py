"""Whether IAM would allow something, by the policies of a role: as far as our policies go.

The rules are those of the IAM user guide, "Policy evaluation logic": what no statement allows is denied, and a statement that
denies counts more than all that allow. Actions know no case; ``*`` and ``?`` stand for other characters in actions and resources,
and in conditions where the operator says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Need:
    """Something that somebody must be allowed to do.

    Attributes:
        action: Such as ``s3:GetObject``.
        resource: The ARN of what it is done to; ``*`` for actions that know no resources.
        context: The condition keys that AWS sets for it, such as ``iam:PassedToService``.
    """

    action: str
    resource: str = "*"
    context: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        return f"{self.action} on {self.resource}"


def missing(needs: Iterable[Need], documents: Sequence[Mapping[str, Any]]) -> list[str]:
    """What policies do not allow of what is needed; each once."""
    return list(dict.fromkeys(str(need) for need in needs if not allowed(need, documents)))


def allowed(need: Need, documents: Sequence[Mapping[str, Any]]) -> bool:
    """Whether policies of a role allow something."""
    statements = [statement for document in documents for statement in _listed(document["Statement"])]
    effects = {statement["Effect"] for statement in statements if _applies(statement, need)}
    return effects == {"Allow"}


def _applies(statement: Mapping[str, Any], need: Need) -> bool:
    unknown = statement.keys() - {"Sid", "Effect", "Action", "Resource", "Condition", "Principal"}
    assert not unknown, f"nothing is known of {unknown} here"
    # A trust policy has no resource: it is about the role that it belongs to.
    resources = _listed(statement.get("Resource", "*"))
    return (
        any(_matches(str(action).lower(), need.action.lower()) for action in _listed(statement["Action"]))
        and any(_matches(str(resource), need.resource) for resource in resources)
        and all(_holds(operator, tests, need.context) for operator, tests in statement.get("Condition", {}).items())
    )


def _holds(operator: str, tests: Mapping[str, Any], context: Mapping[str, str]) -> bool:
    """Whether all keys of a condition have one of their values. One that is not there never has."""
    known = {"StringEquals", "StringLike", "ArnLike", "ArnEquals"}
    assert operator in known, f"nothing is known of {operator} here"
    for key, values in tests.items():
        value = context.get(key)
        exact = operator == "StringEquals"
        if value is None or not any(str(v) == value if exact else _matches(str(v), value) for v in _listed(values)):
            return False
    return True


def _matches(pattern: str, text: str) -> bool:
    parts = [{"*": ".*", "?": "."}.get(character) or re.escape(character) for character in pattern]
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]
