"""The stacks of an environment: first with no more than its roles, then with everything.

Logical IDs, parameters, conditions, outputs and exports are those of AWS Copilot 1.34, so that its stacks are updated in place.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from troposphere import And, Condition, Equals, Not, Parameter, Ref, Sub, Template, ecs, logs, servicediscovery

from copilot.aws.names import APPLICATION_TAG, ENVIRONMENT_TAG
from copilot.aws.templates.environment.access_logs import access_logs
from copilot.aws.templates.environment.addon_permissions import addon_policy
from copilot.aws.templates.environment.domain import domain
from copilot.aws.templates.environment.execution_permissions import generated_names
from copilot.aws.templates.environment.kept import keep
from copilot.aws.templates.environment.load_balancers import internal_load_balancer, public_load_balancer
from copilot.aws.templates.environment.network import Network, network
from copilot.aws.templates.environment.outputs import has_internal, outputs, role_outputs
from copilot.aws.templates.environment.roles import EXECUTION_ROLE, roles
from copilot.aws.templates.environment.security_groups import environment_group, internal_groups, public_groups
from copilot.aws.templates.environment.settings import ON_DEMAND, EnvironmentSettings
from copilot.aws.templates.environment.storage import storage
from copilot.aws.templates.policies import VERSION
from copilot.aws.templates.rendering import described

VERSION_BEFORE_DEPLOYMENT = "bootstrap"
"""What AWS Copilot calls the version of a stack that has no more than the roles."""
COMPATIBLE_VERSION = "v1.34.0"
"""The release of AWS Copilot whose template ours is like. It refuses to work on an environment of a later one."""


@dataclass(frozen=True)
class EnvironmentStack:
    """A template, and what CloudFormation is to be given along with it."""

    template: Template
    parameters: Mapping[str, str]
    tags: Mapping[str, str]


def bootstrap_stack(settings: EnvironmentSettings) -> EnvironmentStack:
    """The stack with which an environment begins: `env init` makes it with the caller's own permissions."""
    template = _template(VERSION_BEFORE_DEPLOYMENT)
    parameters = _add_parameters(template, _identity(settings))
    # The zone of its domain comes later, and what may be done in it.
    for role in roles(replace(settings, domain=None)):
        template.add_resource(role)
    for output in role_outputs():
        template.add_output(output)
    return EnvironmentStack(template, parameters, _tags(settings))


def environment_stack(settings: EnvironmentSettings, current: Mapping[str, Any] | None = None) -> EnvironmentStack:
    """The stack of an environment that can run workloads: `env deploy` makes it of the one it began with.

    Args:
        settings: The environment.
        current: The template that the stack has now; what AWS Copilot alone makes is kept from it (see `kept`).

    Returns:
        Template, parameters and tags. The parameters that workloads change are empty, as in an environment without any: whoever
        updates a stack must keep their values.
    """
    there = network(settings)
    template = _template(COMPATIBLE_VERSION)
    if settings.source:
        template.set_metadata({"Version": COMPATIBLE_VERSION, "Manifest": settings.source})
    values = {**_identity(settings), **dict.fromkeys(ON_DEMAND, ""), **_names(settings), **_https(settings, there)}
    parameters = _add_parameters(template, values)
    _add_conditions(template, parameters, there, internal=has_internal(settings, there))
    for resource in _resources(settings, there):
        template.add_resource(resource)
    for output in outputs(settings, there):
        template.add_output(output)
    if current is not None:
        keep(template, current)
    return EnvironmentStack(template, parameters, _tags(settings))


def _template(version: str) -> Template:
    template = Template(Description="What the workloads of an environment share")
    template.set_metadata({"Version": version})
    return template


def _tags(settings: EnvironmentSettings) -> dict[str, str]:
    return {**settings.tags, APPLICATION_TAG: settings.application, ENVIRONMENT_TAG: settings.environment}


def _identity(settings: EnvironmentSettings) -> dict[str, str]:
    partition = settings.bucket_arn.split(":")[1]
    return {
        "AppName": settings.application,
        "EnvironmentName": settings.environment,
        "ToolsAccountPrincipalARN": f"arn:{partition}:iam::{settings.application_account}:root",
    }


def _names(settings: EnvironmentSettings) -> dict[str, str]:
    values = {"ServiceDiscoveryEndpoint": f"{settings.environment}.{settings.application}.local"}
    if settings.own_domain and settings.domain:
        values["AppDNSName"] = settings.domain
    return values


def _https(settings: EnvironmentSettings, there: Network) -> dict[str, str]:
    values = {}
    if settings.public_https and there.public_subnets:
        values["CreateHTTPSListener"] = "true"
    if settings.private_https and has_internal(settings, there):
        values["CreateInternalHTTPSListener"] = "true"
    return values


def _add_parameters(template: Template, values: Mapping[str, str]) -> Mapping[str, str]:
    for name in values:
        flag = {"AllowedValues": ["true", "false"]} if name.startswith("Create") else {}
        template.add_parameter(Parameter(name, Type="String", **flag))
    return values


def _add_conditions(template: Template, parameters: Mapping[str, str], there: Network, *, internal: bool) -> None:
    asked = {"CreateALB": "ALBWorkloads", "CreateInternalALB": "InternalALBWorkloads", "CreateEFS": "EFSWorkloads"}
    if not there.public_subnets:
        del asked["CreateALB"]
    if not internal:
        del asked["CreateInternalALB"]
    if not there.imported:
        asked["CreateNATGateways"] = "NATWorkloads"
    for name, parameter in asked.items():
        template.add_condition(name, Not(Equals(Ref(parameter), "")))
    for name, parameter, load_balancer in (
        ("ExportHTTPSListener", "CreateHTTPSListener", "CreateALB"),
        ("ExportInternalHTTPSListener", "CreateInternalHTTPSListener", "CreateInternalALB"),
    ):
        if parameter in parameters:
            template.add_condition(name, And(Condition(load_balancer), Equals(Ref(parameter), "true")))


def _resources(settings: EnvironmentSettings, there: Network) -> list[Any]:
    public = [*access_logs(settings), *public_groups(settings, there), *public_load_balancer(settings, there)]
    internal = [*internal_groups(settings, there), *internal_load_balancer(settings, there)]
    return [
        *roles(settings),
        addon_policy(EXECUTION_ROLE, generated_names(settings.application, settings.environment)),
        *there.resources,
        servicediscovery.PrivateDnsNamespace(
            "ServiceDiscoveryNamespace",
            Name=Ref("ServiceDiscoveryEndpoint"),
            Vpc=there.vpc,
            Metadata=described("A private namespace in which services find each other"),
        ),
        _cluster(settings),
        *environment_group(settings, there),
        *(public if there.public_subnets else ()),
        *(internal if has_internal(settings, there) else ()),
        *storage(there),
        *domain(settings),
        _log_policy(),
    ]


def _cluster(settings: EnvironmentSettings) -> ecs.Cluster:
    observability = settings.manifest.observability
    given: dict[str, Any] = {}
    if "container_insights" in observability.model_fields_set:  # else the account decides, as in AWS Copilot
        insights = "enabled" if observability.container_insights else "disabled"
        given["ClusterSettings"] = [ecs.ClusterSetting(Name="containerInsights", Value=insights)]
    command = ecs.ExecuteCommandConfiguration(Logging="DEFAULT")
    return ecs.Cluster(
        "Cluster",
        CapacityProviders=["FARGATE", "FARGATE_SPOT"],
        Configuration=ecs.ClusterConfiguration(ExecuteCommandConfiguration=command),
        Metadata=described("An ECS cluster that tasks run in"),
        **given,
    )


def _log_policy() -> logs.ResourcePolicy:
    group = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/copilot/${AppName}-${EnvironmentName}-*"
    statement = {
        "Sid": "StateMachineToCloudWatchLogs",
        "Effect": "Allow",
        "Principal": {"Service": ["delivery.logs.amazonaws.com"]},
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": [f"{group}:log-stream:*"],
        "Condition": {
            "StringEquals": {"aws:SourceAccount": "${AWS::AccountId}"},
            "ArnLike": {"aws:SourceArn": "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:*"},
        },
    }
    return logs.ResourcePolicy(
        "LogResourcePolicy",
        PolicyName=Sub("${AppName}-${EnvironmentName}-LogResourcePolicy"),
        PolicyDocument=Sub(json.dumps({"Version": VERSION, "Statement": [statement]})),
        Metadata=described("A policy that lets jobs write logs"),
    )
