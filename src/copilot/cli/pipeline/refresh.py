"""From a buildspec that AWS Copilot generated to one of ours, with what a person has added to it. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from copilot.cli.pipeline.scaffold import OwnParts, buildspec_text
from copilot.manifest.aws_copilot import PHASES, GeneratedBuildspec, generated
from copilot.manifest.buildspec import Buildspec
from copilot.manifest.loader import Document

_OURS = ("version", "phases", "artifacts")
_RUBY = re.compile(r"\b(?:ruby|bundle|rake|gem|rails|rspec)\b")
_GENERATED_FILES = ("infrastructure/*", "infrastructure/**/*")


@dataclass(frozen=True)
class Refreshed:
    """A buildspec in place of one that AWS Copilot generated.

    Attributes:
        text: What it says.
        version: The version of AWS Copilot that the former one downloads; None if it does not say.
        fails: Whether the former one asks for a runtime that CodeBuild's images no longer have.
        kept: How many commands of a person's own are in it.
        lost: Lines that are not: inside of AWS Copilot's own commands they do not make sense elsewhere.
    """

    text: str
    version: str | None
    fails: bool
    kept: int
    lost: tuple[str, ...]

    def difference(self, before: str, name: str) -> str:
        """A unified diff from what the file says."""
        lines = difflib.unified_diff(before.splitlines(), self.text.splitlines(), name, name, lineterm="")
        return "\n".join(lines)


def refreshed(document: Document[Buildspec], version: str, folder: str) -> Refreshed | None:
    """A buildspec of ours with what a person has added; None if this one is not AWS Copilot's.

    Args:
        document: The buildspec.
        version: Of this program.
        folder: The workspace's folder from the repository's root.
    """
    found = generated(document.model)
    if found is None:
        return None
    own = _own_parts(document.text, found)
    lost = [line for _, line in found.lost]
    kept = sum(len(commands) for side in (own.before, own.after) for commands in side.values())
    install = document.model.phases.install
    fails = install is not None and "docker" in install.runtime_versions
    return Refreshed(buildspec_text(version, folder, own), found.version, fails, kept, tuple(lost))


def _own_parts(text: str, found: GeneratedBuildspec) -> OwnParts:
    from ruamel.yaml import YAML

    # As it is written: the strict reading was done before, and would fill in what is not said.
    data: Mapping[str, Any] = YAML().load(text)
    phases = {name: _further(data["phases"].get(name) or {}, ("commands",)) for name in PHASES}
    runtimes = dict(phases["install"].pop("runtime-versions", {}))
    runtimes.pop("docker", None)  # the images have one Docker only
    if not any(_RUBY.search(command) for sides in found.own.values() for side in sides for command in side):
        runtimes.pop("ruby", None)  # AWS Copilot reads manifests with it
    if runtimes:
        phases["install"]["runtime-versions"] = runtimes
    artifacts = data.get("artifacts") or {}
    return OwnParts(
        keys=_further(data, _OURS),
        phases={name: more for name, more in phases.items() if more},
        before={name: before for name, (before, _) in found.own.items() if before},
        after={name: after for name, (_, after) in found.own.items() if after},
        artifacts=_further(artifacts, ("files",)),
        files=[str(each) for each in artifacts.get("files", ()) if str(each) not in _GENERATED_FILES],
    )


def _further(mapping: Mapping[str, Any], known: tuple[str, ...]) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if key not in known}
