"""The rules for names, shared by the manifests and the command line."""

from __future__ import annotations

import re
from typing import Literal

from copilot.errors import UsageError

NameKind = Literal["application", "environment", "workload"]

LONGEST_NAME = 40
LONGEST_ACTION_NAME = 100
_ACTION_CHARACTERS = re.compile(r"[A-Za-z0-9.@\-_]")


def check_name(kind: NameKind, value: str) -> str:
    """The name itself if an application, environment or workload may be called so.

    Raises:
        UsageError: It may not; the message says what is wrong with it.
    """
    fault = name_fault(value)
    if fault is not None:
        raise UsageError(f"the {kind} name {fault}", hint="use lowercase letters, digits and single hyphens, such as `my-shop`")
    return value


def name_fault(value: str) -> str | None:
    """What is wrong with the name of an application, environment or workload, as in ``must not be empty``; None if it is fine."""
    if not value:
        return "must not be empty"
    if len(value) > LONGEST_NAME:
        return f"must have at most {LONGEST_NAME} characters, not {len(value)}"
    if not re.match("[a-z]", value):
        return f"`{_printable(value)}` must begin with a lowercase letter, not {_quoted(value[0])}"
    wrong = re.search(r"[^a-z0-9-]", value)
    if wrong:
        return f"`{_printable(value)}` must not contain {_quoted(wrong.group())}"
    if value.endswith("-"):
        return f"`{value}` must not end with a hyphen"
    return f"`{value}` must not contain two hyphens in a row" if "--" in value else None


def action_name_fault(value: str) -> str | None:
    """What is wrong with the name of a pipeline, stage or action; None if it is fine.

    The rule is CodePipeline's: 1-100 characters of ``A-Za-z0-9.@-_``.
    """
    if not value:
        return "must not be empty"
    if len(value) > LONGEST_ACTION_NAME:
        return f"must have at most {LONGEST_ACTION_NAME} characters, not {len(value)}"
    wrong = next((c for c in value if not _ACTION_CHARACTERS.match(c)), None)
    return None if wrong is None else f"must not contain {_quoted(wrong)}"


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def _quoted(character: str) -> str:
    return "a space" if character == " " else f"`{_printable(character)}`"
