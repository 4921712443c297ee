"""Images of the docker runtime: built by the container engine, or fetched by it."""

from __future__ import annotations

from copilot.docker.build import build, locate
from copilot.docker.client import Docker
from copilot.image import ImageRequest
from copilot.local.docker.endpoint import Endpoint
from copilot.local.docker.names import Names, tags
from copilot.local.home import Home
from copilot.progress import Print


class DockerImageBuilder:
    """Builds images with `docker build` (see `copilot.local.runtime.ImageBuilder`).

    An image is named ``copilot-<home>/<application>/<workload>``, with a tag for its commit and one for the execution that built
    it. These are no labels, as those are part of an image: each commit would make another image of the same content.
    """

    def __init__(self, home: Home) -> None:
        self.docker = Docker(address=Endpoint(home).address)
        self.names = Names.of(home)

    def build(self, request: ImageRequest, out: Print) -> str:
        """See `ImageBuilder`."""
        repository = self.names.repository(request.application, request.workload)
        names = [f"{repository}:{tag}" for tag in tags(request.revision, request.execution)]
        return build(self.docker, request, names, out)

    def locate(self, workload: str, location: str, platform: str | None, out: Print) -> str:
        """See `ImageBuilder`."""
        return locate(self.docker, workload, location, platform, out)
