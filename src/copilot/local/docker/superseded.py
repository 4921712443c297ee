"""Removes images of a home that no release needs any more from the container engine."""

from __future__ import annotations

import json
import re
from collections.abc import Container, Sequence
from datetime import datetime

from copilot.docker.client import Docker
from copilot.local.docker.names import Names
from copilot.local.home import Home

_FRACTION = re.compile(r"\.\d+")


def remove_superseded(home: Home, needed: Container[str], before: float) -> None:
    """Remove the names of images that are not needed; the engine deletes what has no name any more.

    Args:
        home: Its own images only: others on the engine, such as those it pulled, are left alone.
        needed: Digests of the images to keep.
        before: Seconds since the epoch; what was built, or built again, after that is kept.

    Raises:
        EngineUnavailableError: The engine does not answer.
    """
    docker = Docker()
    prefix = f"{Names.of(home).prefix}/"
    digests = set(docker.run(_list(prefix)).split())
    for digest in sorted(d for d in digests if d not in needed):
        answer = docker.ask(_inspect(digest))
        if answer.code:
            continue  # gone in the meantime
        image = json.loads(answer.text)
        # When its names were given says when it was built last; with a build's cache, its own date may be much older.
        newest = max(_seconds(image["Created"]), _seconds(image.get("Metadata", {}).get("LastTagTime") or ""))
        names = [name for name in image["RepoTags"] if name.startswith(prefix)]
        if names and newest < before:
            # One that a container still runs stays: the engine refuses.
            docker.ask(_remove(names))


def _list(prefix: str) -> Sequence[str]:
    return ["image", "ls", "--no-trunc", "--quiet", "--filter", f"reference={prefix}*/*"]


def _inspect(digest: str) -> Sequence[str]:
    return ["image", "inspect", "--format", "{{json .}}", digest]


def _remove(names: Sequence[str]) -> Sequence[str]:
    return ["image", "rm", *names]


def _seconds(text: str) -> float:
    """A time as an engine writes it, in seconds since the epoch; whole seconds, as Python 3.11 cannot read nanoseconds."""
    return datetime.fromisoformat(_FRACTION.sub("", text)).timestamp() if text else 0.0
