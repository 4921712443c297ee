"""The command lines of `docker` for images, as argument lists. Nothing is run here, and no secret is in any of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
    cache_to: Sequence[str] = (),
    platform: str | None = None,
    classic: bool = False,
    load: bool = False,
) -> Arguments:
    """Build an image and write its digest to a file.

    Args:
        dockerfile: What to build.
        context: The folder that COPY and ADD see.
        tags: Names of the image, each with its tag.
        digest_file: Where its digest is written.
        target: The stage to build; None: the last.
        args: Build arguments.
        cache_from: Images, or caches of BuildKit, whose layers may be used again.
        cache_to: Caches of BuildKit to write.
        platform: What it is for; None: this machine.
        classic: With the builder that came before BuildKit.
        load: Hand the image to the container engine; needed of a builder that is not part of it.
    """
    arguments = ["build", "--file", str(dockerfile), "--iidfile", str(digest_file)]
    arguments += [part for tag in tags for part in ("--tag", tag)]
    if target is not None:
        arguments += ["--target", target]
    # Build arguments are no secrets: they end up in the image's history.
    arguments += [part for name, value in (args or {}).items() for part in ("--build-arg", f"{name}={value}")]
    arguments += [part for image in cache_from for part in ("--cache-from", image)]
    arguments += [part for cache in cache_to for part in ("--cache-to", cache)]
    if platform is not None:
        arguments += ["--platform", platform]
    if load:
        arguments.append("--load")
    if classic:
        # A step that failed would leave its container behind.
        arguments.append("--force-rm")
    return [*arguments, str(context)]


def image_digest(reference: str) -> Arguments:
    """The digest of an image that is here."""
    return ["image", "inspect", "--format", "{{.Id}}", reference]


def tag(image: str, reference: str) -> Arguments:
    """Give an image another name."""
    return ["tag", image, reference]


def untag(references: Iterable[str]) -> Arguments:
    """Take names from images; one that has no other is deleted."""
    return ["image", "rm", *references]


def push(reference: str) -> Arguments:
    """Send an image to its registry; the last line says by which digest it is there."""
    return ["push", reference]


def login(registry: str, user: str) -> Arguments:
    """Write down how to log in to a registry, after trying it. The password comes on the standard input."""
    return ["login", "--username", user, "--password-stdin", registry]


def inspect_builder() -> Arguments:
    """What BuildKit's chosen builder is, as lines for people."""
    return ["buildx", "inspect"]


def driver_status() -> Arguments:
    """How the engine stores images, as JSON."""
    return ["info", "--format", "{{json .DriverStatus}}"]


def image_platform(reference: str) -> Arguments:
    """The platform of an image that is here, such as ``linux/amd64``."""
    return ["image", "inspect", "--format", "{{.Os}}/{{.Architecture}}", reference]


def pull(reference: str, platform: str | None = None) -> Arguments:
    """Get an image from its registry."""
    return ["pull", *(["--platform", platform] if platform else []), reference]
