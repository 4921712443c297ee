"""What is written down of applications, environments and workloads: the values of their SSM parameters.

The JSON is AWS Copilot's, key by key and in its order. Keys that are not known here are kept as they are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, ClassVar, Self

from copilot.errors import CopilotError

SCHEMA_VERSION = "1.0"
"""The version of this layout that AWS Copilot writes, and the only one there is."""

_RESTORE = "its history in SSM has what it was: `aws ssm get-parameter-history` shows it"

# The keys that are not the fields' names.
_KEYS = {
    "application": "app",
    "hosted_zone": "domainHostedZoneID",
    "permissions_boundary": "permissionsBoundary",
    "registry_url": "registryURL",
    "execution_role": "executionRoleARN",
    "manager_role": "managerRoleARN",
}


@dataclass(frozen=True, kw_only=True)
class Record:
    """Base of the three. ``extra`` holds the keys that are not known here, as they were read."""

    _keys: ClassVar[Mapping[str, str]] = _KEYS
    _optional: ClassVar[frozenset[str]] = frozenset()

    extra: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def keys(cls) -> dict[str, str]:
        """The JSON key of each field, in the order in which they are written."""
        return {each.name: cls._keys.get(each.name, each.name) for each in fields(cls) if each.name != "extra"}

    @classmethod
    def from_json(cls, text: str, where: str) -> Self:
        """The record in the value of the parameter ``where``. Raises CopilotError if it is no such record."""
        data = read_json(text, where)
        keys = cls.keys()
        required = [
            keys[each.name] for each in fields(cls) if each.name in keys and each.default is MISSING is each.default_factory
        ]
        for key in required:
            if not isinstance(data.get(key), str):
                raise CopilotError(f"the SSM parameter `{where}` has no `{key}`", hint=_RESTORE)
        known = {name: data[key] for name, key in keys.items() if data.get(key) is not None}
        extra = {key: value for key, value in data.items() if key not in keys.values()}
        return cls(**known, extra=extra)

    def to_json(self) -> str:
        """The value of its parameter."""
        return write_json(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data; optional keys without a value are left out, as AWS Copilot does."""
        known = {key: _plain(getattr(self, name)) for name, key in self.keys().items() if self._written(name)}
        return {**known, **self.extra}

    def _written(self, name: str) -> bool:
        return bool(getattr(self, name)) or name not in self._optional


@dataclass(frozen=True)
class ApplicationRecord(Record):
    """An application.

    Attributes:
        account: Number of the account it is in; environments may be in others.
        permissions_boundary: Name of the policy that bounds every role made for it; empty without.
        domain: What its environments have subdomains of; empty without. Likewise ``hosted_zone``, the domain's zone in Route 53.
        version: Of the layout.
        tags: What goes on every resource of it.
    """

    _optional: ClassVar[frozenset[str]] = frozenset({"permissions_boundary", "tags"})

    name: str
    account: str
    permissions_boundary: str = ""
    domain: str = ""
    hosted_zone: str = ""
    version: str = SCHEMA_VERSION
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class EnvironmentRecord(Record):
    """An environment.

    Attributes:
        account: Number of the account it is in.
        registry_url: Always empty since repositories belong to the application.
        execution_role: ARN of the role that CloudFormation has when it makes what belongs to the environment.
        manager_role: ARN of the role that people and pipelines take to work on it.
    """

    _keys: ClassVar[Mapping[str, str]] = {**_KEYS, "account": "accountID"}

    application: str
    name: str
    region: str
    account: str
    registry_url: str = ""
    execution_role: str = ""
    manager_role: str = ""


@dataclass(frozen=True)
class WorkloadRecord(Record):
    """A workload. ``type`` is what its manifest calls it, such as ``Backend Service``."""

    application: str
    name: str
    type: str


def read_json(text: str, where: str) -> dict[str, Any]:
    """The object in the value of the parameter ``where``. Raises CopilotError if it is none."""
    try:
        data = json.loads(text)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise CopilotError(f"the SSM parameter `{where}` is not a JSON object", hint=_RESTORE)
    return data


def write_json(data: Mapping[str, Any]) -> str:
    """Plain data as AWS Copilot writes it: on one line, without spaces."""
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False)


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value
