"""What an application has in a region, for whoever puts something there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from copilot.aws import names
from copilot.aws.client import Aws
from copilot.aws.stack_lookup import find_stack
from copilot.aws.stack_sets import StackSets
from copilot.errors import NotFoundError


@dataclass(frozen=True)
class RegionalResources:
    """What an application has in a region.

    Attributes:
        region: The region.
        bucket: Name of the bucket for artifacts.
        key_arn: ARN of the key that artifacts are encrypted with.
        repositories: URI of the repository of each workload's images, by workload.
    """

    region: str
    bucket: str
    key_arn: str
    repositories: Mapping[str, str]


def regional_resources(aws: Aws, application: str, region: str) -> RegionalResources:
    """What an application has in a region. Raises NotFoundError if it has nothing there.

    Args:
        aws: The application's account and region.
        application: Its name.
        region: Where to look.
    """
    found = find_regional_resources(aws, application, region)
    if found is None:
        raise NotFoundError(
            f"application `{application}` has no bucket and no repositories in {region}",
            hint="an environment there brings them: make one with `copilot env init`",
        )
    return found


def find_regional_resources(aws: Aws, application: str, region: str) -> RegionalResources | None:
    """`regional_resources`, or None."""
    instance = StackSets(aws).instance(names.stack_set(application), region)
    if instance is None or not instance.stack_id:
        return None
    stack = find_stack(aws.in_region(region), instance.stack_id)
    if stack is None or not {"PipelineBucket", "KMSKeyARN"} <= set(stack.outputs):
        return None
    prefix = names.repository_output("")
    arns = [value for output, value in stack.outputs.items() if output.startswith(prefix)]
    repositories = dict(_repository(arn) for arn in arns)
    return RegionalResources(region, stack.outputs["PipelineBucket"], stack.outputs["KMSKeyARN"], repositories)


def _repository(arn: str) -> tuple[str, str]:
    """Workload and URI of the repository with an ARN."""
    _, partition, _, region, account, path = arn.split(":", 5)
    name = path.removeprefix("repository/")
    suffix = "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
    return name.split("/", maxsplit=1)[1], f"{account}.dkr.ecr.{region}.{suffix}/{name}"
