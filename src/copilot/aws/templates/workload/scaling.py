"""How many tasks of a service run, and what Amazon ECS runs them on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from troposphere import GetAtt, Join, Ref, Template, ecs
from troposphere import applicationautoscaling as autoscaling

from copilot.aws.templates.rendering import described
from copilot.aws.templates.workload.alarms import service_dimensions
from copilot.aws.templates.workload.environment_variables import QUEUE
from copilot.aws.templates.workload.network import from_controller, imported
from copilot.aws.templates.workload.queue import own_queues
from copilot.aws.templates.workload.settings import WorkloadSettings
from copilot.manifest.scaling import Count, PercentageTarget, QueueDelay, RequestsTarget, ResponseTimeTarget, Target
from copilot.manifest.workload import BackendService, Service

_TARGET = "AutoScalingTarget"
_IN_SECONDS, _OUT_SECONDS = 120, 60
_FARGATE, _SPOT = "FARGATE", "FARGATE_SPOT"

_Measured = PercentageTarget | RequestsTarget | ResponseTimeTarget


def launch(settings: WorkloadSettings) -> dict[str, Any]:
    """What tasks run on and how many of them, as properties of the service.

    A service that scales says no number, so that an update leaves as many tasks as there are. Fargate Spot takes ARM64 as well
    (https://aws.amazon.com/about-aws/whats-new/2024/09/amazon-ecs-graviton-based-spot-compute-fargate/).
    """
    count = _count(settings)
    number: dict[str, Any] = {} if count.targets else {"DesiredCount": Ref("TaskCount")}
    if count.spot is not None:
        return {**number, "CapacityProviderStrategy": [_provider(_SPOT, 1)]}
    if count.range is None or count.range.spot_from is None:
        return {**number, "LaunchType": _FARGATE}
    # The tasks before that number are the base on ordinary capacity. All others go by weight, to spare capacity.
    base = max(0, count.range.spot_from - 1)
    ordinary = [_provider(_FARGATE, 0, base)] if base else []
    return {**number, "CapacityProviderStrategy": [_provider(_SPOT, 1), *ordinary]}


def add_scaling(template: Template, settings: WorkloadSettings) -> None:
    """Add what changes the number of tasks of a service within its bounds.

    Scaling acts through its service-linked role, which is made with the first target of an account; a role that is named is
    passed over (https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html).
    """
    count = _count(settings)
    if count.range is None or not count.targets:
        return
    template.add_resource(
        autoscaling.ScalableTarget(
            _TARGET,
            MinCapacity=Ref("TaskCount"),
            MaxCapacity=count.range.max,
            ResourceId=Join("/", ["service", imported(settings, "ClusterId"), GetAtt("Service", "Name")]),
            ScalableDimension="ecs:service:DesiredCount",
            ServiceNamespace="ecs",
            Metadata=described("The bounds within which your service scales"),
        )
    )
    for target, name, what, metric in _metrics(settings, count):
        if target is not None:
            _add_policy(template, count, target, name, what, metric)
    if count.queue_delay is not None:
        for queue in (QUEUE, *own_queues(settings)):
            _add_queue_policy(template, settings, count, count.queue_delay, queue)


def _count(settings: WorkloadSettings) -> Count:
    return settings.manifest.count if isinstance(settings.manifest, Service) else Count.of(1)


def _provider(name: str, weight: int, base: int | None = None) -> ecs.CapacityProviderStrategyItem:
    given: dict[str, Any] = {} if base is None else {"Base": base}
    return ecs.CapacityProviderStrategyItem(CapacityProvider=name, Weight=weight, **given)


def _metrics(settings: WorkloadSettings, count: Count) -> list[tuple[_Measured | None, str, str, dict[str, Any]]]:
    """What a service may be scaled by, but for its queue: the target, the name of its policy, what it is, and its measure."""
    requests = _of_load_balancer(settings, "RequestCountPerTarget", "Sum")
    answers = _of_load_balancer(settings, "TargetResponseTime", "Average")
    return [
        (count.cpu_percentage, "ECSServiceAverageCPUUtilization", "CPU use", _of_tasks("CPU")),
        (count.memory_percentage, "ECSServiceAverageMemoryUtilization", "memory use", _of_tasks("Memory")),
        (count.requests, "ALBSumRequestCountPerTarget", "requests", requests),
        (count.response_time, "ALBAverageResponseTime", "response time", answers),
    ]


def _add_policy(template: Template, count: Count, target: _Measured, name: str, what: str, metric: Mapping[str, Any]) -> None:
    template.add_resource(
        autoscaling.ScalingPolicy(
            f"AutoScalingPolicy{name}",
            # Another name would replace the policy.
            PolicyName=Join("-", [Ref("WorkloadName"), name, "ScalingPolicy"]),
            PolicyType="TargetTrackingScaling",
            ScalingTargetId=Ref(_TARGET),
            TargetTrackingScalingPolicyConfiguration=_tracking(count, target, target.value, metric),
            Metadata=described(f"A policy to scale your service by {what}"),
        )
    )


def _add_queue_policy(template: Template, settings: WorkloadSettings, count: Count, delay: QueueDelay, queue: str) -> None:
    backlog = {"CustomizedMetricSpecification": autoscaling.CustomizedMetricSpecification(Metrics=_backlog(settings, queue))}
    template.add_resource(
        autoscaling.ScalingPolicy(
            f"AutoScalingPolicy{queue}",
            PolicyName=Join("-", [Ref("WorkloadName"), "BacklogPerTask", GetAtt(queue, "QueueName")]),
            PolicyType="TargetTrackingScaling",
            ScalingTargetId=Ref(_TARGET),
            TargetTrackingScalingPolicyConfiguration=_tracking(count, delay, delay.backlog, backlog),
            Metadata=described(f"A policy to scale your service by the messages that wait in {queue}"),
        )
    )


def _tracking(
    count: Count, target: Target, value: float, metric: Mapping[str, Any]
) -> autoscaling.TargetTrackingScalingPolicyConfiguration:
    return autoscaling.TargetTrackingScalingPolicyConfiguration(
        ScaleInCooldown=_rest(count, target, "in_", _IN_SECONDS),
        ScaleOutCooldown=_rest(count, target, "out", _OUT_SECONDS),
        TargetValue=int(value) if float(value).is_integer() else value,
        **metric,
    )


def _rest(count: Count, target: Target, direction: str, default: int) -> int:
    """Seconds that scaling rests: what the target says, else what all of them say."""
    for cooldown in (target.cooldown, count.cooldown):
        seconds = getattr(cooldown, direction, None)
        if seconds is not None:
            return int(seconds)
    return default


def _of_tasks(metric: str) -> dict[str, Any]:
    name = f"ECSServiceAverage{metric}Utilization"
    return {"PredefinedMetricSpecification": autoscaling.PredefinedMetricSpecification(PredefinedMetricType=name)}


def _of_load_balancer(settings: WorkloadSettings, metric: str, statistic: str) -> dict[str, Any]:
    which = "Internal" if isinstance(settings.manifest, BackendService) else "Public"
    measured = autoscaling.CustomizedMetricSpecification(
        Namespace="AWS/ApplicationELB",
        MetricName=metric,
        Dimensions=[
            autoscaling.MetricDimension(Name="LoadBalancer", Value=from_controller(f"{which}LoadBalancerFullName")),
            autoscaling.MetricDimension(Name="TargetGroup", Value=GetAtt("TargetGroup", "TargetGroupFullName")),
        ],
        Statistic=statistic,
    )
    return {"CustomizedMetricSpecification": measured}


def _backlog(settings: WorkloadSettings, queue: str) -> Sequence[autoscaling.TargetTrackingMetricDataQuery]:
    """How many messages wait for each task, counted by CloudWatch itself.

    A policy may track an expression with any function of CloudWatch
    (https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-target-tracking-metric-math.html).
    A task reports its CPU use once a minute, so the number of reports is the number of tasks
    (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cw_running_task_count.html). No reports count as one task, so
    that messages bring the first one up.
    """
    waiting = autoscaling.TargetTrackingMetric(
        Namespace="AWS/SQS",
        MetricName="ApproximateNumberOfMessagesVisible",
        Dimensions=[autoscaling.TargetTrackingMetricDimension(Name="QueueName", Value=GetAtt(queue, "QueueName"))],
    )
    reports = autoscaling.TargetTrackingMetric(
        Namespace="AWS/ECS",
        MetricName="CPUUtilization",
        Dimensions=[
            autoscaling.TargetTrackingMetricDimension(Name=each.Name, Value=each.Value) for each in service_dimensions(settings)
        ],
    )
    return [
        _query("messages", MetricStat=autoscaling.TargetTrackingMetricStat(Metric=waiting, Stat="Sum")),
        _query("tasks", MetricStat=autoscaling.TargetTrackingMetricStat(Metric=reports, Stat="SampleCount")),
        _query("backlog", returned=True, Label="Messages for each task", Expression="messages / FILL(tasks, 1)"),
    ]


def _query(name: str, *, returned: bool = False, **what: Any) -> autoscaling.TargetTrackingMetricDataQuery:
    return autoscaling.TargetTrackingMetricDataQuery(Id=name, ReturnData=returned, **what)
