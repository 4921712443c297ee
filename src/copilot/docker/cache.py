"""Layers of earlier builds, kept in a registry for machines that begin with none."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from copilot.docker import command
from copilot.docker.client import Docker

_DRIVER = re.compile(r"^Driver:\s*(\S+)", re.MULTILINE)
_CONTAINERD = "io.containerd.snapshotter"
_PULL_SECONDS = 600.0


@dataclass(frozen=True)
class Cache:
    """Where a build finds layers, and where it leaves its own.

    Attributes:
        sources: Images, or caches of BuildKit.
        destinations: Caches of BuildKit.
        args: Build arguments that tell BuildKit about it.
        beside: The name of an image to build and push beside the one that is wanted, with notes of which layer came of what;
            empty: none. `NOTES` makes them.
    """

    sources: tuple[str, ...] = ()
    destinations: tuple[str, ...] = ()
    args: Mapping[str, str] = field(default_factory=dict)
    beside: str = ""


NO_CACHE = Cache()
NOTES = Cache(args={"BUILDKIT_INLINE_CACHE": "1"})


def registry_cache(docker: Docker, *, latest: str, cache: str, platform: str | None, buildkit: bool) -> Cache:
    """The best cache in a registry that the builder of this machine can use. None of them fails a build that finds nothing.

    Args:
        docker: Logged in to the registry.
        latest: The image that was pushed last.
        cache: Where BuildKit may keep the layers of all stages, next to the images.
        platform: What is built for.
        buildkit: Whether BuildKit builds.
    """
    if not buildkit:
        # The classic builder reads no registry: it takes layers of images that are here, so the last one is fetched first.
        there = docker.ask(command.pull(latest, platform), seconds=_PULL_SECONDS).code == 0
        return Cache(sources=(latest,)) if there else NO_CACHE
    if exports_caches(docker):
        # ECR takes a cache only in the form of an image: https://docs.docker.com/build/cache/backends/registry/
        form = "mode=max,image-manifest=true,oci-mediatypes=true,ignore-error=true"
        return Cache((f"type=registry,ref={cache}",), (f"type=registry,ref={cache},{form}",))
    # The builder inside a Docker engine with an image store of its own exports nothing; it can only note in an image which layer
    # came of what. The notes vary from build to build, and so would the digest of an image that nothing was changed in.
    return Cache(sources=(cache,), beside=cache)


def exports_caches(docker: Docker) -> bool:
    """Whether BuildKit can write a cache to a registry: not inside an engine, unless that keeps its images in containerd."""
    if own_builder():
        driver = _DRIVER.search(docker.ask(command.inspect_builder()).output)
        if driver is not None and driver[1] != "docker":
            return True
    status = docker.ask(command.driver_status())
    try:
        pairs = json.loads(status.text) or []
    except ValueError:
        return False
    return any(_CONTAINERD in value for pair in pairs for value in pair)


def own_builder() -> bool:
    """Whether the user chose a builder. `docker build` takes no notice of one that was only made the current one."""
    return bool(os.environ.get("BUILDX_BUILDER"))
