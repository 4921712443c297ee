from __future__ import annotations

from dataclasses import replace

from tests.aws.templates.workload.service_stacks import BACKEND, FACTS, WORKER, properties_of, resources_of


def watched(kind: str, more: str) -> object:
    return properties_of("Service", kind, more)["DeploymentConfiguration"]["Alarms"]


def test_no_alarms() -> None:
    assert watched(BACKEND, "") == {"AlarmNames": [], "Enable": False, "Rollback": True}
    assert not [each for each in resources_of(BACKEND).values() if each["Type"] == "AWS::CloudWatch::Alarm"]


def test_gov_cloud_knows_no_alarms() -> None:
    facts = replace(FACTS, partition="aws-us-gov", region="us-gov-west-1")
    assert "Alarms" not in properties_of("Service", BACKEND, "", facts)["DeploymentConfiguration"]


def test_existing_alarms() -> None:
    alarms = watched(BACKEND, "deployment: {rollback_alarms: [Latency, Errors]}")
    assert alarms == {"AlarmNames": ["Latency", "Errors"], "Enable": True, "Rollback": True}


def test_alarms_that_are_made() -> None:
    more = "deployment: {rollback_alarms: {cpu_utilization: 70, memory_utilization: 50.5, messages_delayed: 5}}"
    resources = resources_of(WORKER, more)
    assert resources["Service"]["Properties"]["DeploymentConfiguration"]["Alarms"]["AlarmNames"] == [
        "my-app-test-dogworker-CopilotRollbackCPUAlarm",
        "my-app-test-dogworker-CopilotRollbackMemAlarm",
        "my-app-test-dogworker-CopilotRollbackMsgsDelayedAlarm",
    ]
    cpu = resources["CPURollbackAlarm"]["Properties"]
    assert cpu["AlarmName"] == "my-app-test-dogworker-CopilotRollbackCPUAlarm"
    assert (cpu["Namespace"], cpu["MetricName"], cpu["Statistic"], cpu["Unit"]) == (
        "AWS/ECS",
        "CPUUtilization",
        "Average",
        "Percent",
    )
    assert (cpu["Threshold"], cpu["Period"], cpu["EvaluationPeriods"], cpu["DatapointsToAlarm"]) == (70, 60, 3, 2)
    assert cpu["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert cpu["Dimensions"] == [
        {"Name": "ClusterName", "Value": {"Fn::ImportValue": "my-app-test-ClusterId"}},
        {"Name": "ServiceName", "Value": {"Fn::GetAtt": ["Service", "Name"]}},
    ]
    assert resources["MemoryRollbackAlarm"]["Properties"]["Threshold"] == 50.5
    delayed = resources["MessagesDelayedRollbackAlarm"]["Properties"]
    assert (delayed["Namespace"], delayed["MetricName"]) == ("AWS/SQS", "ApproximateNumberOfMessagesDelayed")
    assert delayed["Dimensions"] == [{"Name": "QueueName", "Value": {"Fn::GetAtt": ["EventsQueue", "QueueName"]}}]
    assert (delayed["Threshold"], delayed["Unit"]) == (5, "Count")
