"""The resources of AWS Copilot's stacks of workloads: their types, and the values of their properties.

Values are as `resolving` writes them. What is in `differences.OTHERWISE` is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

APPLICATION, ENVIRONMENT = "my-app", "test"
LOGS = {"awslogs-region": "{AWS::Region}", "awslogs-group": "{LogGroup}", "awslogs-stream-prefix": "copilot"}
TO_LOG_GROUP = {"LogDriver": "awslogs", "Options": LOGS}

Resources = dict[str, Any]


def exported(name: str) -> str:
    """A value that the environment's stack exports."""
    return f"<{APPLICATION}-{ENVIRONMENT}-{name}>"


def told(name: str) -> str:
    """An output of the environment's stack, by way of the controller."""
    return f"{{EnvControllerAction.{name}}}"


def one(kind: str, **properties: Any) -> dict[str, Any]:
    """A resource of a type."""
    return {"Type": kind if kind.startswith("Custom::") else f"AWS::{kind}", "Properties": properties}


def container(name: str, ports: Sequence[tuple[int, bool]] = (), variables: dict[str, str] | None = None, **more: Any) -> Any:
    """A container; each port with whether other workloads connect to it."""
    variables = {
        "COPILOT_APPLICATION_NAME": APPLICATION,
        "COPILOT_SERVICE_DISCOVERY_ENDPOINT": f"{ENVIRONMENT}.{APPLICATION}.local",
        "COPILOT_ENVIRONMENT_NAME": ENVIRONMENT,
        **(variables or {}),
    }
    mapped = [{"ContainerPort": str(port), "Protocol": "tcp", **({"Name": "target"} if main else {})} for port, main in ports]
    return {
        "Name": name,
        "Image": "nginx",
        "Environment": [{"Name": key, "Value": value} for key, value in variables.items()],
        "LogConfiguration": TO_LOG_GROUP,
        **({"PortMappings": mapped} if mapped else {}),
        **more,
    }


def main(name: str, ports: Sequence[tuple[int, bool]] = (), variables: dict[str, str] | None = None, **more: Any) -> Any:
    """The main container."""
    return container(name, ports, {"COPILOT_SERVICE_NAME": name, **(variables or {})}, EnvironmentFiles=[], **more)


def workload(name: str, containers: Sequence[Any], needs: Sequence[str], aliases: Sequence[str] = (), **task: Any) -> Resources:
    """What every workload has."""
    return {
        "LogGroup": one("Logs::LogGroup", LogGroupName=f"/copilot/{APPLICATION}-{ENVIRONMENT}-{name}", RetentionInDays="30"),
        "TaskDefinition": one(
            "ECS::TaskDefinition",
            Family=f"{APPLICATION}-{ENVIRONMENT}-{name}",
            NetworkMode="awsvpc",
            RequiresCompatibilities=["FARGATE"],
            Cpu="256",
            Memory="512",
            ExecutionRoleArn="{ExecutionRole.Arn}",
            TaskRoleArn="{TaskRole.Arn}",
            ContainerDefinitions=list(containers),
            **task,
        ),
        "ExecutionRole": one("IAM::Role"),
        "TaskRole": one("IAM::Role"),
        "EnvControllerAction": one(
            "Custom::EnvControllerFunction",
            ServiceToken="{EnvControllerFunction.Arn}",
            Workload=name,
            EnvStack=f"{APPLICATION}-{ENVIRONMENT}",
            Parameters=list(needs),
            **({"Aliases": list(aliases)} if aliases else {}),
        ),
        "EnvControllerFunction": one(
            "Lambda::Function", Handler="index.handler", Timeout="900", MemorySize="512", Role="{EnvControllerRole.Arn}"
        ),
        "EnvControllerRole": one("IAM::Role", Path="/"),
    }


def service(
    *, subnets: str = "Public", groups: Sequence[str] = (), alarms: Sequence[str] = (), connect: Any = None, **more: Any
) -> Resources:
    """The service of ECS."""
    placed = f"{exported(f'{subnets}Subnets')} at ,"
    network = {
        "AssignPublicIp": "ENABLED" if subnets == "Public" else "DISABLED",
        "Subnets": placed,
        "SecurityGroups": [exported("EnvironmentSecurityGroup"), *groups],
    }
    watched = {"AlarmNames": list(alarms), "Enable": str(bool(alarms)).lower(), "Rollback": "true"}
    properties = {
        "PlatformVersion": "LATEST",
        "Cluster": exported("ClusterId"),
        "TaskDefinition": "{TaskDefinition}",
        "DeploymentConfiguration": {
            "DeploymentCircuitBreaker": {"Enable": "true", "Rollback": "true"},
            "MinimumHealthyPercent": "100",
            "MaximumPercent": "200",
            "Alarms": watched,
        },
        "PropagateTags": "SERVICE",
        "NetworkConfiguration": {"AwsvpcConfiguration": network},
        "ServiceConnectConfiguration": connect or {"Enabled": "false"},
        **({} if "CapacityProviderStrategy" in more else {"LaunchType": "FARGATE"}),
        **more,
    }
    return {"Service": one("ECS::Service", **properties)}


def connected(port: int, alias: str, name: str) -> dict[str, Any]:
    """Service Connect of a service that others connect to by an alias."""
    server = {"PortName": "target", "DiscoveryName": f"{name}-sc", "ClientAliases": [{"Port": str(port), "DnsName": alias}]}
    return {
        "Enabled": "true",
        "Namespace": f"{ENVIRONMENT}.{APPLICATION}.local",
        "LogConfiguration": TO_LOG_GROUP,
        "Services": [server],
    }


def registered(port: int) -> list[dict[str, str]]:
    """The registries of a service, which is one."""
    return [{"RegistryArn": "{DiscoveryService.Arn}", "Port": str(port)}]


def balanced(*targets: tuple[str, int]) -> dict[str, Any]:
    """What a service says of load balancers: container and port of each target group."""
    groups = [
        {"ContainerName": name, "ContainerPort": str(port), "TargetGroupArn": f"{{TargetGroup{number or ''}}}"}
        for number, (name, port) in enumerate(targets)
    ]
    return {"LoadBalancers": groups, "HealthCheckGracePeriodSeconds": "60"}


def discovery(name: str) -> Resources:
    """The entry in service discovery."""
    records = [{"Type": kind, "TTL": "10"} for kind in ("A", "SRV")]
    return {
        "DiscoveryService": one(
            "ServiceDiscovery::Service",
            DnsConfig={"RoutingPolicy": "MULTIVALUE", "DnsRecords": records},
            HealthCheckCustomConfig={"FailureThreshold": "1"},
            Name=name,
            NamespaceId=exported("ServiceDiscoveryNamespaceID"),
        )
    }


def target_group(port: int, *, delay: int = 60, sticky: bool = False, **more: Any) -> dict[str, Any]:
    """A target group."""
    attributes = {"deregistration_delay.timeout_seconds": str(delay), "stickiness.enabled": str(sticky).lower()}
    return one(
        "ElasticLoadBalancingV2::TargetGroup",
        **{
            "HealthCheckPath": "/",
            "Port": str(port),
            "Protocol": "HTTP",
            "TargetGroupAttributes": [{"Key": key, "Value": value} for key, value in attributes.items()],
            "TargetType": "ip",
            "VpcId": exported("VpcId"),
            **more,
        },
    )


def rule(listener: str, *paths: str, to: str = "TargetGroup", hosts: Sequence[str] = (), sources: Sequence[str] = ()) -> Any:
    """A listener rule; without a target group it redirects to HTTPS."""
    conditions = [
        *([{"Field": "source-ip", "SourceIpConfig": {"Values": list(sources)}}] if sources else ()),
        *([{"Field": "host-header", "HostHeaderConfig": {"Values": list(hosts)}}] if hosts else ()),
        {"Field": "path-pattern", "PathPatternConfig": {"Values": list(paths)}},
    ]
    redirection = {
        "Protocol": "HTTPS",
        "Port": "443",
        "Host": "#{host}",
        "Path": "/#{path}",
        "Query": "#{query}",
        "StatusCode": "HTTP_301",
    }
    action = {"Type": "forward", "TargetGroupArn": f"{{{to}}}"} if to else {"Type": "redirect", "RedirectConfig": redirection}
    return one(
        "ElasticLoadBalancingV2::ListenerRule",
        Actions=[action],
        Conditions=conditions,
        ListenerArn=told(f"{listener}ListenerArn"),
    )


def record(zone: str, name: str, which: str = "Public") -> dict[str, Any]:
    """A name that leads to a load balancer."""
    target = {"HostedZoneId": told(f"{which}LoadBalancerHostedZone"), "DNSName": told(f"{which}LoadBalancerDNSName")}
    return one("Route53::RecordSetGroup", HostedZoneId=zone, RecordSets=[{"Name": name, "Type": "A", "AliasTarget": target}])


def scaling(smallest: int, largest: int) -> Resources:
    """The bounds within which a service scales."""
    return {
        "AutoScalingTarget": one(
            "ApplicationAutoScaling::ScalableTarget",
            MinCapacity=str(smallest),
            MaxCapacity=str(largest),
            ResourceId=f"service/{exported('ClusterId')}/{{Service.Name}}",
            ScalableDimension="ecs:service:DesiredCount",
            ServiceNamespace="ecs",
        )
    }


def policy(name: str, value: float, metric: dict[str, Any], pauses: tuple[int, int] = (120, 60)) -> dict[str, Any]:
    """A policy to scale by."""
    tracking = {"ScaleInCooldown": str(pauses[0]), "ScaleOutCooldown": str(pauses[1]), "TargetValue": str(value), **metric}
    return one(
        "ApplicationAutoScaling::ScalingPolicy",
        PolicyName=name,
        PolicyType="TargetTrackingScaling",
        ScalingTargetId="{AutoScalingTarget}",
        TargetTrackingScalingPolicyConfiguration=tracking,
    )


def of_tasks(name: str) -> dict[str, Any]:
    """What tasks use, as what a service scales by."""
    return {"PredefinedMetricSpecification": {"PredefinedMetricType": f"ECSServiceAverage{name}Utilization"}}


def of_load_balancer(metric: str, statistic: str) -> dict[str, Any]:
    """What a load balancer measures, as what a service scales by."""
    dimensions = {"LoadBalancer": told("PublicLoadBalancerFullName"), "TargetGroup": "{TargetGroup.TargetGroupFullName}"}
    return {
        "CustomizedMetricSpecification": {
            "Namespace": "AWS/ApplicationELB",
            "MetricName": metric,
            "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
            "Statistic": statistic,
        }
    }


def alarm(name: str, metric: str, limit: int, unit: str, dimensions: dict[str, str]) -> dict[str, Any]:
    """An alarm that rolls a deployment back."""
    return one(
        "CloudWatch::Alarm",
        AlarmName=name,
        Namespace="AWS/SQS" if "QueueName" in dimensions else "AWS/ECS",
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        MetricName=metric,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        DatapointsToAlarm="2",
        EvaluationPeriods="3",
        Period="60",
        Statistic="Average",
        Threshold=str(limit),
        Unit=unit,
    )


def topic(logical_id: str, name: str, **ordered: str) -> Resources:
    """A topic."""
    names = f"{{AWS::StackName}}-{name}"
    return {
        f"{logical_id}SNSTopic": one("SNS::Topic", TopicName=names, KmsMasterKeyId="alias/aws/sns", **ordered),
        f"{logical_id}SNSTopicPolicy": one("SNS::TopicPolicy", Topics=[f"{{{logical_id}SNSTopic}}"]),
    }


def queue(prefix: str, tries: int, ordered: dict[str, str] | None = None, **more: str) -> Resources:
    """A queue with one for messages that fail."""
    own, failed = f"{prefix}EventsQueue", f"{prefix}DeadLetterQueue"
    key = {"KmsMasterKeyId": "{EventsKMSKey}", **(ordered or {})}
    redrive = {"deadLetterTargetArn": f"{{{failed}.Arn}}", "maxReceiveCount": str(tries)}
    return {
        own: one("SQS::Queue", **key, **more, RedrivePolicy=redrive),
        failed: one("SQS::Queue", **key, MessageRetentionPeriod="1209600"),
        f"{prefix}QueuePolicy": one("SQS::QueuePolicy", Queues=[f"{{{own}}}"]),
        f"{prefix}DeadLetterPolicy": one("SQS::QueuePolicy", Queues=[f"{{{failed}}}"]),
    }


def subscription(prefix: str, topic_name: str, endpoint: str, **more: Any) -> Resources:
    """A subscription to a topic of another workload."""
    here = "{AWS::Partition}:sns:{AWS::Region}:{AWS::AccountId}"
    arn = f"arn:{here}:{APPLICATION}-{ENVIRONMENT}-{topic_name}"
    subscribed = one("SNS::Subscription", TopicArn=arn, Protocol="sqs", Endpoint=f"{{{endpoint}.Arn}}", **more)
    return {f"{prefix}SNSTopicSubscription": subscribed}
