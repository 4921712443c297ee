"""Builds images with `docker build`, and fetches those that exist."""

from __future__ import annotations

import os
import re
import tempfile
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from copilot.docker import command
from copilot.docker.cache import NO_CACHE, Cache, own_builder
from copilot.docker.client import Docker
from copilot.docker.failures import failure
from copilot.docker.trouble import explain
from copilot.errors import BuildError, CopilotError, EngineUnavailableError, NotFoundError
from copilot.image import ImageRequest
from copilot.progress import Print, shown

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LINES_KEPT = 400
_PLUGIN_FOLDERS = (
    "~/.docker/cli-plugins",
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
    "/opt/homebrew/lib/docker/cli-plugins",
)
# Docker's advice to install another builder, before every build with this one.
_ADVICE = re.compile(
    r"DEPRECATED: The legacy builder is deprecated.*|\s+(?:Install the buildx component to build images with BuildKit:"
    r"|https://docs\.docker\.com/go/buildx/)|"
)
# Without BuildKit, an engine lets a layer go that another build is about to go on from, when the last image with it is removed.
_LAYER_IS_GONE = re.compile(
    r"failed to set parent sha256:[0-9a-f]{64}: unknown parent image ID"
    r"|failed to get digest sha256:[0-9a-f]{64}: open .*no such file"
)
_MOST_TRIES = 3
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def build(docker: Docker, request: ImageRequest, names: Sequence[str], out: Print, cache: Cache = NO_CACHE) -> str:
    """Build an image; the answer is its digest, ``sha256:<64 hex>``. The same content gives the same digest.

    Args:
        docker: The client of the engine that builds it.
        request: What to build.
        names: What it is called there, each with its tag.
        out: Takes what the build prints.
        cache: Layers of earlier builds, besides those that the engine has.

    Raises:
        BuildError: It failed, or no engine answers.
    """
    buildkit = has_buildkit()
    lines: deque[str] = deque(maxlen=_LINES_KEPT)

    def take(line: str) -> None:
        plain = _COLOURS.sub("", line)
        if not _ADVICE.fullmatch(plain):
            lines.append(plain)
            out(plain)

    with tempfile.TemporaryDirectory(prefix="copilot-build-") as folder:
        digest_file = Path(folder) / "digest"
        arguments = command.build(
            dockerfile=request.dockerfile,
            context=request.context,
            tags=names,
            digest_file=digest_file,
            target=request.target,
            args={**(request.args or {}), **cache.args},
            cache_from=(*request.cache_from, *cache.sources),
            cache_to=cache.destinations,
            platform=request.platform,
            classic=not buildkit,
            load=buildkit and own_builder(),
        )
        try:
            for _ in range(_MOST_TRIES):
                lines.clear()
                code = docker.stream(arguments, take, _variables(buildkit=buildkit))
                if not code or not any(_LAYER_IS_GONE.search(line) for line in lines):
                    break
                out("A layer of an earlier build was removed meanwhile: this is built again")
        except EngineUnavailableError as error:
            raise BuildError(error.message, hint=error.hint) from None
        digest = digest_file.read_text("ascii").strip() if code == 0 and digest_file.exists() else ""
    if code:
        raise explain(request.dockerfile, shown(request.dockerfile), list(lines), code)
    if not _DIGEST.fullmatch(digest):
        raise BuildError("the container engine did not say which image it built")
    return digest


def locate(docker: Docker, workload: str, location: str, platform: str | None, out: Print) -> str:
    """The digest of an existing image, pulled if it is not here. Raises NotFoundError, BuildError or EngineUnavailableError."""
    there = docker.ask(command.image_digest(location))
    if there.code == 0 and (platform is None or _is_for(docker, location, platform)):
        return there.text.strip()
    if there.code and "no such image" not in there.output.lower():
        raise _of_image(workload, location, failure(there.output))
    out(f"pulling {location}")
    lines: deque[str] = deque(maxlen=_LINES_KEPT)

    def take(line: str) -> None:
        lines.append(line)
        out(line)

    if docker.stream(command.pull(location, platform), take):
        raise _of_image(workload, location, failure("\n".join(lines)))
    return docker.run(command.image_digest(location))


def _is_for(docker: Docker, location: str, platform: str) -> bool:
    return docker.run(command.image_platform(location)) == platform


def has_buildkit() -> bool:
    """Whether this machine's client has BuildKit: its plugin `buildx`, unless DOCKER_BUILDKIT says otherwise."""
    wanted = os.environ.get("DOCKER_BUILDKIT")
    if wanted is not None:
        return wanted.lower() not in {"", "0", "false"}
    configured = os.environ.get("DOCKER_CONFIG")
    folders = [f"{configured}/cli-plugins"] if configured else []
    return any(Path(folder, "docker-buildx").expanduser().exists() for folder in (*folders, *_PLUGIN_FOLDERS))


def _variables(*, buildkit: bool) -> dict[str, str]:
    """What makes both builders print plain lines, and BuildKit make the same image of the same content."""
    chosen = {} if "DOCKER_BUILDKIT" in os.environ or not buildkit else {"DOCKER_BUILDKIT": "1"}
    return {**chosen, "BUILDKIT_PROGRESS": "plain", "BUILDX_NO_DEFAULT_ATTESTATIONS": "1", "NO_COLOR": "1"}


def _of_image(workload: str, location: str, error: CopilotError) -> CopilotError:
    if isinstance(error, NotFoundError | EngineUnavailableError):
        return error
    return BuildError(f"the image `{location}` of `{workload}` cannot be had: {error.message}", hint=error.hint)
