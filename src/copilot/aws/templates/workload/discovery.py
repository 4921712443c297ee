"""How other workloads find a service: by its name in the environment's network, and through Service Connect."""

from __future__ import annotations

from typing import Any

from troposphere import Export, GetAtt, Join, Output, Ref, Sub, Template, ecs, servicediscovery

from copilot.aws.templates.rendering import described
from copilot.aws.templates.workload.network import imported
from copilot.aws.templates.workload.ports import TARGET, service_target
from copilot.aws.templates.workload.settings import WorkloadSettings
from copilot.manifest.workload import ReachableService

_DISCOVERY = "DiscoveryService"
_GOV_CLOUD = "aws-us-gov"
_SECONDS_TO_LIVE = 10


def add_discovery(template: Template, settings: WorkloadSettings) -> None:
    """Add the name by which other workloads reach a service, if it is of a kind that others may connect to."""
    if not isinstance(settings.manifest, ReachableService):
        return
    records = [servicediscovery.DnsRecord(Type=kind, TTL=_SECONDS_TO_LIVE) for kind in ("A", "SRV")]
    template.add_resource(
        servicediscovery.Service(
            _DISCOVERY,
            Description=Sub("Addresses of the tasks of ${WorkloadName}"),
            DnsConfig=servicediscovery.DnsConfig(RoutingPolicy="MULTIVALUE", DnsRecords=records),
            # Amazon ECS tells the health of tasks by itself. Another threshold would replace the resource.
            HealthCheckCustomConfig=servicediscovery.HealthCheckCustomConfig(FailureThreshold=1),
            Name=Ref("WorkloadName"),
            NamespaceId=imported(settings, "ServiceDiscoveryNamespaceID"),
            Metadata=described("The name by which other workloads find your service"),
        )
    )
    template.add_output(
        Output(
            "DiscoveryServiceARN",
            Description="ARN of the entry in service discovery.",
            Value=GetAtt(_DISCOVERY, "Arn"),
            Export=Export(Sub("${AWS::StackName}-DiscoveryServiceARN")),
        )
    )


def service_registries(settings: WorkloadSettings) -> list[ecs.ServiceRegistry]:
    """Where Amazon ECS writes down the addresses of tasks; nowhere without a port that others connect to."""
    if not isinstance(settings.manifest, ReachableService) or service_target(settings.manifest) is None:
        return []
    return [ecs.ServiceRegistry(RegistryArn=GetAtt(_DISCOVERY, "Arn"), Port=Ref("TargetPort"))]


def service_connect(settings: WorkloadSettings) -> dict[str, Any]:
    """The service's part in Service Connect, as properties of the service.

    With ``network.connect`` tasks reach others through it, and are reached if they listen on a port. Without it is turned off
    explicitly, because a service keeps it otherwise. GovCloud does not know it.
    """
    connect = settings.manifest.network.connect
    if connect is None:
        if settings.facts.partition == _GOV_CLOUD:
            return {}
        return {"ServiceConnectConfiguration": ecs.ServiceConnectConfiguration(Enabled=False)}
    server: dict[str, Any] = {}
    if isinstance(settings.manifest, ReachableService) and service_target(settings.manifest) is not None:
        alias = ecs.ServiceConnectClientAlias(Port=Ref("TargetPort"), DnsName=connect.alias or Ref("WorkloadName"))
        # A name of its own: that of service discovery is taken in the same namespace.
        name = Join("-", [Ref("WorkloadName"), "sc"])
        server["Services"] = [ecs.ServiceConnectService(PortName=TARGET, DiscoveryName=name, ClientAliases=[alias])]
    logs = {"awslogs-region": Ref("AWS::Region"), "awslogs-group": Ref("LogGroup"), "awslogs-stream-prefix": "copilot"}
    return {
        "ServiceConnectConfiguration": ecs.ServiceConnectConfiguration(
            Enabled=True,
            Namespace=f"{settings.environment}.{settings.application}.local",
            LogConfiguration=ecs.LogConfiguration(LogDriver="awslogs", Options=logs),
            **server,
        )
    }
