"""What IAM knows of actions, as cfn-lint has it from the Service Authorization Reference: which can be limited to resources."""

from __future__ import annotations

import json
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any


def known(action: str) -> list[str]:
    """The actions that a name stands for, in small letters and with their service; none if AWS has no such action."""
    service, _, name = action.lower().partition(":")
    return [f"{service}:{each}" for each in _services().get(service, {}).get("Actions", {}) if fnmatchcase(each, name)]


def limitable(action: str) -> list[str]:
    """Those of the actions that a name stands for that can be limited to resources."""
    return [each for each in known(action) if _resources(each)]


def _resources(action: str) -> list[str]:
    service, _, name = action.partition(":")
    found: list[str] = _services()[service]["Actions"][name].get("Resources", [])
    return found


@cache
def _services() -> Mapping[str, Any]:
    text = files("cfnlint.data.AdditionalSpecs").joinpath("Policies.json").read_text(encoding="utf-8")
    data: dict[str, Any] = json.loads(text)
    return data
