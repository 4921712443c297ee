"""Alarms that end a deployment and bring the last release back."""

from __future__ import annotations

from typing import Any

from troposphere import GetAtt, Template, cloudwatch, ecs

from copilot.aws import names
from copilot.aws.templates.rendering import described
from copilot.aws.templates.workload.environment_variables import QUEUE
from copilot.aws.templates.workload.network import imported
from copilot.aws.templates.workload.settings import WorkloadSettings
from copilot.manifest.deployment import RollbackAlarms
from copilot.manifest.workload import Service

_GOV_CLOUD = "aws-us-gov"
_PERIOD_SECONDS = 60
_PERIODS, _BAD_PERIODS = 3, 2

# Key of the manifest, logical ID, end of the alarm's name, metric, unit. A stack keeps an alarm only under the same name.
_ALARMS = (
    ("cpu_utilization", "CPURollbackAlarm", "CopilotRollbackCPUAlarm", "CPUUtilization", "Percent"),
    ("memory_utilization", "MemoryRollbackAlarm", "CopilotRollbackMemAlarm", "MemoryUtilization", "Percent"),
    (
        "messages_delayed",
        "MessagesDelayedRollbackAlarm",
        "CopilotRollbackMsgsDelayedAlarm",
        "ApproximateNumberOfMessagesDelayed",
        "Count",
    ),
)
_WHAT = {"cpu_utilization": "CPU use", "memory_utilization": "memory use", "messages_delayed": "the number of delayed messages"}


def add_alarms(template: Template, settings: WorkloadSettings) -> None:
    """Add the alarms that the manifest gives limits for."""
    alarms = _wanted(settings)
    for key, logical_id, suffix, metric, unit in _ALARMS:
        limit = getattr(alarms, key)
        if limit is not None:
            limit = int(limit) if float(limit).is_integer() else limit
            sign = "%" if unit == "Percent" else ""
            template.add_resource(
                cloudwatch.Alarm(
                    logical_id,
                    AlarmName=_name(settings, suffix),
                    AlarmDescription=f"{_WHAT[key].capitalize()} reached {limit}{sign} in {_BAD_PERIODS} of {_PERIODS} minutes: "
                    "a deployment in progress is rolled back.",
                    Namespace="AWS/SQS" if key == "messages_delayed" else "AWS/ECS",
                    Dimensions=_dimensions(settings, key),
                    MetricName=metric,
                    ComparisonOperator="GreaterThanOrEqualToThreshold",
                    DatapointsToAlarm=_BAD_PERIODS,
                    EvaluationPeriods=_PERIODS,
                    Period=_PERIOD_SECONDS,
                    Statistic="Average",
                    Threshold=limit,
                    Unit=unit,
                    Metadata=described(f"An alarm for {_WHAT[key]}, to roll a deployment back"),
                )
            )


def deployment_alarms(settings: WorkloadSettings) -> dict[str, Any]:
    """The alarms that Amazon ECS watches during a deployment, as properties of its configuration.

    Without any they are turned off explicitly, because a service keeps them otherwise. GovCloud does not know them.
    """
    alarms = _wanted(settings)
    watched = [_name(settings, suffix) for key, _, suffix, _, _ in _ALARMS if getattr(alarms, key) is not None]
    watched = list(alarms.names) or watched
    if not watched and settings.facts.partition == _GOV_CLOUD:
        return {}
    return {"Alarms": ecs.DeploymentAlarms(AlarmNames=watched, Enable=bool(watched), Rollback=True)}


def _wanted(settings: WorkloadSettings) -> RollbackAlarms:
    manifest = settings.manifest
    return (manifest.deployment.rollback_alarms if isinstance(manifest, Service) else None) or RollbackAlarms()


def _name(settings: WorkloadSettings, suffix: str) -> str:
    # By name, not by reference: the alarm refers to the service, which must be there first.
    return f"{names.workload_stack(settings.application, settings.environment, settings.manifest.name)}-{suffix}"


def _dimensions(settings: WorkloadSettings, key: str) -> list[cloudwatch.MetricDimension]:
    if key == "messages_delayed":
        return [cloudwatch.MetricDimension(Name="QueueName", Value=GetAtt(QUEUE, "QueueName"))]
    return service_dimensions(settings)


def service_dimensions(settings: WorkloadSettings) -> list[cloudwatch.MetricDimension]:
    """The dimensions of a service's metrics in the namespace ``AWS/ECS``."""
    return [
        cloudwatch.MetricDimension(Name="ClusterName", Value=imported(settings, "ClusterId")),
        cloudwatch.MetricDimension(Name="ServiceName", Value=GetAtt("Service", "Name")),
    ]
