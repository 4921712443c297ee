"""What AWS Copilot makes of some manifests, all of whose resources must stay in place as ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from copilot.aws.templates.workload.settings import EnvironmentFacts
from tests.aws.templates.comparison.parts import (
    Resources,
    alarm,
    balanced,
    connected,
    container,
    discovery,
    exported,
    main,
    of_load_balancer,
    of_tasks,
    one,
    policy,
    queue,
    record,
    registered,
    rule,
    scaling,
    service,
    subscription,
    target_group,
    told,
    topic,
    workload,
)
from tests.aws.templates.workload.service_stacks import BACKEND, FACTS, JOB, WEB, WITH_CERTIFICATES, WITH_DOMAIN, WORKER


@dataclass(frozen=True)
class Original:
    """A stack of AWS Copilot's.

    Attributes:
        manifest: What it is made from.
        resources: All of it but the functions that ours does without (`differences.GONE`).
        parameters: The values of parameters that differ between kinds of workloads.
    """

    manifest: str
    facts: EnvironmentFacts
    resources: Resources
    parameters: dict[str, str]


_PUBLIC = {"COPILOT_LB_DNS": told("PublicLoadBalancerDNSName")}
_INTERNAL = {"COPILOT_LB_DNS": told("InternalLoadBalancerDNSName")}
_TASKS = {"ClusterName": exported("ClusterId"), "ServiceName": "{Service.Name}"}
_SERVICE_NAME = f"fe.{exported('SubDomain')}"
_ALARM = "my-app-test-fe-CopilotRollback"
_SPOT = {"CapacityProvider": "FARGATE_SPOT", "Weight": "1"}
_TARGET = {"ContainerPort": "4000", "TargetContainer": "fe", "TargetPort": "4000"}

_WEB = Original(
    WEB
    + """
http: {path: /, additional_rules: [{path: admin, target_port: 8081}], healthcheck: {path: /up, interval: 15s}}
count: {range: 1-10, cpu_percentage: 70, memory_percentage: 60, requests: 5, response_time: 2s}
sidecars: {nginx: {image: nginx, port: 80}}
exec: true
""",
    FACTS,
    {
        **workload(
            "fe",
            [
                main("fe", [(4000, True), (8081, False)], _PUBLIC),
                container("nginx", [(80, False)], {"COPILOT_SERVICE_NAME": "fe", **_PUBLIC}),
            ],
            ["ALBWorkloads", "Aliases"],
        ),
        **discovery("fe"),
        "TargetGroup": target_group(4000, HealthCheckPath="/up", HealthCheckIntervalSeconds="15"),
        "TargetGroup1": target_group(8081),
        "HTTPListenerRule": rule("HTTP", "/*"),
        "HTTPListenerRule1": rule("HTTP", "/admin", "/admin/*", to="TargetGroup1"),
        **service(EnableExecuteCommand="true", ServiceRegistries=registered(4000), **balanced(("fe", 4000), ("fe", 8081))),
        **scaling(1, 10),
        "AutoScalingPolicyECSServiceAverageCPUUtilization": policy(
            "fe-ECSServiceAverageCPUUtilization-ScalingPolicy", 70, of_tasks("CPU")
        ),
        "AutoScalingPolicyECSServiceAverageMemoryUtilization": policy(
            "fe-ECSServiceAverageMemoryUtilization-ScalingPolicy", 60, of_tasks("Memory")
        ),
        "AutoScalingPolicyALBSumRequestCountPerTarget": policy(
            "fe-ALBSumRequestCountPerTarget-ScalingPolicy", 5, of_load_balancer("RequestCountPerTarget", "Sum")
        ),
        "AutoScalingPolicyALBAverageResponseTime": policy(
            "fe-ALBAverageResponseTime-ScalingPolicy", 2, of_load_balancer("TargetResponseTime", "Average")
        ),
    },
    {**_TARGET, "TaskCount": "1", "RulePath": "/", "HTTPSEnabled": "false"},
)
_WITH_DOMAIN = Original(
    WEB
    + """
http: {path: x, version: http2, stickiness: true, allowed_source_ips: [192.0.2.0/24]}
deployment: {rollback_alarms: {cpu_utilization: 70, memory_utilization: 80}}
network: {connect: {alias: shop}}
count: {spot: 5}
""",
    WITH_DOMAIN,
    {
        **workload("fe", [main("fe", [(4000, True)], _PUBLIC)], ["ALBWorkloads", "Aliases"]),
        **discovery("fe"),
        "TargetGroup": target_group(4000, sticky=True, ProtocolVersion="HTTP2"),
        "LoadBalancerDNSAlias": record(exported("HostedZone"), f"{_SERVICE_NAME}."),
        "HTTPListenerRuleWithDomain": rule("HTTP", "/x", "/x/*", to="", hosts=[_SERVICE_NAME], sources=["192.0.2.0/24"]),
        "HTTPSListenerRule": rule("HTTPS", "/x", "/x/*", hosts=[_SERVICE_NAME], sources=["192.0.2.0/24"]),
        **service(
            alarms=[f"{_ALARM}CPUAlarm", f"{_ALARM}MemAlarm"],
            connect=connected(4000, "shop", "fe"),
            DesiredCount="5",
            CapacityProviderStrategy=[_SPOT],
            ServiceRegistries=registered(4000),
            **balanced(("fe", 4000)),
        ),
        "CPURollbackAlarm": alarm(f"{_ALARM}CPUAlarm", "CPUUtilization", 70, "Percent", _TASKS),
        "MemoryRollbackAlarm": alarm(f"{_ALARM}MemAlarm", "MemoryUtilization", 80, "Percent", _TASKS),
    },
    {**_TARGET, "TaskCount": "5", "RulePath": "x", "HTTPSEnabled": "true", "DNSDelegated": "true"},
)
_WITH_ALIASES = Original(
    WEB
    + """
http: {path: /, alias: a.example.com, hosted_zone: Z123, deregistration_delay: 5s}
count: {range: {min: 3, max: 12, spot_from: 6}, cpu_percentage: 70, cooldown: {in: 30s, out: 150s}}
storage: {volumes: {scratch: {path: /etc/scratch}}}
platform: linux/arm64
""",
    WITH_CERTIFICATES,
    {
        **workload(
            "fe",
            [
                main(
                    "fe",
                    [(4000, True)],
                    {**_PUBLIC, "COPILOT_MOUNT_POINTS": '{"scratch":"/etc/scratch"}'},
                    MountPoints=[{"ContainerPath": "/etc/scratch", "ReadOnly": "true", "SourceVolume": "scratch"}],
                )
            ],
            ["ALBWorkloads", "Aliases"],
            ["a.example.com"],
            RuntimePlatform={"OperatingSystemFamily": "LINUX", "CpuArchitecture": "ARM64"},
            Volumes=[{"Name": "scratch"}],
        ),
        **discovery("fe"),
        "TargetGroup": target_group(4000, delay=5),
        "LoadBalancerDNSAliasZ123": record("Z123", "a.example.com"),
        "HTTPListenerRuleWithDomain": rule("HTTP", "/*", to="", hosts=["a.example.com"]),
        "HTTPSListenerRule": rule("HTTPS", "/*", hosts=["a.example.com"]),
        **service(
            CapacityProviderStrategy=[_SPOT, {"CapacityProvider": "FARGATE", "Weight": "0", "Base": "5"}],
            ServiceRegistries=registered(4000),
            **balanced(("fe", 4000)),
        ),
        **scaling(3, 12),
        "AutoScalingPolicyECSServiceAverageCPUUtilization": policy(
            "fe-ECSServiceAverageCPUUtilization-ScalingPolicy", 70, of_tasks("CPU"), (30, 150)
        ),
    },
    {**_TARGET, "TaskCount": "3", "RulePath": "/", "HTTPSEnabled": "true"},
)
_BACKEND = Original(
    BACKEND
    + """
network: {connect: true, vpc: {placement: private, security_groups: [sg-01234567]}}
storage: {volumes: {data: {path: /data, efs: {uid: 1000, gid: 1001}, read_only: false}}, ephemeral: 100}
count: 2
""",
    FACTS,
    {
        **workload(
            "api",
            [
                main(
                    "api",
                    [(8080, True)],
                    {"COPILOT_MOUNT_POINTS": '{"data":"/data"}'},
                    MountPoints=[{"ContainerPath": "/data", "ReadOnly": "false", "SourceVolume": "data"}],
                )
            ],
            ["NATWorkloads", "EFSWorkloads"],
            EphemeralStorage={"SizeInGiB": "100"},
            Volumes=[
                {
                    "Name": "data",
                    "EFSVolumeConfiguration": {
                        "FilesystemId": told("ManagedFileSystemID"),
                        "RootDirectory": "/",
                        "TransitEncryption": "ENABLED",
                        "AuthorizationConfig": {"IAM": "ENABLED", "AccessPointId": "{AccessPoint}"},
                    },
                }
            ],
        ),
        "AccessPoint": one(
            "EFS::AccessPoint",
            ClientToken="my-app-test-api",
            FileSystemId=told("ManagedFileSystemID"),
            PosixUser={"Uid": "1000", "Gid": "1001"},
            RootDirectory={
                "Path": "/api",
                "CreationInfo": {"OwnerUid": "1000", "OwnerGid": "1001", "Permissions": "0755"},
            },
        ),
        **discovery("api"),
        **service(
            subnets="Private",
            groups=["sg-01234567"],
            connect=connected(8080, "api", "api"),
            DesiredCount="2",
            ServiceRegistries=registered(8080),
        ),
    },
    {"ContainerPort": "8080", "TargetPort": "8080", "TaskCount": "2"},
)
_INTERNAL_NAME = f"api.{told('InternalWorkloadsHostedZoneName')}"
_BALANCED_BACKEND = Original(
    BACKEND + "http: {path: /}\n",
    FACTS,
    {
        **workload("api", [main("api", [(8080, True)], _INTERNAL)], ["InternalALBWorkloads"]),
        **discovery("api"),
        "TargetGroup": target_group(8080),
        "LoadBalancerInternalDNSAlias": record(told("InternalWorkloadsHostedZone"), _INTERNAL_NAME, "Internal"),
        "HTTPListenerRule": rule("InternalHTTP", "/*", hosts=[told("InternalLoadBalancerDNSName"), _INTERNAL_NAME]),
        **service(DesiredCount="1", ServiceRegistries=registered(8080), **balanced(("api", 8080))),
    },
    {"TaskCount": "1", "RulePath": "/", "HTTPSEnabled": "false"},
)
_ALIASED_BACKEND = Original(
    BACKEND + "http: {path: x, alias: [{name: a.example.com, hosted_zone: Z1}], redirect_to_https: false}\n",
    WITH_CERTIFICATES,
    {
        **workload("api", [main("api", [(8080, True)], _INTERNAL)], ["InternalALBWorkloads"]),
        **discovery("api"),
        "TargetGroup": target_group(8080),
        "LoadBalancerDNSAliasZ1": record("Z1", "a.example.com", "Internal"),
        "HTTPListenerRuleWithDomain": rule("InternalHTTP", "/x", "/x/*", hosts=["a.example.com"]),
        "HTTPSListenerRule": rule("InternalHTTPS", "/x", "/x/*", hosts=["a.example.com"]),
        **service(DesiredCount="1", ServiceRegistries=registered(8080), **balanced(("api", 8080))),
    },
    {"RulePath": "x", "HTTPSEnabled": "true"},
)
_TOPICS = "arn:aws:sns:us-west-2:123456789012:my-app-test-dogworker"
_WORKER = Original(
    WORKER
    + """
subscribe:
  queue: {delay: 1s, retention: 96h, dead_letter: {tries: 5}}
  topics:
    - {name: gives-dogs, service: dog-svc, filter_policy: {store: [a]}}
    - {name: orders, service: shop, queue: {fifo: true, timeout: 1s, retention: 96h, dead_letter: {tries: 3}}}
count: {range: 1-10, queue_delay: {acceptable_latency: 15m, msg_processing_time: 1s}}
deployment: {rollback_alarms: {messages_delayed: 5}}
publish: {topics: [{name: cats}, {name: dogs-, fifo: {content_based_deduplication: true}}]}
""",
    FACTS,
    {
        **workload(
            "dogworker",
            [
                main(
                    "dogworker",
                    variables={
                        "COPILOT_SNS_TOPIC_ARNS": f'{{"cats":"{_TOPICS}-cats","dogs-.fifo":"{_TOPICS}-dogs-.fifo"}}',
                        "COPILOT_QUEUE_URI": "{EventsQueue}",
                        "COPILOT_TOPIC_QUEUE_URIS": '{"shopOrdersfifoEventsQueue":"{shopordersfifoEventsQueue}"}',
                    },
                )
            ],
            [],
        ),
        **service(alarms=["my-app-test-dogworker-CopilotRollbackMsgsDelayedAlarm"]),
        **scaling(1, 10),
        **{
            f"AutoScalingPolicy{name}": policy(f"dogworker-BacklogPerTask-{{{name}.QueueName}}", 900, {})
            for name in ("EventsQueue", "shopordersfifoEventsQueue")
        },
        "MessagesDelayedRollbackAlarm": alarm(
            "my-app-test-dogworker-CopilotRollbackMsgsDelayedAlarm",
            "ApproximateNumberOfMessagesDelayed",
            5,
            "Count",
            {"QueueName": "{EventsQueue.QueueName}"},
        ),
        **topic("cats", "cats"),
        **topic("dogsfifo", "dogs-.fifo", FifoTopic="true", ContentBasedDeduplication="true"),
        "EventsKMSKey": one("KMS::Key"),
        **queue("", 5, MessageRetentionPeriod="345600", DelaySeconds="1"),
        **queue("shopordersfifo", 3, {"FifoQueue": "true"}, MessageRetentionPeriod="345600", VisibilityTimeout="1"),
        **subscription("dogsvcgivesdogs", "dog-svc-gives-dogs", "EventsQueue", FilterPolicy={"store": ["a"]}),
        **subscription("shopordersfifo", "shop-orders.fifo", "shopordersfifoEventsQueue"),
    },
    {"TaskCount": "1"},
)
_LOGS: Any = {"CloudWatchLogsLogGroup": {"LogGroupArn": "{LogGroup.Arn}"}}
_JOB = Original(
    JOB + "on: {schedule: '@daily'}\nretries: 3\ntimeout: 1h\n",
    FACTS,
    {
        **workload("report", [main("report")], []),
        "Rule": one(
            "Events::Rule",
            ScheduleExpression="cron(0 0 * * ? *)",
            State="ENABLED",
            Targets=[{"Arn": "{StateMachine}", "Id": "statemachine", "RoleArn": "{RuleRole.Arn}"}],
        ),
        "RuleRole": one("IAM::Role"),
        "StateMachine": one(
            "StepFunctions::StateMachine",
            StateMachineName="my-app-test-report",
            RoleArn="{StateMachineRole.Arn}",
            LoggingConfiguration={"Destinations": [_LOGS], "IncludeExecutionData": "true", "Level": "ALL"},
        ),
        "StateMachineRole": one("IAM::Role"),
    },
    {"Schedule": "cron(0 0 * * ? *)"},
)

ORIGINALS = {
    "web": _WEB,
    "web with a domain": _WITH_DOMAIN,
    "web with aliases": _WITH_ALIASES,
    "backend": _BACKEND,
    "backend with a load balancer": _BALANCED_BACKEND,
    "backend with aliases": _ALIASED_BACKEND,
    "worker": _WORKER,
    "job": _JOB,
}
