"""Where the tasks of a workload are in the environment's network, and what the environment must have for that."""

from __future__ import annotations

from typing import Any

from troposphere import GetAtt, ImportValue, Split, ecs

from copilot.aws import names
from copilot.aws.templates.workload.environment_variables import ADDONS_STACK, CONTROLLER, addon_outputs
from copilot.aws.templates.workload.settings import WorkloadSettings
from copilot.errors import UnsupportedError
from copilot.manifest.variables import FromCfn
from copilot.manifest.workload import BackendService, LoadBalancedWebService

PRIVATE = "private"


def imported(settings: WorkloadSettings, value: str) -> ImportValue:
    """A value that the environment's stack exports whether or not a workload asks for it."""
    return ImportValue(names.environment_export(settings.application, settings.environment, value))


def from_controller(output: str) -> GetAtt:
    """An output that the environment's stack has only while a workload asks for what it tells of.

    It must not be imported: an export that is used cannot be removed, and one that is not there yet stops the stack.
    """
    return GetAtt(CONTROLLER, output)


def is_private(settings: WorkloadSettings) -> bool:
    """Whether tasks run in the environment's private subnets.

    Raises:
        UnsupportedError: The environment has none.
    """
    private = settings.manifest.network.vpc.placement.kind == PRIVATE
    if private and not settings.facts.private_subnets:
        raise UnsupportedError(
            f"`{settings.manifest.name}` is to run in private subnets, but environment `{settings.environment}` has none",
            hint="remove `network.vpc.placement`, or import private subnets into the environment",
        )
    return private


def subnets(settings: WorkloadSettings) -> list[str] | Split:
    """IDs of the subnets that tasks run in."""
    placement = settings.manifest.network.vpc.placement
    if placement.kind is None:
        return list(placement.subnets)
    return Split(",", imported(settings, "PrivateSubnets" if is_private(settings) else "PublicSubnets"))


def public_address(settings: WorkloadSettings) -> str:
    """Whether tasks have an address on the internet: ``ENABLED`` or ``DISABLED``. In subnets named by ID they have none."""
    return "ENABLED" if settings.manifest.network.vpc.placement.kind == "public" else "DISABLED"


def security_groups(settings: WorkloadSettings) -> list[Any]:
    """IDs of the security groups that tasks have."""
    groups = settings.manifest.network.vpc.security_groups
    found: list[Any] = [] if groups.deny_default else [imported(settings, "EnvironmentSecurityGroup")]
    found += [ImportValue(group.from_cfn) if isinstance(group, FromCfn) else group for group in groups.groups]
    return found + [GetAtt(ADDONS_STACK, f"Outputs.{output}") for output in addon_outputs(settings, "security group")]


def network_configuration(settings: WorkloadSettings) -> ecs.NetworkConfiguration:
    """Where the tasks of a service are."""
    return ecs.NetworkConfiguration(
        AwsvpcConfiguration=ecs.AwsvpcConfiguration(
            AssignPublicIp=public_address(settings), Subnets=subnets(settings), SecurityGroups=security_groups(settings)
        )
    )


def environment_needs(settings: WorkloadSettings) -> list[str]:
    """The environment's parameters that are to list the workload: for what it needs and the environment has on demand."""
    manifest = settings.manifest
    needs = []
    if isinstance(manifest, LoadBalancedWebService):
        needs += ["ALBWorkloads", "Aliases"]
    if isinstance(manifest, BackendService) and manifest.http is not None:
        needs.append("InternalALBWorkloads")
    if is_private(settings):
        needs.append("NATWorkloads")
    if any(volume.efs is not None and volume.efs.managed for volume in manifest.storage.volumes.values()):
        needs.append("EFSWorkloads")
    return needs
