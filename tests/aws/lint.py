"""A template as cfn-lint sees it."""

from __future__ import annotations

from functools import cache

# cfn-lint is annotated but does not say so to type checkers.
from cfnlint.config import ConfigMixIn, ManualArgs  # type: ignore[import-untyped]
from cfnlint.decode.decode import decode_str  # type: ignore[import-untyped]
from cfnlint.rules import Match  # type: ignore[import-untyped]
from cfnlint.runner import Runner  # type: ignore[import-untyped]

REGIONS = ["us-east-1", "eu-west-1"]


def assert_clean(template: str) -> None:
    """Fails if cfn-lint finds anything, of any level, informational included."""
    found = findings(template)
    assert not found, "\n".join(["cfn-lint found:", *found, "", template])


def findings(template: str) -> list[str]:
    """What cfn-lint has to say of a template, one line for each finding; it begins with the rule's number."""
    decoded, errors = decode_str(template)
    return [_line(match) for match in errors or _runner().validate_template(decoded)]


@cache
def _runner() -> Runner:
    # It reads all its rules when it is made, which takes longer than to check a template.
    return Runner(ConfigMixIn(**ManualArgs(include_checks=["I"], regions=REGIONS)))


def _line(match: Match) -> str:
    where = ".".join(map(str, getattr(match, "path", None) or []))
    return f"{match.rule.id} line {match.linenumber} ({where}): {match.message}"
