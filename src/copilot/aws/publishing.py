"""From the manifests of workloads to their images in ECR: each is built once for all environments that it goes to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from copilot.aws.client import Aws
from copilot.aws.ecr import Repository
from copilot.aws.images import Wanted, publish_images
from copilot.aws.packaging import Images, Packager, Target, images_of, sources
from copilot.image import ImageRequest, image_request
from copilot.manifest.workload import WorkloadDocument
from copilot.progress import Print

_PLATFORM = "linux/amd64"
"""What tasks run on when a manifest says nothing, whatever machine builds their image."""


@dataclass(frozen=True)
class _Build:
    """The image of a container, for an environment."""

    target: Target
    container: str
    request: ImageRequest
    repository: Repository

    @property
    def sidecar(self) -> str:
        return "" if self.container == self.target[0] else self.container

    @property
    def identity(self) -> str:
        """The same for builds that make the same image."""
        return repr((self.container, self.request))


def publish(
    aws: Aws,
    packager: Packager,
    documents: Mapping[Target, WorkloadDocument],
    out: Print,
    *,
    revision: str,
    tag: str | None = None,
    execution: str = "",
) -> dict[Target, Images]:
    """Build each image once and push it to where each environment takes it from.

    Args:
        aws: Who works on the application.
        packager: Knows the environments.
        documents: The workloads and environments.
        out: Takes progress, line by line.
        revision: The commit, as `ReleaseDescription.revision` has it.
        tag: Of the images, instead of the commit.
        execution: As in `ImageRequest.execution`.

    Raises:
        CopilotError: As `publish_images` does.
    """
    grouped: dict[str, list[_Build]] = {}
    for target, document in documents.items():
        for build in _builds(aws, packager, target, document, revision, execution):
            grouped.setdefault(build.identity, []).append(build)
    wanted = [
        Wanted(same[0].request, tuple({b.repository.uri: b.repository for b in same}.values()), same[0].sidecar)
        for same in grouped.values()
    ]
    published = publish_images(wanted, out, tag=tag) if wanted else []
    references: dict[Target, dict[str, str]] = {target: {} for target in documents}
    for same, there in zip(grouped.values(), published, strict=True):
        for build in same:
            references[build.target][build.container] = there[build.repository.uri]
    return {target: images_of(target[0], found) for target, found in references.items()}


def _builds(
    aws: Aws, packager: Packager, target: Target, document: WorkloadDocument, revision: str, execution: str
) -> Iterator[_Build]:
    name, environment = target
    manifest = document.model.resolved(environment, packager.application)
    platform = manifest.platform or _PLATFORM
    for container, source in sources(manifest).items():
        if source.build is not None:
            request = image_request(
                packager.workspace, name, source.build, platform=platform, revision=revision, execution=execution
            )
            there = aws.in_region(packager.place(environment).record.region)
            yield _Build(target, container, request, Repository(packager.repository_uri(name, environment), there))
