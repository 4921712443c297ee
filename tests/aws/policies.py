"""Every IAM statement of a template, and whether it allows no more than it must."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from copilot.aws.templates.policies import EXCEPTIONS
from copilot.aws.templates.reading import read_template

_FEWEST_LETTERS = 3


@dataclass(frozen=True)
class Statement:
    """A statement of a policy document.

    Attributes:
        where: Logical ID of the resource it is in, and the way to the document.
        on_itself: Whether the document is a key's policy, in which ``*`` is that key.
        data: The statement as the template has it, with functions in their long form.
    """

    where: str
    on_itself: bool
    data: Mapping[str, Any]

    @property
    def allows(self) -> bool:
        return bool(self.data["Effect"] == "Allow")

    @property
    def actions(self) -> list[str]:
        return _list(self.data.get("Action", []))

    @property
    def resources(self) -> list[Any]:
        return _list(self.data.get("Resource", []))

    @property
    def principals(self) -> list[Any]:
        principal = self.data.get("Principal", [])
        return [item for value in principal.values() for item in _list(value)] if isinstance(principal, Mapping) else [principal]

    @property
    def conditioned(self) -> bool:
        return bool(self.data.get("Condition"))


def statements(template: str) -> list[Statement]:
    """Every statement of every policy document anywhere in a template, written as JSON in a text or not."""
    found: list[Statement] = []
    for logical_id, resource in read_template(template).get("Resources", {}).items():
        for path, document in _documents(resource.get("Properties", {}), ()):
            on_itself = resource["Type"] == "AWS::KMS::Key"
            found += (
                Statement(".".join((logical_id, *path)), on_itself, each)
                for item in _list(document["Statement"])
                for each in _alternatives(item)
            )
    return found


def assert_least_privilege(template: str) -> None:
    """Fails if a statement allows more than it must.

    No actions of a whole service; no ``*`` for a resource, but for the actions in `EXCEPTIONS` and where a condition
    limits it; nothing is for everyone; a role is passed only to named services; no role has a policy that AWS looks after.
    """
    problems = [f"{statement.where}: {problem}" for statement in statements(template) for problem in excesses(statement)]
    problems += [f"{logical_id}: has AWS's policy {arn}" for logical_id, arn in _foreign_policies(template)]
    assert not problems, "\n".join(problems)


def excesses(statement: Statement) -> list[str]:
    """In what a statement allows too much, one line each."""
    if not statement.allows:
        return []
    problems = [
        f"{key} allows all but what it names" for key in ("NotAction", "NotResource", "NotPrincipal") if key in statement.data
    ]
    problems += [f"{action} is all of a service" for action in statement.actions if _all_of_a_service(action)]
    if any(_everything(resource) for resource in statement.resources) and not (statement.on_itself or statement.conditioned):
        problems += [f"{action} on every resource" for action in statement.actions if action not in EXCEPTIONS]
    if any(_everyone(principal) for principal in statement.principals) and not statement.conditioned:
        problems.append("everyone may")
    if any(fnmatchcase("iam:passrole", action.lower()) for action in statement.actions) and "iam:PassedToService" not in str(
        statement.data.get("Condition")
    ):
        problems.append("iam:PassRole to any service")
    return problems


def _foreign_policies(template: str) -> Iterator[tuple[str, str]]:
    for logical_id, resource in read_template(template).get("Resources", {}).items():
        for arn in _list(resource.get("Properties", {}).get("ManagedPolicyArns", [])):
            if ":aws:policy/" in _text(arn):
                yield logical_id, _text(arn)


def _all_of_a_service(action: str) -> bool:
    """Whether an action is everything, of one service or of several, as far as less than three of its letters are given."""
    service, _, name = action.partition(":")
    return bool({"*", "?"} & set(service)) or ("*" in name and len(name.replace("*", "").replace("?", "")) < _FEWEST_LETTERS)


def _documents(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    if isinstance(value, Mapping):
        if "Statement" in value:
            yield path, value
            return
        for key, item in value.items():
            yield from _documents(item, (*path, str(key)))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _documents(item, (*path, str(index)))
    elif isinstance(value, str) and value.startswith("{") and '"Statement"' in value:
        yield path, json.loads(value)


def _alternatives(item: Any) -> Iterator[Mapping[str, Any]]:
    if "Fn::If" in item:
        for branch in item["Fn::If"][1:]:
            yield from _alternatives(branch)
    elif "Ref" not in item:  # AWS::NoValue
        yield item


def _everything(resource: Any) -> bool:
    """Whether it is every resource of a service: ``*``, or a name of which only the service is said."""
    text = _text(resource)
    return not text.strip("*?:/") or (text.startswith("arn:") and not text.split(":", 5)[-1].strip("*?:/"))


def _everyone(principal: Any) -> bool:
    return _text(principal) == "*"


def _text(value: Any) -> str:
    if not isinstance(value, Mapping):
        return str(value)
    if "Fn::Sub" not in value:
        return str(dict(value))
    content = value["Fn::Sub"]
    text = str(content[0] if isinstance(content, list) else content)
    # The colons of ${AWS::Region} are not those between the parts of an ARN.
    return text.replace("${AWS::", "${")


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]
