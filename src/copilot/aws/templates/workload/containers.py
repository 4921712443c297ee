"""The containers of a task: the main one, the log router, then the sidecars by name; overrides count them in this order."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from troposphere import GetAtt, Ref, ecs

from copilot.aws.templates.workload.env_files import env_files
from copilot.aws.templates.workload.environment_variables import (
    ADDONS_STACK,
    addon_outputs,
    environment,
    shared_variables,
    snake_case,
)
from copilot.aws.templates.workload.logging import log_router, main_logging, to_log_group
from copilot.aws.templates.workload.ports import TARGET, Target, exposed_ports, main_port, service_target
from copilot.aws.templates.workload.queue import queue_variables
from copilot.aws.templates.workload.secrets import value_from
from copilot.aws.templates.workload.settings import WorkloadSettings
from copilot.aws.templates.workload.topics import topic_variables
from copilot.aws.templates.workload.volumes import mount_points
from copilot.errors import UnsupportedError
from copilot.manifest.containers import SidecarSettings
from copilot.manifest.image import SHELL, ContainerHealthCheck
from copilot.manifest.variables import Secrets
from copilot.manifest.workload import Workload

# What Amazon ECS takes at least (HealthCheck of a container definition), in seconds.
_LEAST_INTERVAL = 5
_LEAST_TIMEOUT = 2


def containers(settings: WorkloadSettings) -> list[ecs.ContainerDefinition]:
    """The containers of the workload's task definition."""
    shared = {**shared_variables(settings), **topic_variables(settings), **queue_variables(settings)}
    router = log_router(settings.manifest, environment(shared, {}, {}))
    sidecars = [_sidecar(settings, name, sidecar, shared) for name, sidecar in sorted(settings.manifest.sidecars.items())]
    return [_main(settings, shared), *([router] if router else []), *sidecars]


def image_of(settings: WorkloadSettings, container: str) -> str:
    """The image of the main container or a sidecar.

    Raises:
        UnsupportedError: The manifest builds it, and it was not built.
    """
    if container == settings.manifest.name:
        image = settings.image or settings.manifest.image.location
    else:
        image = settings.sidecar_images.get(container) or settings.manifest.sidecars[container].image.location
    if image is None:
        raise UnsupportedError(f"the image of `{container}` was not built")
    return image


def _main(settings: WorkloadSettings, shared: Mapping[str, Any]) -> ecs.ContainerDefinition:
    manifest = settings.manifest
    mounts = {name: (volume.path, volume.read_only) for name, volume in sorted(manifest.storage.volumes.items())}
    optional = _optional(
        EntryPoint=list(manifest.entrypoint or ()),
        Command=list(manifest.command or ()),
        Secrets=_secrets(manifest.secrets, addon_outputs(settings, "secret")),
        MountPoints=mount_points(mounts),
        DependsOn=_dependencies(manifest.image.depends_on),
        PortMappings=_port_mappings(manifest, manifest.name),
        HealthCheck=_health_check(manifest.image.healthcheck),
        ReadonlyRootFilesystem=manifest.storage.readonly_fs or None,
        RepositoryCredentials=_credentials(manifest.image.credentials),
    )
    return ecs.ContainerDefinition(
        Name=Ref("WorkloadName"),
        Image=Ref("ContainerImage"),
        Environment=environment(
            {**shared, **_port(settings)}, manifest.variables, {name: path for name, (path, _) in mounts.items()}
        ),
        EnvironmentFiles=[env_files(manifest)[manifest.name].property()],
        LogConfiguration=main_logging(manifest),
        **optional,
    )


def _port(settings: WorkloadSettings) -> dict[str, Any]:
    """The port that requests come to, by the name under which the local engine tells it too."""
    return {"PORT": Ref("ContainerPort")} if main_port(settings.manifest) else {}


def _sidecar(
    settings: WorkloadSettings, name: str, sidecar: SidecarSettings, shared: Mapping[str, Any]
) -> ecs.ContainerDefinition:
    mounts = {mount.source_volume: (mount.path, mount.read_only) for mount in sidecar.mount_points}
    file = env_files(settings.manifest).get(name)
    optional = _optional(
        EnvironmentFiles=[file.property()] if file else None,
        Essential=None if sidecar.essential else False,
        EntryPoint=list(sidecar.entrypoint or ()),
        Command=list(sidecar.command or ()),
        Secrets=_secrets(sidecar.secrets),
        MountPoints=mount_points(mounts),
        DependsOn=_dependencies(sidecar.depends_on),
        PortMappings=_port_mappings(settings.manifest, name),
        HealthCheck=_health_check(sidecar.healthcheck),
        RepositoryCredentials=_credentials(sidecar.credentials),
    )
    return ecs.ContainerDefinition(
        Name=name,
        Image=image_of(settings, name),
        Environment=environment(shared, sidecar.variables, {volume: path for volume, (path, _) in mounts.items()}),
        LogConfiguration=to_log_group(),
        **optional,
    )


def _optional(**properties: Any) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if value is not None and value != []}


def _secrets(secrets: Secrets, outputs: Sequence[str] = ()) -> list[ecs.Secret]:
    """Secrets of a container: those that addons have made, but for those that the manifest names itself."""
    sources: dict[str, Any] = {snake_case(output): GetAtt(ADDONS_STACK, f"Outputs.{output}") for output in outputs}
    sources |= {name: value_from(secret) for name, secret in secrets.items()}
    return [ecs.Secret(Name=name, ValueFrom=source) for name, source in sorted(sources.items())]


def _dependencies(containers: Mapping[str, str]) -> list[ecs.ContainerDependency]:
    return [
        ecs.ContainerDependency(ContainerName=name, Condition=condition.upper()) for name, condition in sorted(containers.items())
    ]


def _port_mappings(manifest: Workload, container: str) -> list[ecs.PortMapping]:
    goal = service_target(manifest)
    mappings = []
    for number, protocol in exposed_ports(manifest).get(container, ()):
        named = {"Name": TARGET} if goal == Target(container, number) else {}
        port = Ref("ContainerPort") if container == manifest.name and number == main_port(manifest) else number
        mappings.append(ecs.PortMapping(ContainerPort=port, Protocol=protocol, **named))
    return mappings


def _health_check(check: ContainerHealthCheck | None) -> ecs.HealthCheck | None:
    if check is None:
        return None
    return ecs.HealthCheck(
        Command=list(check.command) if check.command[0] == SHELL else ["CMD", *check.command],
        Interval=max(_LEAST_INTERVAL, math.ceil(check.interval)),
        Retries=check.retries,
        StartPeriod=math.ceil(check.start_period),
        Timeout=max(_LEAST_TIMEOUT, math.ceil(check.timeout)),
    )


def _credentials(secret: str | None) -> ecs.RepositoryCredentials | None:
    return ecs.RepositoryCredentials(CredentialsParameter=secret) if secret else None
