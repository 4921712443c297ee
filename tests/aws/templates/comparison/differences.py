"""What is meant to differ from AWS Copilot's templates; docs/aws-differences.md tells why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

GONE = frozenset(
    {
        "AutoScalingRole",
        "BacklogPerTaskCalculatorFunction",
        "BacklogPerTaskCalculatorLogGroup",
        "BacklogPerTaskCalculatorRole",
        "BacklogPerTaskScheduledRule",
        "DynamicDesiredCountAction",
        "DynamicDesiredCountFunction",
        "DynamicDesiredCountFunctionRole",
        "HTTPRulePriorityAction",
        "HTTPRuleWithDomainPriorityAction",
        "HTTPSRulePriorityAction",
        "PermissionToInvokeBacklogPerTaskCalculatorLambda",
        "RulePriorityFunction",
        "RulePriorityFunctionRole",
    }
)
"""Logical IDs of resources that its stacks of workloads have and ours have not."""

ADDED = frozenset({"AddonsExecutionPolicy", "DelegationRecord"})
"""Logical IDs of resources that only ours have."""

OTHERWISE: Mapping[str, frozenset[str]] = {
    "AWS::ApplicationAutoScaling::ScalableTarget": frozenset({"RoleARN"}),
    "AWS::CloudWatch::Alarm": frozenset({"AlarmDescription"}),
    "AWS::EC2::SecurityGroup": frozenset({"SecurityGroupIngress"}),
    "AWS::ECR::Repository": frozenset({"RepositoryPolicyText"}),
    "AWS::ElasticLoadBalancingV2::ListenerRule": frozenset({"Priority"}),
    "AWS::IAM::Role": frozenset({"AssumeRolePolicyDocument", "ManagedPolicyArns", "Policies"}),
    "AWS::KMS::Key": frozenset({"KeyPolicy"}),
    "AWS::Lambda::Function": frozenset({"Code", "LoggingConfig", "Runtime"}),
    "AWS::Logs::ResourcePolicy": frozenset({"PolicyDocument"}),
    "AWS::Route53::HostedZone": frozenset({"HostedZoneConfig"}),
    "AWS::Route53::RecordSet": frozenset({"Comment"}),
    "AWS::Route53::RecordSetGroup": frozenset({"Comment"}),
    "AWS::S3::BucketPolicy": frozenset({"PolicyDocument"}),
    "AWS::SNS::TopicPolicy": frozenset({"PolicyDocument"}),
    "AWS::SQS::QueuePolicy": frozenset({"PolicyDocument"}),
    "AWS::ServiceDiscovery::Service": frozenset({"Description"}),
    "AWS::StepFunctions::StateMachine": frozenset({"DefinitionString", "DefinitionSubstitutions"}),
    "Custom::EnvControllerFunction": frozenset({"EnvVersion", "ServiceTimeout"}),
}
"""Properties whose values differ, by the type of the resource. Policies are there for what they allow."""


VARIABLES = frozenset({"PORT"})
"""Environment variables of the main container that only ours have."""


def alike(resources: Mapping[str, Any]) -> dict[str, Any]:
    """Resources with their types and conditions, and the properties that are the same in AWS Copilot's."""
    return {
        name: {
            "Type": resource["Type"],
            **({"Condition": resource["Condition"]} if "Condition" in resource else {}),
            "Properties": {
                key: _property(key, value)
                for key, value in resource.get("Properties", {}).items()
                if key not in OTHERWISE.get(resource["Type"], frozenset())
            },
        }
        for name, resource in resources.items()
        if name not in ADDED
    }


def _property(key: str, value: Any) -> Any:
    if key == "TargetTrackingScalingPolicyConfiguration" and "Metrics" in value.get("CustomizedMetricSpecification", {}):
        return {name: item for name, item in value.items() if name != "CustomizedMetricSpecification"}
    if key == "ContainerDefinitions":
        return [{**container, "Environment": _told(container)} for container in value]
    return value


def _told(container: Mapping[str, Any]) -> Any:
    """A container's environment, without what only ours are told."""
    variables = container["Environment"]
    if isinstance(variables, Mapping):
        return {name: value for name, value in variables.items() if name not in VARIABLES}
    return [each for each in variables if each["Name"] not in VARIABLES]
