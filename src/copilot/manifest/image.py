"""The ``image`` section of a workload manifest."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from copilot.manifest.faults import Fault, bad_value
from copilot.manifest.scalars import AnyText, Choice, Duration, FilePath, OrText, Text, VariableName, Whole, Word
from copilot.manifest.section import Section
from copilot.manifest.storage import PartName

Port = Annotated[Whole, Field(ge=1, le=65535)]

SHELL = "CMD-SHELL"
"""Begins the command of a health check that is one line for the container's shell, as in a task definition."""


def _build(value: Any) -> Any:
    """Dockerfile and context follow from each other, as in AWS Copilot."""
    if isinstance(value, str):
        value = {"dockerfile": value}
    if not isinstance(value, Mapping):
        return value
    dockerfile, context = value.get("dockerfile"), value.get("context")
    if dockerfile is None and isinstance(context, str):
        return {**value, "dockerfile": posixpath.join(context, "Dockerfile")}
    if context is None and isinstance(dockerfile, str):
        return {**value, "context": posixpath.dirname(dockerfile) or "."}
    return value


def _check_command(value: Any) -> Any:
    if isinstance(value, str):
        return [SHELL, value] if value.strip() else value
    if not isinstance(value, (list, tuple)) or not value:
        return value
    if value[0] == "CMD":
        return value[1:]
    if value[0] == SHELL and len(value) != 2:
        raise bad_value(f"must have one shell command after `{SHELL}`", "put the whole command in quotes")
    return value


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


Condition = Annotated[Literal["start", "healthy", "complete", "success"], Choice, BeforeValidator(_lower)]
"""How far another container must be: started, healthy, ended, or ended without an error."""

DependsOn = dict[PartName, Condition]
"""Container to how far it must be before another one starts."""


class ContainerHealthCheck(Section):
    """A command that tells from inside whether a container is healthy."""

    command: Annotated[tuple[AnyText, ...], Field(min_length=1), BeforeValidator(_check_command), OrText()] = Field(
        (SHELL, "curl -f http://localhost/ || exit 1"),
        description="The command: a line for the shell, or a list that may begin with `CMD` or `CMD-SHELL`.",
    )
    interval: Annotated[Duration, Field(gt=0, le=300)] = Field(10.0, description="Time between two runs of the command.")
    retries: Annotated[Whole, Field(ge=1, le=10)] = Field(2, description="So many failures in a row make a task unhealthy.")
    timeout: Annotated[Duration, Field(gt=0, le=60)] = Field(5.0, description="How long the command may take.")
    start_period: Annotated[Duration, Field(ge=0, le=300)] = Field(
        0.0, description="How long a new task may take before failures count."
    )


class ImageBuild(Section):
    """How the image is built."""

    dockerfile: FilePath = Field("Dockerfile", description="Path of the Dockerfile. Default: `Dockerfile` in the context.")
    context: FilePath = Field(".", description="Folder that the build may read. Default: the Dockerfile's folder.")
    target: Word | None = Field(None, description="Stage of the Dockerfile to build. Default: the last one.")
    args: dict[VariableName, AnyText] = Field(default_factory=dict, description="Build arguments.")
    cache_from: tuple[Word, ...] = Field((), description="Images whose layers the build may use again.")


class ImageSource(Section):
    """Where an image comes from."""

    build: Annotated[ImageBuild, BeforeValidator(_build), OrText()] | None = Field(
        None, description="Path of the Dockerfile, or more about the build. Paths are relative to the repository's root."
    )
    location: Word | None = Field(None, description="An existing image to use instead of building one.")

    @classmethod
    def rules(cls, data: Mapping[str, Any]) -> Iterable[Fault]:
        """An image is built or it exists already."""
        given = [key for key in ("build", "location") if data.get(key) is not None]
        if len(given) == 2:
            yield Fault(("location",), "sentence", "an image has either `build` or `location`, not both", "remove one", "key")
        if not given:
            yield Fault(("build",), "missing", hint="such as `build: Dockerfile`, or `location` for an existing image", at="key")


class Image(ImageSource):
    """The container image of a workload that nothing connects to."""

    unsupported = frozenset({"labels"})

    credentials: Text | None = Field(None, description="ARN of the secret with the password for a private registry (aws engine).")
    depends_on: DependsOn = Field(
        default_factory=dict,
        description="Sidecar to how far it must be before the main container starts: `start`, `healthy`, `complete`, `success`.",
    )
    healthcheck: ContainerHealthCheck | None = Field(None, description="How to find out from inside whether a task is healthy.")


class ServiceImage(Image):
    """The image of a service that others may connect to."""

    port: Port | None = Field(None, description="The port the service listens on.")


class PublicImage(ServiceImage):
    """The image of a service that the load balancer connects to."""

    port: Port = Field(description="The port the service listens on.")


def _sidecar_image(value: Any) -> Any:
    return {"location": value} if isinstance(value, str) else value


SidecarImage = Annotated[ImageSource, BeforeValidator(_sidecar_image), OrText()]
"""The name of an existing image, or a mapping with how to build one."""
