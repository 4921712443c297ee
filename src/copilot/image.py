"""What an image is built from, whoever builds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from copilot.manifest.image import ImageBuild
from copilot.workspace import Workspace


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
    args: Mapping[str, str] | None = field(default=None, hash=False)
    cache_from: tuple[str, ...] = ()
    platform: str | None = None
    revision: str = ""
    execution: str = ""


def image_request(
    workspace: Workspace, workload: str, build: ImageBuild, *, platform: str | None, revision: str, execution: str = ""
) -> ImageRequest:
    """What a manifest of a workspace says about how an image is built, as a request. See `ImageRequest` for the rest."""
    return ImageRequest(
        application=workspace.application,
        workload=workload,
        dockerfile=workspace.root / build.dockerfile,
        context=workspace.root / build.context,
        target=build.target,
        args=build.args,
        cache_from=build.cache_from,
        platform=platform,
        revision=revision,
        execution=execution,
    )
