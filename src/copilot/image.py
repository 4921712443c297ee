"""What an image is built from, whoever builds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ImageRequest:
    """An image to build: ``image.build`` of a workload manifest, with paths resolved inside the checkout.

    Attributes:
        cache_from: Images whose layers may be used again.
        platform: What it is for, such as ``linux/amd64``; None: this machine.
        revision: The commit, as `ReleaseDescription.revision` has it.
        execution: The pipeline and the number of the execution that builds it, ``main-14``; empty outside of one.
    """

    application: str
    workload: str
    dockerfile: Path
    context: Path
    target: str | None = None
    args: Mapping[str, str] | None = None
    cache_from: tuple[str, ...] = ()
    platform: str | None = None
    revision: str = ""
    execution: str = ""
