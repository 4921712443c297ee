"""The command lines of `docker` for images, as argument lists. Nothing is run here, and no secret is in any of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

Arguments = list[str]


def server_version() -> Arguments:
    """The engine's version."""
    return ["version", "--format", "{{.Server.Version}}"]


def build(
    *,
    dockerfile: Path,
    context: Path,
    tags: Sequence[str],
    digest_file: Path,
    target: str | None = None,
    args: Mapping[str, str] | None = None,
    cache_from: Sequence[str] = (),
    platform: str | None = None,
    classic: bool = False,
) -> Arguments:
    """Build an image and write its digest to a file. ``classic``: with the builder that came before BuildKit."""
    arguments = ["build", "--file", str(dockerfile), "--iidfile", str(digest_file)]
    arguments += [part for tag in tags for part in ("--tag", tag)]
    if target is not None:
        arguments += ["--target", target]
    # Build arguments are no secrets: they end up in the image's history.
    arguments += [part for name, value in (args or {}).items() for part in ("--build-arg", f"{name}={value}")]
    arguments += [part for image in cache_from for part in ("--cache-from", image)]
    if platform is not None:
        arguments += ["--platform", platform]
    if classic:
        # A step that failed would leave its container behind.
        arguments.append("--force-rm")
    return [*arguments, str(context)]


def image_digest(reference: str) -> Arguments:
    """The digest of an image that is here."""
    return ["image", "inspect", "--format", "{{.Id}}", reference]


def pull(reference: str, platform: str | None = None) -> Arguments:
    """Get an image from its registry."""
    return ["pull", *(["--platform", platform] if platform else []), reference]
