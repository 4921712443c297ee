"""What tasks may do: the role that starts them, and the one that what runs in them has."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from troposphere import GetAtt, Sub, iam

from copilot.aws.templates.policies import allow, policy, trusted
from copilot.aws.templates.rendering import described
from copilot.aws.templates.workload.containers import image_of
from copilot.aws.templates.workload.env_files import env_files
from copilot.aws.templates.workload.environment_variables import ADDONS_STACK, addon_outputs
from copilot.aws.templates.workload.logging import LOG_GROUP
from copilot.aws.templates.workload.secrets import credentials_source, reading_statements
from copilot.aws.templates.workload.settings import WorkloadSettings
from copilot.aws.templates.workload.topics import topic_policies
from copilot.aws.templates.workload.volumes import mount_statements

EXECUTION_ROLE = "ExecutionRole"
TASK_ROLE = "TaskRole"

_TASKS = {"Service": "ecs-tasks.amazonaws.com"}
_REGISTRY = re.compile(
    r"(?P<account>\d{12})\.dkr[.-]ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|on\.aws)/(?P<repository>[^:@]+)"
)


def execution_role(settings: WorkloadSettings, containers: Sequence[Mapping[str, Any]]) -> iam.Role:
    """The role by which Amazon ECS starts tasks: it may pull their images, read their secrets and write their logs.

    AWS Copilot attaches a policy of AWS's that allows every repository and every log group. Here all is read off the
    containers, so that nothing is allowed that they do not name.

    Args:
        settings: The workload.
        containers: Its container definitions, as plain data, with overrides applied.
    """
    policies: list[Any] = [_inline("StartTasks", *_pulling(settings, containers), *_writing(containers))]
    secrets = reading_statements(_secrets(containers))
    if secrets:
        policies.append(_inline(Sub("${AppName}-${EnvName}-${WorkloadName}SecretsPolicy"), *secrets))
    policies += [file.policy() for file in env_files(settings.manifest).values()]
    return iam.Role(
        EXECUTION_ROLE,
        AssumeRolePolicyDocument=trusted(_TASKS),
        Policies=policies,
        Metadata=described("An IAM role for Amazon ECS to pull images, read secrets and write logs"),
        **_bounded(settings),
    )


def task_role(settings: WorkloadSettings) -> iam.Role:
    """The role that programs in tasks have: what the manifest asks for, and what the addons' policies allow."""
    manifest = settings.manifest
    policies = [_inline("DenyIAM", {"Effect": "Deny", "Action": "iam:*", "Resource": "*"})]
    if manifest.exec:
        policies.append(_inline("ExecuteCommand", *_commands()))
    policies += [_inline(name, statement) for name, statement in mount_statements(manifest).items()]
    policies += [iam.Policy(**each) for each in topic_policies(settings)]
    managed = [GetAtt(ADDONS_STACK, f"Outputs.{output}") for output in addon_outputs(settings, "policy")]
    attached: dict[str, Any] = {"ManagedPolicyArns": managed} if managed else {}
    return iam.Role(
        TASK_ROLE,
        AssumeRolePolicyDocument=trusted(_TASKS),
        Policies=policies,
        Metadata=described("An IAM role for what runs in your containers"),
        **attached,
        **_bounded(settings),
    )


def _inline(name: Any, *statements: Mapping[str, Any]) -> iam.Policy:
    return iam.Policy(PolicyName=name, PolicyDocument=policy(*statements))


def _bounded(settings: WorkloadSettings) -> dict[str, Any]:
    if settings.permissions_boundary is None:
        return {}
    arn = f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:policy/{settings.permissions_boundary}"
    return {"PermissionsBoundary": Sub(arn)}


def _pulling(settings: WorkloadSettings, containers: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    repositories: dict[str, None] = {}
    for container in containers:
        image = container.get("Image")
        if image == {"Ref": "ContainerImage"}:
            image = image_of(settings, settings.manifest.name)
        if not isinstance(image, str):
            repositories["${AWS::Region}:${AWS::AccountId}:repository/*"] = None  # an override's, not known before CloudFormation
        elif match := _REGISTRY.match(image):
            repositories[f"{match['region']}:{match['account']}:repository/{match['repository']}"] = None
    if repositories:
        pull = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        yield allow(pull, [Sub(f"arn:${{AWS::Partition}}:ecr:{repository}") for repository in sorted(repositories)])
        yield allow(["ecr:GetAuthorizationToken"], "*")


def _writing(containers: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    groups: list[Any] = []
    for container in containers:
        log = container.get("LogConfiguration", {})
        group = log.get("Options", {}).get("awslogs-group") if log.get("LogDriver") == "awslogs" else None
        if group is not None and group not in groups:
            groups.append(group)
    arns = [_log_group_arn(group) for group in groups]
    if arns:
        yield allow(["logs:CreateLogStream", "logs:PutLogEvents"], arns)


def _log_group_arn(group: Any) -> Any:
    if group == {"Ref": LOG_GROUP}:
        return GetAtt(LOG_GROUP, "Arn")
    name = group if isinstance(group, str) else "*"
    return Sub(f"arn:${{AWS::Partition}}:logs:${{AWS::Region}}:${{AWS::AccountId}}:log-group:{name}:*")


def _secrets(containers: Sequence[Mapping[str, Any]]) -> Iterator[Any]:
    for container in containers:
        named = [*container.get("Secrets", []), *container.get("LogConfiguration", {}).get("SecretOptions", [])]
        yield from (secret["ValueFrom"] for secret in named if "ValueFrom" in secret)
        credentials = container.get("RepositoryCredentials", {}).get("CredentialsParameter")
        if credentials is not None:
            yield credentials_source(credentials)


def _commands() -> Iterator[dict[str, Any]]:
    """What ECS Exec asks of a task (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html)."""
    channels = ["CreateControlChannel", "CreateDataChannel", "OpenControlChannel", "OpenDataChannel"]
    yield allow([f"ssmmessages:{channel}" for channel in channels], "*")
    everywhere = Sub("arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:*")
    yield allow(["logs:DescribeLogGroups"], everywhere)
    yield allow(["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"], GetAtt(LOG_GROUP, "Arn"))
