"""The network of an environment, for the projects that run inside of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from troposphere import ImportValue, Split, Sub, codebuild

from copilot.aws import names
from copilot.aws.templates.pipeline.settings import PipelineSettings
from copilot.aws.templates.policies import allow, policy
from copilot.errors import Problem

_HERE = "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}"
_LOOKING = [f"ec2:Describe{what}" for what in ("DhcpOptions", "NetworkInterfaces", "SecurityGroups", "Subnets", "Vpcs")]


def network_problems(settings: PipelineSettings) -> Iterator[Problem]:
    """Networks that the pipeline's projects cannot be in: a project is where its pipeline is, and so is its network."""
    for index, stage in enumerate(settings.manifest.stages):
        place = settings.environments.get(stage.name)
        if stage.vpc is None or place is None:
            continue
        if place.region != settings.region:
            there, here = place.region, settings.region
        elif settings.account is not None and place.account != settings.account:
            there, here = f"account {place.account}", settings.account
        else:
            continue
        message = f"builds cannot be in the network of environment `{stage.name}`: it is in {there}, and the pipeline in {here}"
        yield Problem(("stages", index, "vpc"), message, "leave it out, or have the pipeline where the environment is", "key")


def vpc_config(settings: PipelineSettings, environment: str) -> codebuild.VpcConfig:
    """The private subnets of an environment, with the security group that its workloads let in."""
    return codebuild.VpcConfig(
        VpcId=_exported(settings, environment, "VpcId"),
        Subnets=Split(",", _exported(settings, environment, "PrivateSubnets")),
        SecurityGroupIds=[_exported(settings, environment, "EnvironmentSecurityGroup")],
    )


def network_policies(settings: PipelineSettings, environment: str) -> list[dict[str, Any]]:
    """The policy with what a project's role needs to be in the network of its environment; none if it is not to be there.

    The source is "Allow CodeBuild access to AWS services required to create a VPC network interface" in the CodeBuild user guide,
    limited to the one network by the resources and conditions that the Service Authorization Reference has for each action.
    """
    if not settings.in_network(environment):
        return []
    interfaces, within = Sub(f"{_HERE}:network-interface/*"), {"ec2:Vpc": _arn(settings, environment, "vpc", "VpcId")}
    group = _arn(settings, environment, "security-group", "EnvironmentSecurityGroup")
    for_builds = {"StringEquals": {"ec2:AuthorizedService": "codebuild.amazonaws.com"}, "ArnEquals": within}
    return [
        policy(
            allow(["ec2:CreateNetworkInterface"], [interfaces, group]),
            allow(["ec2:CreateNetworkInterface"], Sub(f"{_HERE}:subnet/*"), condition={"ArnEquals": within}),
            allow(["ec2:CreateNetworkInterfacePermission"], interfaces, condition=for_builds),
            allow(["ec2:DeleteNetworkInterface"], interfaces, condition={"ArnEquals": within}),
            allow(_LOOKING, "*"),
        )
    ]


def _exported(settings: PipelineSettings, environment: str, value: str) -> ImportValue:
    return ImportValue(names.environment_export(settings.plan.application, environment, value))


def _arn(settings: PipelineSettings, environment: str, kind: str, value: str) -> Sub:
    return Sub(f"{_HERE}:{kind}/${{Id}}", Id=_exported(settings, environment, value))
