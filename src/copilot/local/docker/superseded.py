"""Removes images of a home that no release needs any more from the container engine."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Container, MutableMapping, Sequence
from datetime import datetime

from copilot.docker.client import Docker
from copilot.local.docker.endpoint import Endpoint
from copilot.local.docker.names import Names
from copilot.local.home import Home

# It gives it to names that are not of a registry.
_PODMANS_REGISTRY = "docker.io/"
_FRACTION = re.compile(r"\.\d+")


def remove_superseded(home: Home, needed: Container[str], before: float, noticed: MutableMapping[str, float]) -> None:
    """Remove the names of images that are not needed; the engine deletes what has no name any more.

    Args:
        home: Its own images only: others on the engine, such as those it pulled, are left alone.
        needed: Digests of the images to keep.
        before: Seconds since the epoch; what was built, or built again, after that is kept.
        noticed: When images were first found not to be needed, by their names; the caller keeps it from call to call. Podman does
            not tell when an image was built again, so that this counts for it instead.

    Raises:
        EngineUnavailableError: The engine does not answer.
    """
    docker = Docker(address=Endpoint(home).address)
    prefix = f"{Names.of(home).prefix}/"
    digests = set(docker.run(_list(prefix)).split())
    found: set[str] = set()
    for digest in sorted(d for d in digests if d not in needed):
        answer = docker.ask(_inspect(digest))
        if answer.code:
            continue  # gone in the meantime
        image = json.loads(answer.text)
        names = [name for name in image["RepoTags"] if name.removeprefix(_PODMANS_REGISTRY).startswith(prefix)]
        key = " ".join((digest, *sorted(names)))
        found.add(key)
        # When its names were given says when it was built last; with a build's cache, its own date may be much older.
        named = _seconds(image.get("Metadata", {}).get("LastTagTime") or "")
        if named <= 0:
            named = noticed.setdefault(key, time.time())
        if names and max(_seconds(image["Created"]), named) < before:
            # One that a container still runs stays: the engine refuses.
            docker.ask(_remove(names))
    for gone in noticed.keys() - found:
        del noticed[gone]


def _list(prefix: str) -> Sequence[str]:
    return ["image", "ls", "--no-trunc", "--quiet", "--filter", f"reference={prefix}*/*"]


def _inspect(digest: str) -> Sequence[str]:
    return ["image", "inspect", "--format", "{{json .}}", digest]


def _remove(names: Sequence[str]) -> Sequence[str]:
    return ["image", "rm", *names]


def _seconds(text: str) -> float:
    """A time as an engine writes it, in seconds since the epoch; whole seconds, as Python 3.11 cannot read nanoseconds."""
    return datetime.fromisoformat(_FRACTION.sub("", text)).timestamp() if text else 0.0
