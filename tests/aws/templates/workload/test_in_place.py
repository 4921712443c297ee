"""Stacks that AWS Copilot 1.34 made go on as ours with nothing replaced.

The templates here are what it makes, with all properties that CloudFormation keeps for a resource's life and no others. The
functions behind its priorities, numbers of tasks and backlogs are gone in ours.
"""

from __future__ import annotations

from typing import Any

import pytest

from copilot.aws.templates.rendering import render
from copilot.aws.templates.workload.stack import workload_stack
from tests.aws.replacement import replacements
from tests.aws.templates.workload.service_stacks import (
    BACKEND,
    FACTS,
    JOB,
    WEB,
    WITH_CERTIFICATES,
    WITH_DOMAIN,
    WORKER,
    settings_of,
)

GONE = {
    "RulePriorityFunction",
    "RulePriorityFunctionRole",
    "HTTPRulePriorityAction",
    "HTTPRuleWithDomainPriorityAction",
    "HTTPSRulePriorityAction",
    "DynamicDesiredCountAction",
    "DynamicDesiredCountFunction",
    "DynamicDesiredCountFunctionRole",
    "AutoScalingRole",
    "BacklogPerTaskCalculatorFunction",
    "BacklogPerTaskCalculatorLogGroup",
    "BacklogPerTaskCalculatorRole",
    "BacklogPerTaskScheduledRule",
    "PermissionToInvokeBacklogPerTaskCalculatorLambda",
}
FUNCTION = "{Type: AWS::Lambda::Function, Properties: {Handler: index.handler}}"

SERVICE = """
  Service:
    Type: AWS::ECS::Service
    Properties: {Cluster: !ImportValue {'Fn::Sub': '${AppName}-${EnvName}-ClusterId'}}
"""
DISCOVERY = """
  DiscoveryService:
    Type: AWS::ServiceDiscovery::Service
    Properties:
      HealthCheckCustomConfig: {FailureThreshold: 1}
      Name: !Ref WorkloadName
      NamespaceId: !ImportValue {'Fn::Sub': '${AppName}-${EnvName}-ServiceDiscoveryNamespaceID'}
"""
DISCOVERY_OUTPUT = "\nOutputs: {DiscoveryServiceARN: {Value: !GetAtt DiscoveryService.Arn}}\n"
CONTROLLER = """
  EnvControllerAction:
    Type: Custom::EnvControllerFunction
    Properties: {ServiceToken: !GetAtt EnvControllerFunction.Arn}
  EnvControllerFunction: {Type: AWS::Lambda::Function, Properties: {Handler: index.handler}}
  EnvControllerRole: {Type: AWS::IAM::Role, Properties: {Path: /}}
"""


def target_group(suffix: str, port: int, more: str = "") -> str:
    return f"""
  TargetGroup{suffix}:
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    Properties:
      Port: {port}
      Protocol: HTTP
      TargetType: ip
      VpcId: !ImportValue {{'Fn::Sub': '${{AppName}}-${{EnvName}}-VpcId'}}
      {more}
"""


def rule(logical_id: str, listener: str) -> str:
    return f"""
  {logical_id}:
    Type: AWS::ElasticLoadBalancingV2::ListenerRule
    Properties: {{ListenerArn: !GetAtt EnvControllerAction.{listener}, Priority: 1}}
"""


def policy(name: str, metric: str) -> str:
    return f"""
  AutoScalingPolicy{name}:
    Type: AWS::ApplicationAutoScaling::ScalingPolicy
    Properties:
      PolicyName: !Join ['-', [!Ref WorkloadName, {metric}]]
      ScalingTargetId: !Ref AutoScalingTarget
"""


def alarm(logical_id: str, name: str) -> str:
    return f"\n  {logical_id}: {{Type: AWS::CloudWatch::Alarm, Properties: {{AlarmName: {name}}}}}\n"


def queue(prefix: str, fifo: str = "") -> str:
    return f"""
  {prefix}EventsQueue: {{Type: AWS::SQS::Queue, Properties: {{{fifo}}}}}
  {prefix}DeadLetterQueue: {{Type: AWS::SQS::Queue, Properties: {{{fifo}}}}}
  {prefix}QueuePolicy: {{Type: AWS::SQS::QueuePolicy, Properties: {{}}}}
  {prefix}DeadLetterPolicy: {{Type: AWS::SQS::QueuePolicy, Properties: {{}}}}
"""


def subscription(prefix: str, topic: str, endpoint: str) -> str:
    # It joins this name from parts, which make the same text.
    arn = f"arn:${{AWS::Partition}}:sns:${{AWS::Region}}:${{AWS::AccountId}}:${{AppName}}-${{EnvName}}-{topic}"
    return f"""
  {prefix}SNSTopicSubscription:
    Type: AWS::SNS::Subscription
    Properties: {{TopicArn: !Sub '{arn}', Protocol: sqs, Endpoint: !GetAtt {endpoint}.Arn}}
"""


def topic(logical_id: str, name: str, more: str = "") -> str:
    return f"""
  {logical_id}SNSTopic:
    Type: AWS::SNS::Topic
    Properties: {{TopicName: !Sub '${{AWS::StackName}}-{name}', {more}}}
  {logical_id}SNSTopicPolicy: {{Type: AWS::SNS::TopicPolicy, Properties: {{}}}}
"""


def record(suffix: str, zone: str) -> str:
    return f"\n  LoadBalancer{suffix}: {{Type: AWS::Route53::RecordSetGroup, Properties: {{HostedZoneId: {zone}}}}}\n"


SCALING = f"""
  AutoScalingTarget:
    Type: AWS::ApplicationAutoScaling::ScalableTarget
    Properties:
      ResourceId: !Join
        - /
        - - service
          - !ImportValue {{'Fn::Sub': '${{AppName}}-${{EnvName}}-ClusterId'}}
          - !GetAtt Service.Name
      ScalableDimension: ecs:service:DesiredCount
      ServiceNamespace: ecs
      RoleARN: !GetAtt AutoScalingRole.Arn
  AutoScalingRole: {{Type: AWS::IAM::Role, Properties: {{}}}}
  DynamicDesiredCountFunction: {FUNCTION}
"""
PRIORITIES = f"  RulePriorityFunction: {FUNCTION}\n  HTTPRulePriorityAction: {{Type: Custom::RulePriorityFunction}}\n"
COMMON = SERVICE + CONTROLLER
WEB_ORIGINAL = COMMON + DISCOVERY + PRIORITIES

CASES: dict[str, tuple[str, str, Any, str]] = {
    "web": (
        WEB,
        """
        http: {path: /, additional_rules: [{path: admin, target_port: 8081}]}
        count: {range: 1-10, cpu_percentage: 70, requests: 5}
        """,
        FACTS,
        WEB_ORIGINAL
        + target_group("", 4000)
        + target_group("1", 8081)
        + rule("HTTPListenerRule", "HTTPListenerArn")
        + rule("HTTPListenerRule1", "HTTPListenerArn")
        + SCALING
        + policy("ECSServiceAverageCPUUtilization", "ECSServiceAverageCPUUtilization, ScalingPolicy")
        + policy("ALBSumRequestCountPerTarget", "ALBSumRequestCountPerTarget, ScalingPolicy")
        + DISCOVERY_OUTPUT,
    ),
    "web with a domain": (
        WEB,
        "http: {path: /, version: http2}\ndeployment: {rollback_alarms: {cpu_utilization: 70, memory_utilization: 70}}",
        WITH_DOMAIN,
        WEB_ORIGINAL
        + target_group("", 4000, "ProtocolVersion: HTTP2")
        + rule("HTTPListenerRuleWithDomain", "HTTPListenerArn")
        + rule("HTTPSListenerRule", "HTTPSListenerArn")
        + record("DNSAlias", "!ImportValue {'Fn::Sub': '${AppName}-${EnvName}-HostedZone'}")
        + alarm("CPURollbackAlarm", "my-app-test-fe-CopilotRollbackCPUAlarm")
        + alarm("MemoryRollbackAlarm", "my-app-test-fe-CopilotRollbackMemAlarm")
        + DISCOVERY_OUTPUT,
    ),
    "web with aliases": (
        WEB,
        "http: {path: /, alias: a.example.com, hosted_zone: Z123}\ncount: {range: 1-5, response_time: 2s, memory_percentage: 60}",
        WITH_CERTIFICATES,
        WEB_ORIGINAL
        + target_group("", 4000)
        + rule("HTTPListenerRuleWithDomain", "HTTPListenerArn")
        + rule("HTTPSListenerRule", "HTTPSListenerArn")
        + record("DNSAliasZ123", "Z123")
        + SCALING
        + policy("ECSServiceAverageMemoryUtilization", "ECSServiceAverageMemoryUtilization, ScalingPolicy")
        + policy("ALBAverageResponseTime", "ALBAverageResponseTime, ScalingPolicy")
        + DISCOVERY_OUTPUT,
    ),
    "backend": (BACKEND, "", FACTS, COMMON + DISCOVERY + DISCOVERY_OUTPUT),
    "backend with a load balancer": (
        BACKEND,
        "http: {path: /}",
        FACTS,
        COMMON
        + DISCOVERY
        + PRIORITIES
        + target_group("", 8080)
        + rule("HTTPListenerRule", "InternalHTTPListenerArn")
        + record("InternalDNSAlias", "!GetAtt EnvControllerAction.InternalWorkloadsHostedZone")
        + DISCOVERY_OUTPUT,
    ),
    "worker": (
        WORKER,
        """
        subscribe:
          queue: {dead_letter: {tries: 5}}
          topics:
            - {name: gives-dogs, service: dog-svc}
            - {name: orders, service: shop, queue: {fifo: true, dead_letter: {tries: 3}}}
        count: {range: 1-10, queue_delay: {acceptable_latency: 15m, msg_processing_time: 1s}}
        deployment: {rollback_alarms: {messages_delayed: 5}}
        publish: {topics: [{name: cats}, {name: dogs-, fifo: true}]}
        """,
        FACTS,
        COMMON
        + "  EventsKMSKey: {Type: AWS::KMS::Key, Properties: {}}\n"
        + queue("")
        + queue("shopordersfifo", "FifoQueue: true")
        + subscription("dogsvcgivesdogs", "dog-svc-gives-dogs", "EventsQueue")
        + subscription("shopordersfifo", "shop-orders.fifo", "shopordersfifoEventsQueue")
        + topic("cats", "cats")
        + topic("dogsfifo", "dogs-.fifo", "FifoTopic: true")
        + SCALING
        + policy("EventsQueue", "BacklogPerTask, !GetAtt EventsQueue.QueueName")
        + policy("shopordersfifoEventsQueue", "BacklogPerTask, !GetAtt shopordersfifoEventsQueue.QueueName")
        + f"  BacklogPerTaskCalculatorFunction: {FUNCTION}\n"
        + alarm("MessagesDelayedRollbackAlarm", "my-app-test-dogworker-CopilotRollbackMsgsDelayedAlarm"),
    ),
    "job": (
        JOB,
        "on: {schedule: '@daily'}\nretries: 3",
        FACTS,
        CONTROLLER
        + """
  Rule: {Type: AWS::Events::Rule, Properties: {ScheduleExpression: !Ref Schedule, State: ENABLED}}
  RuleRole: {Type: AWS::IAM::Role, Properties: {}}
  StateMachine:
    Type: AWS::StepFunctions::StateMachine
    Properties: {StateMachineName: !Sub '${AppName}-${EnvName}-${WorkloadName}'}
  StateMachineRole: {Type: AWS::IAM::Role, Properties: {}}
""",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_replaced(case: str) -> None:
    kind, more, facts, original = CASES[case]
    stack = workload_stack(settings_of(kind, more, facts))
    found = replacements(f"Resources:{original}", render(stack.template), stack.parameters)
    assert [problem for problem in found if problem.split()[0] not in GONE] == []
