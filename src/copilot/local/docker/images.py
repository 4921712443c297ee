"""Images of the docker runtime: built by the container engine, or fetched by it."""

from __future__ import annotations

import os
import re
import tempfile
from collections import deque
from pathlib import Path

from copilot.errors import BuildError, CopilotError, EngineUnavailableError, NotFoundError
from copilot.local.docker import command
from copilot.local.docker.client import Docker
from copilot.local.docker.failures import failure
from copilot.local.docker.names import Names, tags
from copilot.local.docker.trouble import explain
from copilot.local.home import Home
from copilot.local.host.context import shown
from copilot.local.runtime import ImageRequest, Print

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
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class DockerImageBuilder:
    """Builds images with `docker build` (see `copilot.local.runtime.ImageBuilder`).

    An image is named ``copilot-<home>/<application>/<workload>``, with a tag for its commit and one for the execution that built
    it. These are no labels, as those are part of an image: each commit would make another image of the same content.
    """

    def __init__(self, home: Home) -> None:
        self.docker = Docker()
        self.names = Names.of(home)

    def build(self, request: ImageRequest, out: Print) -> str:
        """See `ImageBuilder`."""
        buildkit = has_buildkit()
        repository = self.names.repository(request.application, request.workload)
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
                tags=[f"{repository}:{tag}" for tag in tags(request.revision, request.execution)],
                digest_file=digest_file,
                target=request.target,
                args=request.args,
                cache_from=request.cache_from,
                platform=request.platform,
                classic=not buildkit,
            )
            try:
                code = self.docker.stream(arguments, take, _variables(buildkit=buildkit))
            except EngineUnavailableError as error:
                raise BuildError(error.message, hint=error.hint) from None
            digest = digest_file.read_text("ascii").strip() if code == 0 and digest_file.exists() else ""
        if code:
            raise explain(request.dockerfile, shown(request.dockerfile), list(lines), code)
        if not _DIGEST.fullmatch(digest):
            raise BuildError("the container engine did not say which image it built")
        return digest

    def locate(self, workload: str, location: str, platform: str | None, out: Print) -> str:
        """See `ImageBuilder`."""
        there = self.docker.ask(command.image_digest(location))
        if there.code == 0:
            return there.text.strip()
        if "No such image" not in there.output and "no such image" not in there.output:
            raise _of_image(workload, location, failure(there.output))
        out(f"pulling {location}")
        lines: deque[str] = deque(maxlen=_LINES_KEPT)

        def take(line: str) -> None:
            lines.append(line)
            out(line)

        if self.docker.stream(command.pull(location, platform), take):
            raise _of_image(workload, location, failure("\n".join(lines)))
        return self.docker.run(command.image_digest(location))


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
