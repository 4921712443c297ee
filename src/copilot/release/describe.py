"""From a workload manifest and a built image to the description of a release."""

from __future__ import annotations

from typing import cast

from copilot.manifest.workload import Http, LoadBalancedWebService, ScheduledJob, Service, Workload
from copilot.release.description import HealthCheck, ReleaseDescription, Routing, Schedule, WorkloadType


def describe(manifest: Workload, *, application: str, environment: str, image: str, revision: str) -> ReleaseDescription:
    """The release of one workload to one environment: overrides applied, placeholders filled in.

    Args:
        manifest: The manifest, as it was loaded or already resolved for this environment.
        application: Name of the application.
        environment: Name of the environment.
        image: Digest of the built image.
        revision: The commit, as `ReleaseDescription.revision` has it.
    """
    settled = manifest.resolved(environment, application)
    return ReleaseDescription(
        application=application,
        environment=environment,
        workload=settled.name,
        type=cast("WorkloadType", settled.type),
        image=image,
        revision=revision,
        count=settled.count if isinstance(settled, Service) else 1,
        cpu=settled.cpu,
        memory=settled.memory,
        port=settled.image.port if isinstance(settled, Service) else None,
        routing=_routing(settled.http) if isinstance(settled, LoadBalancedWebService) else None,
        variables=settled.variables,
        secrets=settled.secrets,
        entrypoint=settled.entrypoint,
        command=settled.command,
        schedule=_schedule(settled) if isinstance(settled, ScheduledJob) else None,
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
