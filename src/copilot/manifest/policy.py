"""The grammar of a policy that a role has: what IAM would refuse of it, found in the file.

Source: "Grammar of the IAM JSON policy language" in the IAM user guide. Where it wants text, CloudFormation's functions are
allowed too: the policy becomes a part of a template.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from copilot.errors import KeyPath
from copilot.manifest.faults import Fault, suggestion
from copilot.manifest.values import kind_of, plain, shown

_VERSIONS = ("2012-10-17", "2008-10-17")
_KEYS = ("Version", "Id", "Statement")
_STATEMENT_KEYS = ("Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition")
_OF_RESOURCES = frozenset({"Principal", "NotPrincipal"})
_STATEMENT_HINT = "such as `Statement: [{Effect: Allow, Action: 's3:GetObject', Resource: 'arn:aws:s3:::my-bucket/*'}]`"
_ACTION = re.compile(r"\*|[A-Za-z0-9-]+:[A-Za-z0-9*?]+")
_RESOURCE = re.compile(r"\*|arn:[^:\s]*:[^:\s]+:[^:\s]*:[^:\s]*:\S.*")
_SID = re.compile(r"[A-Za-z0-9]*")
_FUNCTIONS = frozenset({"Ref", *(f"Fn::{name}" for name in ("GetAtt", "ImportValue", "Join", "Select", "Split", "Sub"))})
_OPERATOR = re.compile(
    r"(?:ForAllValues:|ForAnyValue:)?(?:"
    r"String(?:Not)?Equals(?:IgnoreCase)?|String(?:Not)?Like|Arn(?:Not)?(?:Equals|Like)"
    r"|(?:Numeric|Date)(?:(?:Not)?Equals|(?:Less|Greater)Than(?:Equals)?)|Bool|BinaryEquals|(?:Not)?IpAddress)(?:IfExists)?|Null"
)


def policy_faults(document: Mapping[str, Any]) -> Iterator[Fault]:
    """What is wrong with a policy document, with places in it."""
    for key in document:
        if key not in _KEYS:
            yield _unknown((key,), key, _KEYS)
    version = plain(document.get("Version", _VERSIONS[0]))
    if version not in _VERSIONS:
        yield Fault(("Version",), "value", f"must be `{_VERSIONS[0]}`, not {shown(version)}", f"write `Version: {_VERSIONS[0]}`")
    statements = document.get("Statement")
    if "Statement" not in document or plain(statements) in (None, [], {}):
        path: KeyPath = ("Statement",) if "Statement" in document else ()
        yield Fault(path, "sentence", "an IAM policy document needs a `Statement`", _STATEMENT_HINT, "key")
        return
    if isinstance(statements, Mapping):
        yield from _statement(("Statement",), statements)
    elif isinstance(statements, Sequence) and not isinstance(statements, str):
        yield from _statements(statements)
    else:
        yield Fault(("Statement",), "value", f"must be a list of statements, not {kind_of(statements)}", _STATEMENT_HINT)


def _statements(statements: Sequence[Any]) -> Iterator[Fault]:
    names: set[str] = set()
    for index, statement in enumerate(statements):
        path: KeyPath = ("Statement", index)
        if not isinstance(statement, Mapping):
            yield Fault(path, "value", f"must be a mapping of keys to values, not {kind_of(statement)}", _STATEMENT_HINT)
            continue
        yield from _statement(path, statement)
        sid = statement.get("Sid")
        if isinstance(sid, str) and sid in names:
            yield Fault((*path, "Sid"), "sentence", f"there is another statement with the `Sid` {shown(sid)}", "leave it out")
        names |= {sid} if isinstance(sid, str) and sid else set()


def _statement(path: KeyPath, statement: Mapping[str, Any]) -> Iterator[Fault]:
    for key in statement:
        if key in _OF_RESOURCES:
            message = f"`{key}` is for policies of resources: this one belongs to a role"
            yield Fault((*path, key), "sentence", message, "leave it out", "key")
        elif key not in _STATEMENT_KEYS:
            yield _unknown((*path, key), key, _STATEMENT_KEYS)
    if "Effect" not in statement:
        yield Fault((*path, "Effect"), "missing", hint="write `Effect: Allow`", at="key")
    elif plain(statement["Effect"]) not in ("Allow", "Deny"):
        yield Fault((*path, "Effect"), "value", f"must be `Allow` or `Deny`, not {shown(statement['Effect'])}")
    sid = statement.get("Sid")
    if sid is not None and not _SID.fullmatch(str(plain(sid))):
        yield Fault((*path, "Sid"), "value", "must be letters and digits only")
    yield from _one_of(path, statement, "Action", _ACTION, "such as `s3:GetObject`")
    yield from _one_of(path, statement, "Resource", _RESOURCE, "an ARN, such as `arn:aws:s3:::my-bucket/*`, or `'*'`")
    if "Condition" in statement:
        yield from _conditions((*path, "Condition"), statement["Condition"])


def _one_of(path: KeyPath, statement: Mapping[str, Any], key: str, pattern: re.Pattern[str], hint: str) -> Iterator[Fault]:
    """Either the key or its opposite, with one text or several."""
    there = [each for each in (key, f"Not{key}") if each in statement]
    if not there:
        misspelt = [each for each in statement if each not in _STATEMENT_KEYS and suggestion(each, _STATEMENT_KEYS) == key]
        if not misspelt:
            yield Fault((*path, key), "missing", hint=hint, at="key")
    elif len(there) > 1:
        message = f"`{key}` and `Not{key}` cannot be used together in one statement"
        yield Fault((*path, there[1]), "sentence", message, "make two statements of it", "key")
    for each in there:
        yield from _texts((*path, each), statement[each], pattern, hint)


def _texts(path: KeyPath, value: Any, pattern: re.Pattern[str], hint: str) -> Iterator[Fault]:
    if isinstance(value, (list, tuple)):
        if not value:
            yield Fault(path, "value", "must not be empty", hint)
        for index, item in enumerate(value):
            if isinstance(item, (list, tuple)):
                yield Fault((*path, index), "value", "must be text, not a list")
            else:
                yield from _texts((*path, index), item, pattern, hint)
    elif isinstance(value, Mapping):
        yield from _function(path, value)
    elif not isinstance(value, str):
        what = "has no value" if plain(value) is None else f"must be text, not {kind_of(value)}"
        yield Fault(path, "value", what, hint)
    elif not pattern.fullmatch(value):
        yield Fault(path, "value", f"cannot be {shown(value)}", hint)


def _conditions(path: KeyPath, conditions: Any) -> Iterator[Fault]:
    if not isinstance(conditions, Mapping) or not conditions:
        hint = "such as `Condition: {StringEquals: {'aws:RequestedRegion': eu-west-1}}`"
        yield Fault(path, "value", f"must be a mapping of operators to conditions, not {kind_of(conditions)}", hint)
        return
    for operator, keys in conditions.items():
        if not _OPERATOR.fullmatch(operator):
            yield Fault((*path, operator), "sentence", f"there is no operator {shown(operator)} for conditions", at="key")
        if not isinstance(keys, Mapping) or not keys:
            yield Fault((*path, operator), "value", f"must be a mapping of condition keys to values, not {kind_of(keys)}")
            continue
        for key, value in keys.items():
            for place, item in _items((*path, operator, key), value):
                if isinstance(item, Mapping):
                    yield from _function(place, item)
                elif isinstance(item, (list, tuple)) or plain(item) is None:
                    yield Fault(place, "value", f"must be text, not {kind_of(item)}")


def _items(path: KeyPath, value: Any) -> list[tuple[KeyPath, Any]]:
    return [((*path, index), each) for index, each in enumerate(value)] if isinstance(value, (list, tuple)) else [(path, value)]


def _function(path: KeyPath, value: Mapping[str, Any]) -> Iterator[Fault]:
    """CloudFormation's own way to say what is only known to it."""
    if len(value) != 1 or not set(value) <= _FUNCTIONS:
        yield Fault(path, "value", "must be text, not a mapping", "or one function of CloudFormation, such as `Fn::Sub`")


def _unknown(path: KeyPath, key: str, known: Sequence[str]) -> Fault:
    meant = suggestion(key, known)
    return Fault(path, "unknown", hint=f"did you mean `{meant}`?" if meant else None, at="key", suggests=meant)
