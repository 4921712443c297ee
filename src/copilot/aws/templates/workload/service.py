"""The service that keeps tasks running, and all that belongs to it but the tasks themselves."""

from __future__ import annotations

from typing import Any

from troposphere import Ref, Template, ecs

from copilot.aws.templates.rendering import described
from copilot.aws.templates.workload.alarms import add_alarms, deployment_alarms
from copilot.aws.templates.workload.discovery import add_discovery, service_connect, service_registries
from copilot.aws.templates.workload.environment_variables import CONTROLLER
from copilot.aws.templates.workload.listeners import add_listeners, grace_period, listener_rules, load_balancers
from copilot.aws.templates.workload.network import imported, network_configuration
from copilot.aws.templates.workload.scaling import add_scaling, launch
from copilot.aws.templates.workload.settings import WorkloadSettings
from copilot.manifest.workload import Service

# Smallest and largest share of tasks while a new release replaces an old one, in percent.
_SHARES = {"default": (100, 200), "recreate": (0, 100)}
_PLATFORM_VERSION = "LATEST"


def add_service(template: Template, settings: WorkloadSettings) -> None:
    """Add the service of a workload with its routing, scaling, alarms and entry in service discovery.

    The template must have, or get, the resources TaskDefinition, LogGroup and EnvControllerAction, and the parameters
    WorkloadName, TaskCount and TargetPort, and those of `listeners.routing_parameters`.

    Raises:
        UnsupportedError: The environment lacks something that the manifest asks for.
    """
    add_discovery(template, settings)
    add_listeners(template, settings)
    template.add_resource(_service(settings))
    add_scaling(template, settings)
    add_alarms(template, settings)


def _service(settings: WorkloadSettings) -> ecs.Service:
    manifest = settings.manifest
    if not isinstance(manifest, Service):
        raise TypeError(f"{manifest.type} is no service")
    registries = service_registries(settings)
    balancers = load_balancers(settings)
    optional: dict[str, Any] = {
        **launch(settings),
        **service_connect(settings),
        **({"EnableExecuteCommand": True} if manifest.exec else {}),
        **({"ServiceRegistries": registries} if registries else {}),
        **({"LoadBalancers": balancers, "HealthCheckGracePeriodSeconds": grace_period(settings)} if balancers else {}),
    }
    return ecs.Service(
        "Service",
        # A load balancer takes no tasks before a rule sends requests to their target group.
        DependsOn=listener_rules(settings) or [CONTROLLER],
        PlatformVersion=_PLATFORM_VERSION,
        Cluster=imported(settings, "ClusterId"),
        TaskDefinition=Ref("TaskDefinition"),
        DeploymentConfiguration=_deployment(settings, manifest),
        PropagateTags="SERVICE",
        NetworkConfiguration=network_configuration(settings),
        **optional,
        Metadata=described("An ECS service to run your tasks and keep them running"),
    )


def _deployment(settings: WorkloadSettings, manifest: Service) -> ecs.DeploymentConfiguration:
    smallest, largest = _SHARES[manifest.deployment.rolling]
    return ecs.DeploymentConfiguration(
        DeploymentCircuitBreaker=ecs.DeploymentCircuitBreaker(Enable=True, Rollback=True),
        MinimumHealthyPercent=smallest,
        MaximumPercent=largest,
        **deployment_alarms(settings),
    )
