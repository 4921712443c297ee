"""From a workload manifest and a built image to the description of a release."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from copilot.manifest.containers import MountPoint, SidecarSettings
from copilot.manifest.http import Http
from copilot.manifest.image import ContainerHealthCheck
from copilot.manifest.storage import VolumeSettings
from copilot.manifest.variables import FromCfn, FromSecretsManager
from copilot.manifest.workload import LoadBalancedWebService, ReachableService, ScheduledJob, Service, Workload
from copilot.release.description import (
    ContainerCheck,
    HealthCheck,
    ReleaseDescription,
    Routing,
    Schedule,
    Sidecar,
    Volume,
    WorkloadType,
)


def describe(
    manifest: Workload,
    *,
    application: str,
    environment: str,
    image: str,
    revision: str,
    env_files: Mapping[str, Mapping[str, str]] | None = None,
) -> ReleaseDescription:
    """The release of one workload to one environment: overrides applied, placeholders filled in.

    Args:
        manifest: The manifest, as it was loaded or already resolved for this environment.
        application: Name of the application.
        environment: Name of the environment.
        image: Digest of the built image.
        revision: The commit, as `ReleaseDescription.revision` has it.
        env_files: What the containers' ``env_file`` hold, as `read_env_files` reads them.
    """
    settled = manifest.resolved(environment, application)
    files = env_files or {}
    return ReleaseDescription(
        application=application,
        environment=environment,
        workload=settled.name,
        type=cast("WorkloadType", settled.type),
        image=image,
        revision=revision,
        count=settled.count.desired if isinstance(settled, Service) else 1,
        cpu=settled.cpu,
        memory=settled.memory,
        port=settled.image.port if isinstance(settled, ReachableService) else None,
        routing=_routing(settled.http) if isinstance(settled, LoadBalancedWebService) else None,
        variables={**files.get(settled.name, {}), **_variables(settled.variables)},
        secrets=_secrets(settled.secrets),
        entrypoint=settled.entrypoint,
        command=settled.command,
        check=_check(settled.image.healthcheck),
        volumes=tuple(_volume(name, volume) for name, volume in settled.storage.volumes.items()),
        sidecars=tuple(_sidecar(name, sidecar, files.get(name, {})) for name, sidecar in settled.sidecars.items()),
        platform=settled.platform,
        schedule=_schedule(settled) if isinstance(settled, ScheduledJob) else None,
    )


def _variables(variables: Mapping[str, str | FromCfn]) -> dict[str, str]:
    """Those with a value; what a stack exports exists on AWS only."""
    return {name: value for name, value in variables.items() if isinstance(value, str)}


def _secrets(secrets: Mapping[str, str | FromSecretsManager | FromCfn]) -> dict[str, str]:
    """Secrets by the names that they have in the engine's store, whichever store of AWS they are meant for."""
    names = {n: s.secretsmanager if isinstance(s, FromSecretsManager) else s for n, s in secrets.items()}
    return {name: secret for name, secret in names.items() if isinstance(secret, str)}


def _check(check: ContainerHealthCheck | None) -> ContainerCheck | None:
    if check is None:
        return None
    return ContainerCheck(check.command, check.interval, check.retries, check.timeout, check.start_period)


def _volume(name: str, place: VolumeSettings | MountPoint) -> Volume:
    return Volume(name, place.path, place.read_only)


def _sidecar(name: str, sidecar: SidecarSettings, env_file: Mapping[str, str]) -> Sidecar:
    return Sidecar(
        name=name,
        image=sidecar.image.location or "",
        port=sidecar.port.number if sidecar.port is not None else None,
        essential=sidecar.essential,
        variables={**env_file, **_variables(sidecar.variables)},
        secrets=_secrets(sidecar.secrets),
        entrypoint=sidecar.entrypoint,
        command=sidecar.command,
        volumes=tuple(_volume(mount.source_volume, mount) for mount in sidecar.mount_points),
        check=_check(sidecar.healthcheck),
    )


def _schedule(job: ScheduledJob) -> Schedule:
    return Schedule(job.on.schedule, job.retries, job.timeout)


def _routing(http: Http) -> Routing:
    check = http.healthcheck
    return Routing(
        # AWS Copilot takes `api` for `/api`.
        path="/" + http.path.strip("/"),
        healthcheck=HealthCheck(
            path=check.path,
            port=check.port,
            success_codes=check.success_codes,
            healthy_threshold=check.healthy_threshold,
            unhealthy_threshold=check.unhealthy_threshold,
            interval=check.interval,
            timeout=check.timeout,
            grace_period=check.grace_period,
        ),
        deregistration_delay=http.deregistration_delay,
    )
