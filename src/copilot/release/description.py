"""A release described: one image and its settings, for one environment; what `pipeline build` writes and a deployment reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

WorkloadType = Literal["Load Balanced Web Service", "Backend Service", "Scheduled Job"]


@dataclass(frozen=True)
class HealthCheck:
    """When a task counts as healthy, asked over HTTP. All times are in seconds.

    Defaults are AWS Copilot's for ``http.healthcheck``. Once it runs, a task is asked every ``interval`` seconds,
    and much more often while a deployment waits for it.
    """

    path: str = "/"
    port: int | None = None
    success_codes: str = "200"
    healthy_threshold: int = 2
    unhealthy_threshold: int = 2
    interval: float = 10.0
    timeout: float = 5.0
    grace_period: float = 60.0


@dataclass(frozen=True)
class Routing:
    """How requests of the environment's front door reach a service.

    ``path`` is as an ALB's rule has it: ``/`` catches all; ``/api`` matches itself and all below ``/api/``; the longest
    match wins.
    """

    path: str
    healthcheck: HealthCheck = field(default_factory=HealthCheck)
    deregistration_delay: float = 60.0


@dataclass(frozen=True)
class ContainerCheck:
    """A command that tells from inside whether a container is healthy (``image.healthcheck``). Times are in seconds.

    ``command`` is an argument list, or a shell line when it begins with ``CMD-SHELL``, as in a task definition. Defaults are
    AWS Copilot's.
    """

    command: tuple[str, ...]
    interval: float = 10.0
    retries: int = 2
    timeout: float = 5.0
    start_period: float = 0.0


@dataclass(frozen=True)
class Volume:
    """A named volume of a workload in an environment, mounted at ``path``; it outlives releases."""

    name: str
    path: str
    read_only: bool = False


@dataclass(frozen=True)
class Sidecar:
    """A container beside the main one, on the same network interface: they reach each other on localhost.

    ``image`` is a digest or a reference that the container engine knows. When an essential one ends, the task ends.
    """

    name: str
    image: str
    port: int | None = None
    essential: bool = True
    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    entrypoint: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    volumes: tuple[Volume, ...] = ()
    check: ContainerCheck | None = None


@dataclass(frozen=True)
class Schedule:
    """When a job runs, and how. ``expression`` is the manifest's ``on.schedule``; ``timeout`` is in seconds, None: none."""

    expression: str
    retries: int = 0
    timeout: float | None = None


@dataclass(frozen=True)
class ReleaseDescription:
    """All that is needed to run one workload in one environment: overrides applied, no manifest needed any more.

    Attributes:
        image: Digest, ``sha256:<64 hex>``; the same for every environment of one build.
        revision: Full commit id, or ``<commit>-dirty`` / empty when deployed from a working tree.
        port: The port the service listens on; None if nothing connects to it.
        cpu: vCPU units (1024 = 1 vCPU). memory: MiB. Neither is enforced by the host runtime.
        secrets: Environment variable name to the name of the secret in the engine's secret store.
        entrypoint: Overrides the image's, as an argument list; None keeps it. Likewise command.
        grace_period: Seconds between asking a task to stop and killing it.
    """

    application: str
    environment: str
    workload: str
    type: WorkloadType
    image: str
    revision: str = ""
    count: int = 1
    cpu: int = 256
    memory: int = 512
    port: int | None = None
    routing: Routing | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    entrypoint: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    grace_period: float = 10.0
    check: ContainerCheck | None = None
    volumes: tuple[Volume, ...] = ()
    sidecars: tuple[Sidecar, ...] = ()
    platform: str | None = None
    schedule: Schedule | None = None
