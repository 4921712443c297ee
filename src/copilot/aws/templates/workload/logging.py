"""Where the logs of containers go."""

from __future__ import annotations

from typing import Any

from troposphere import Ref, Sub, ecs, logs

from copilot.aws.templates.rendering import described
from copilot.aws.templates.workload.secrets import value_from
from copilot.manifest.logs import LOG_ROUTER
from copilot.manifest.workload import Workload

LOG_GROUP = "LogGroup"
ROUTER_IMAGE = "public.ecr.aws/aws-observability/aws-for-fluent-bit:stable"
"""AWS's image of Fluent Bit: what sends logs on where the manifest names no image."""


def log_group() -> logs.LogGroup:
    """The workload's log group. It goes with the stack, as AWS Copilot has it."""
    return logs.LogGroup(
        LOG_GROUP,
        LogGroupName=Sub("/copilot/${AppName}-${EnvName}-${WorkloadName}"),
        RetentionInDays=Ref("LogRetention"),
        DeletionPolicy="Delete",
        UpdateReplacePolicy="Delete",
        Metadata=described("A log group to keep what your containers write"),
    )


def to_log_group() -> ecs.LogConfiguration:
    """The logging of a container that writes to the workload's log group."""
    return ecs.LogConfiguration(
        LogDriver="awslogs",
        Options={
            "awslogs-region": Ref("AWS::Region"),
            "awslogs-group": Ref(LOG_GROUP),
            "awslogs-stream-prefix": "copilot",
        },
    )


def main_logging(manifest: Workload) -> ecs.LogConfiguration:
    """The logging of the main container: to the log group, or through the log router."""
    if not manifest.logging.routed:
        return to_log_group()
    optional: dict[str, Any] = {}
    if manifest.logging.destination:
        optional["Options"] = dict(sorted(manifest.logging.destination.items()))
    if manifest.logging.secret_options:
        optional["SecretOptions"] = [
            ecs.Secret(Name=name, ValueFrom=value_from(secret))
            for name, secret in sorted(manifest.logging.secret_options.items())
        ]
    return ecs.LogConfiguration(LogDriver="awsfirelens", **optional)


def log_router(manifest: Workload, variables: list[ecs.Environment]) -> ecs.ContainerDefinition | None:
    """The container that sends the main container's logs on; None if they go to the log group."""
    if not manifest.logging.routed:
        return None
    options = {"enable-ecs-log-metadata": str(manifest.logging.enable_metadata).lower()}
    if manifest.logging.config_file_path is not None:
        options |= {"config-file-type": "file", "config-file-value": manifest.logging.config_file_path}
    return ecs.ContainerDefinition(
        Name=LOG_ROUTER,
        Image=manifest.logging.image or ROUTER_IMAGE,
        Environment=variables,
        FirelensConfiguration=ecs.FirelensConfiguration(Type="fluentbit", Options=options),
        LogConfiguration=to_log_group(),
    )
