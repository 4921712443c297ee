"""Whether builds of a pipeline can be in the networks of its environments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from copilot.aws import names
from copilot.aws.client import Aws
from copilot.aws.records import EnvironmentRecord
from copilot.aws.stack_lookup import find_stack
from copilot.aws.stack_values import Stack
from copilot.errors import Problem
from copilot.manifest.pipeline import PipelineManifest

_GATEWAY_USERS = "NATWorkloads"
"""The parameter of an environment's stack that lists the workloads in its private subnets."""


@dataclass(frozen=True)
class NetworkFindings:
    """What was found.

    Attributes:
        problems: Networks that no build can be in, with places in the manifest.
        lacking: Networks that a build can be in, but not reach anything from.
    """

    problems: tuple[Problem, ...] = ()
    lacking: tuple[Problem, ...] = ()


def look_at_networks(
    aws: Aws, application: str, environments: Mapping[str, EnvironmentRecord], manifest: PipelineManifest
) -> NetworkFindings:
    """Look at the networks that a manifest puts builds in. Environments that are elsewhere than the pipeline are passed over.

    Args:
        aws: The account and region that the pipeline is to be in.
        application: Name of the application.
        environments: Its environments, by name.
        manifest: The pipeline's.

    Raises:
        CopilotError: AWS refuses, or does not answer.
    """
    problems, lacking = [], []
    for index, stage in enumerate(manifest.stages):
        record = environments.get(stage.name)
        if stage.vpc is None or record is None or (record.account, record.region) != (aws.account, aws.region):
            continue
        stack = find_stack(aws, names.environment_stack(application, stage.name))
        found = _missing(stage.name, stack)
        if found is not None:
            problems.append(Problem(("stages", index, "vpc"), *found, "key"))
        elif stack is not None and _is_shut_in(stack):
            message = f"from the private subnets of environment `{stage.name}` there is no way out now"
            hint = (
                "there is one while a workload is deployed there with `network: {vpc: {placement: private}}`: "
                "deploy that first, or leave `vpc` out"
            )
            lacking.append(Problem(("stages", index, "vpc"), message, hint, "key"))
    return NetworkFindings(tuple(problems), tuple(lacking))


def _missing(environment: str, stack: Stack | None) -> tuple[str, str] | None:
    if stack is None or "VpcId" not in stack.outputs:
        hint = f"`copilot env deploy --name {environment}` makes one"
        return f"environment `{environment}` has no network yet, so no build can be in it", hint
    if "PrivateSubnets" not in stack.outputs:
        return f"the network of environment `{environment}` has no private subnets", "leave `vpc` out, or import some"
    return None


def _is_shut_in(stack: Stack) -> bool:
    """Whether a network is ours and has no NAT gateway. What routes an imported one has, its stack does not know."""
    return "InternetGatewayID" in stack.outputs and not stack.parameters.get(_GATEWAY_USERS, "unknown")
