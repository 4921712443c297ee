from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.aws.templates.workload.scaling import launch
from tests.aws.templates.workload.service_stacks import BACKEND, WEB, WORKER, properties_of, resources_of, settings_of

SPOT = {"CapacityProvider": "FARGATE_SPOT", "Weight": 1}
CLUSTER = {"Fn::ImportValue": "my-app-test-ClusterId"}


def policies(kind: str, more: str) -> dict[str, dict[str, Any]]:
    resources = resources_of(kind, more)
    return {
        name: each["Properties"]
        for name, each in resources.items()
        if each["Type"] == "AWS::ApplicationAutoScaling::ScalingPolicy"
    }


def tracked(kind: str, more: str) -> dict[str, Any]:
    ((_, policy),) = policies(kind, more).items()
    configuration: dict[str, Any] = policy["TargetTrackingScalingPolicyConfiguration"]
    return configuration


def test_a_fixed_number() -> None:
    service = properties_of("Service", BACKEND, "count: 3")
    assert service["DesiredCount"] == {"Ref": "TaskCount"}
    assert service["LaunchType"] == "FARGATE"
    assert "CapacityProviderStrategy" not in service
    assert "AutoScalingTarget" not in resources_of(BACKEND, "count: 3")


@pytest.mark.parametrize("platform", ["linux/amd64", "linux/arm64"])
def test_a_fixed_number_on_spare_capacity(platform: str) -> None:
    service = properties_of("Service", BACKEND, f"count: {{spot: 5}}\nplatform: {platform}")
    assert service["DesiredCount"] == {"Ref": "TaskCount"}
    assert service["CapacityProviderStrategy"] == [SPOT]
    assert "LaunchType" not in service


@given(st.integers(0, 50), st.integers(1, 60))
def test_from_a_number_on_tasks_run_on_spare_capacity(fewest: int, spot_from: int) -> None:
    more = f"count: {{range: {{min: {fewest}, max: 60, spot_from: {spot_from}}}, cpu_percentage: 70}}"
    strategy = [each.to_dict() for each in launch(settings_of(BACKEND, more))["CapacityProviderStrategy"]]
    ordinary = sum(each.get("Base", 0) for each in strategy if each["CapacityProvider"] == "FARGATE")
    assert ordinary == spot_from - 1
    assert strategy[0] == SPOT
    assert all(each["Weight"] == 0 for each in strategy[1:])


def test_bounds() -> None:
    resources = resources_of(BACKEND, "count: {range: 2-10, cpu_percentage: 70}")
    assert "DesiredCount" not in resources["Service"]["Properties"]
    assert resources["AutoScalingTarget"]["Properties"] == {
        "MinCapacity": {"Ref": "TaskCount"},
        "MaxCapacity": 10,
        "ResourceId": {"Fn::Join": ["/", ["service", CLUSTER, {"Fn::GetAtt": ["Service", "Name"]}]]},
        "ScalableDimension": "ecs:service:DesiredCount",
        "ServiceNamespace": "ecs",
    }


@pytest.mark.parametrize(("key", "metric"), [("cpu_percentage", "CPU"), ("memory_percentage", "Memory")])
def test_by_what_tasks_use(key: str, metric: str) -> None:
    ((name, policy),) = policies(BACKEND, f"count: {{range: 1-10, {key}: 70}}").items()
    assert name == f"AutoScalingPolicyECSServiceAverage{metric}Utilization"
    assert policy == {
        "PolicyName": {"Fn::Join": ["-", [{"Ref": "WorkloadName"}, f"ECSServiceAverage{metric}Utilization", "ScalingPolicy"]]},
        "PolicyType": "TargetTrackingScaling",
        "ScalingTargetId": {"Ref": "AutoScalingTarget"},
        "TargetTrackingScalingPolicyConfiguration": {
            "PredefinedMetricSpecification": {"PredefinedMetricType": f"ECSServiceAverage{metric}Utilization"},
            "ScaleInCooldown": 120,
            "ScaleOutCooldown": 60,
            "TargetValue": 70,
        },
    }


def test_cooldowns() -> None:
    more = "count: {range: 1-10, cooldown: {in: 30s, out: 2m}, cpu_percentage: {value: 70, cooldown: {in: 0s}}}"
    configuration = tracked(BACKEND, more)
    assert (configuration["ScaleInCooldown"], configuration["ScaleOutCooldown"]) == (0, 120)


@pytest.mark.parametrize(
    ("key", "name", "metric", "statistic", "target"),
    [
        ("requests: 1000", "AutoScalingPolicyALBSumRequestCountPerTarget", "RequestCountPerTarget", "Sum", 1000),
        ("response_time: 1500ms", "AutoScalingPolicyALBAverageResponseTime", "TargetResponseTime", "Average", 1.5),
    ],
)
@pytest.mark.parametrize(("kind", "which"), [(WEB, "Public"), (BACKEND, "Internal")])
def test_by_what_the_load_balancer_sees(
    kind: str, which: str, key: str, name: str, metric: str, statistic: str, target: float
) -> None:
    ((found, policy),) = policies(kind, f"http: {{path: /}}\ncount: {{range: 1-10, {key}}}").items()
    configuration = policy["TargetTrackingScalingPolicyConfiguration"]
    assert found == name
    assert configuration["TargetValue"] == target
    assert configuration["CustomizedMetricSpecification"] == {
        "Namespace": "AWS/ApplicationELB",
        "MetricName": metric,
        "Statistic": statistic,
        "Dimensions": [
            {"Name": "LoadBalancer", "Value": {"Fn::GetAtt": ["EnvControllerAction", f"{which}LoadBalancerFullName"]}},
            {"Name": "TargetGroup", "Value": {"Fn::GetAtt": ["TargetGroup", "TargetGroupFullName"]}},
        ],
    }


def test_by_messages_that_wait() -> None:
    more = """
    subscribe: {topics: [{name: cats, service: zoo}, {name: dogs, service: zoo, queue: true}]}
    count: {range: 0-10, queue_delay: {acceptable_latency: 15m, msg_processing_time: 1s}}
    """
    found = policies(WORKER, more)
    assert list(found) == ["AutoScalingPolicyEventsQueue", "AutoScalingPolicyzoodogsEventsQueue"]
    policy = found["AutoScalingPolicyzoodogsEventsQueue"]
    queue = {"Fn::GetAtt": ["zoodogsEventsQueue", "QueueName"]}
    assert policy["PolicyName"] == {"Fn::Join": ["-", [{"Ref": "WorkloadName"}, "BacklogPerTask", queue]]}
    configuration = policy["TargetTrackingScalingPolicyConfiguration"]
    assert configuration["TargetValue"] == 900
    messages, tasks, backlog = configuration["CustomizedMetricSpecification"]["Metrics"]
    assert messages["MetricStat"]["Metric"]["Dimensions"] == [{"Name": "QueueName", "Value": queue}]
    assert tasks["MetricStat"]["Stat"] == "SampleCount"
    assert tasks["MetricStat"]["Metric"]["Dimensions"][0] == {"Name": "ClusterName", "Value": CLUSTER}
    assert [each["ReturnData"] for each in (messages, tasks, backlog)] == [False, False, True]
    assert backlog["Expression"] == "messages / FILL(tasks, 1)"
    assert not [each for each in resources_of(WORKER, more) if "Backlog" in each or "DesiredCount" in each]
