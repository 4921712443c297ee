"""What people and pipelines may do when they work on an environment: they take its manager role.

Whatever is made, CloudFormation makes with its own role. So this one mostly looks, pushes images, and asks CloudFormation.
"""

from __future__ import annotations

from typing import Any

from troposphere import Sub

from copilot.aws.templates.environment.domain import ZONE
from copilot.aws.templates.environment.execution_permissions import NAMED, generated_names
from copilot.aws.templates.environment.settings import EnvironmentSettings
from copilot.aws.templates.policies import allow

_STACKS = (
    "CancelUpdateStack ContinueUpdateRollback CreateChangeSet CreateStack DeleteChangeSet DeleteStack DescribeChangeSet"
    " DescribeStackEvents DescribeStackResource DescribeStackResources DescribeStacks DetectStackDrift DetectStackResourceDrift"
    " ExecuteChangeSet GetTemplate GetTemplateSummary ListStackResources TagResource UntagResource UpdateStack"
    " UpdateTerminationProtection"
)
_REPOSITORIES = (
    "BatchCheckLayerAvailability BatchGetImage CompleteLayerUpload DescribeImages DescribeRepositories GetDownloadUrlForLayer"
    " InitiateLayerUpload ListImages ListTagsForResource PutImage UploadLayerPart"
)


def manager_statements(settings: EnvironmentSettings, execution_role: Any) -> list[dict[str, Any]]:
    """The policy of the manager role. ``execution_role`` is the ARN of CloudFormation's."""
    return [
        *_deployment(settings, execution_role),
        *_operation(),
        *_certificates(settings),
        *_access_logs(settings),
        *_zone(settings),
        _on_all(),
    ]


def _deployment(settings: EnvironmentSettings, execution_role: Any) -> list[dict[str, Any]]:
    bucket, key = settings.bucket_arn, settings.key_arn
    own_role = Sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${AWS::StackName}-EnvManagerRole")
    stacks = [_arn("cloudformation", f"stack/{name}/*") for name in ("${AWS::StackName}", NAMED)]
    return [
        allow(_of("cloudformation", _STACKS), stacks, sid="CloudFormation"),
        allow(["iam:PassRole"], execution_role, condition=_passed_to("cloudformation"), sid="PassToCloudFormation"),
        allow(
            ["iam:DeleteRole", "iam:DeleteRolePolicy", "iam:GetRole", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies"],
            [execution_role, own_role],
            sid="DeleteRoles",
        ),
        allow(
            _of("s3", "GetBucketLocation GetObject GetObjectVersion ListBucket PutObject PutObjectAcl"),
            [bucket, f"{bucket}/*"],
            sid="Artifacts",
        ),
        allow(["kms:Decrypt", "kms:GenerateDataKey"], key, sid="ArtifactKey"),
        # The repositories belong to the application, which may be in another account.
        allow(_of("ecr", _REPOSITORIES), Sub("arn:${AWS::Partition}:ecr:${AWS::Region}:*:repository/${AppName}/*"), sid="Images"),
    ]


def _operation() -> list[dict[str, Any]]:
    cluster = Sub(f"arn:${{AWS::Partition}}:ecs:${{AWS::Region}}:${{AWS::AccountId}}:cluster/{NAMED}")
    in_cluster = {"ArnLike": {"ecs:cluster": cluster}}
    jobs = [_arn("states", f"{kind}:{NAMED}") for kind in ("execution", "stateMachine")]
    secrets = _arn("ssm", "parameter/copilot/${AppName}/${EnvironmentName}/secrets/*")
    alarms = [_arn("cloudwatch", f"alarm:{kind}{NAMED}") for kind in ("", "TargetTracking-service/")]
    return [
        allow(
            _of("ecs", "DescribeClusters DescribeServices DescribeTasks ExecuteCommand StopTask UpdateService"),
            [_arn("ecs", f"{kind}/{NAMED}") for kind in ("cluster", "service", "task")],
            sid="Tasks",
        ),
        allow(["ecs:ListServices", "ecs:ListTasks"], "*", condition=in_cluster, sid="ListTasks"),
        allow(["ecs:RunTask"], _arn("ecs", f"task-definition/{NAMED}"), condition=in_cluster, sid="RunTasks"),
        allow(
            ["iam:PassRole"],
            Sub(f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/{NAMED}"),
            condition=_passed_to("ecs-tasks"),
            sid="PassToTasks",
        ),
        allow(
            _of(
                "states", "DescribeExecution DescribeStateMachine GetExecutionHistory ListExecutions StartExecution StopExecution"
            ),
            jobs,
            sid="Jobs",
        ),
        allow(
            _of("logs", "DescribeLogStreams FilterLogEvents GetLogEvents"),
            [_arn("logs", f"log-group:/copilot/{NAMED}")],
            sid="Logs",
        ),
        allow(["cloudwatch:DescribeAlarms"], alarms, sid="Alarms"),
        allow(
            _of(
                "ssm",
                "AddTagsToResource DeleteParameter DeleteParameters GetParameter GetParameters GetParametersByPath PutParameter",
            ),
            secrets,
            sid="Secrets",
        ),
    ]


def _certificates(settings: EnvironmentSettings) -> list[dict[str, Any]]:
    http = settings.manifest.http
    arns = [*http.public.certificates, *http.private.certificates]
    return [allow(["acm:DescribeCertificate"], arns, sid="ImportedCertificates")] if arns else []


def _access_logs(settings: EnvironmentSettings) -> list[dict[str, Any]]:
    logs = settings.manifest.http.public.access_logs
    if logs is None or logs.bucket_name is not None:
        return []
    # CloudFormation names the bucket after the stack and this logical ID, in small letters.
    named = generated_names(settings.application, settings.environment)
    stack = "${AWS::StackName}" if named == NAMED else named
    bucket = f"arn:${{AWS::Partition}}:s3:::{stack}-elbaccesslogsbucket-*"
    actions = _of("s3", "DeleteObject DeleteObjectVersion ListBucket ListBucketVersions")
    return [allow(actions, [Sub(bucket), Sub(f"{bucket}/*")], sid="EmptyAccessLogs")]


def _zone(settings: EnvironmentSettings) -> list[dict[str, Any]]:
    if not settings.own_domain:
        return []
    actions = ["route53:ChangeResourceRecordSets", "route53:ListResourceRecordSets"]
    return [allow(actions, Sub(f"arn:${{AWS::Partition}}:route53:::hostedzone/${{{ZONE}}}"), sid="EmptyZone")]


def _on_all() -> dict[str, Any]:
    actions = [
        "application-autoscaling:DescribeScalableTargets",
        "application-autoscaling:DescribeScalingPolicies",
        "cloudformation:ValidateTemplate",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeRouteTables",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
        "ecr:GetAuthorizationToken",
        "ecs:DescribeTaskDefinition",
        "elasticloadbalancing:DescribeListeners",
        "elasticloadbalancing:DescribeLoadBalancers",
        "elasticloadbalancing:DescribeRules",
        "elasticloadbalancing:DescribeTags",
        "elasticloadbalancing:DescribeTargetGroups",
        "elasticloadbalancing:DescribeTargetHealth",
        "tag:GetResources",
    ]
    return allow(actions, "*", sid="Look")


def _of(service: str, actions: str) -> list[str]:
    return [f"{service}:{action}" for action in actions.split()]


def _arn(service: str, end: str) -> Sub:
    return Sub(f"arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:{end}")


def _passed_to(service: str) -> dict[str, Any]:
    return {"StringEquals": {"iam:PassedToService": f"{service}.amazonaws.com"}}
