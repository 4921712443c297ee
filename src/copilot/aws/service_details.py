"""What a service was deployed with, as its stack, its task definition and the load balancer have it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from copilot.aws import names
from copilot.aws.client import Aws
from copilot.aws.errors import explained
from copilot.aws.stack_values import Stack
from copilot.aws.stacks import Stacks
from copilot.aws.templates.reading import read_template
from copilot.engine import Value
from copilot.errors import NotFoundError

if TYPE_CHECKING:
    from mypy_boto3_ecs.type_defs import TaskDefinitionTypeDef
    from mypy_boto3_elbv2.type_defs import RuleTypeDef

_RULE = "AWS::ElasticLoadBalancingV2::ListenerRule"
_MOST_RULES = 20
"""How many rules one request may name (Elastic Load Balancing's DescribeRules, by its page size)."""
_PLATFORM = ("LINUX", "X86_64")


class Variable(Value):
    """An environment variable of a container."""

    name: str
    container: str
    value: str


class Secret(Value):
    """An environment variable whose value is a secret: ``value_from`` is the secret's name or ARN."""

    name: str
    container: str
    value_from: str


class Route(Value):
    """An address that the service answers at; ``ingress`` tells from where: ``internet`` or ``environment``."""

    url: str
    ingress: str


class StackResource(Value):
    """A resource of the service's stack."""

    type: str
    physical_id: str
    logical_id: str


class ServiceSettings(Value):
    """A service in one environment, as it was deployed.

    Attributes:
        port: Of the main container; None if nothing connects to it.
        cpu: Units of a task; 1024 are one vCPU.
        memory: Of a task, in MiB.
        platform: Such as ``LINUX/X86_64``.
        count: How many tasks it was deployed with; scaling may have changed that.
        endpoint: Name and port by which other services of the environment find it; None if nothing connects to it.
        connect: Names and ports of Service Connect.
    """

    environment: str
    port: str | None
    cpu: str
    memory: str
    platform: str
    count: str
    routes: tuple[Route, ...]
    endpoint: str | None
    connect: tuple[str, ...]
    variables: tuple[Variable, ...]
    secrets: tuple[Secret, ...]
    resources: tuple[StackResource, ...]


class ServiceDetails:
    """The services of one environment.

    Args:
        aws: An identity that may look into the environment, in its region.
        application: The application.
        environment: The environment.
    """

    def __init__(self, aws: Aws, application: str, environment: str) -> None:
        self._aws = aws
        self._application = application
        self._environment = environment
        self._stacks = Stacks(aws)

    def settings(self, workload: str, *, internal: bool) -> ServiceSettings:
        """What a service was deployed with.

        Args:
            workload: The service.
            internal: Whether requests come to it through the internal load balancer.

        Raises:
            NotFoundError: It is not deployed here.
        """
        stack = self._stack(workload)
        with explained():
            resources = tuple(self._resources(stack))
            by_id = {resource.logical_id: resource.physical_id for resource in resources}
            definition = self._aws.ecs.describe_task_definition(taskDefinition=by_id["TaskDefinition"])["taskDefinition"]
            rules = self._rules(resources)
            connect = tuple(self._connect(by_id["Service"])) if "Service" in by_id else ()
        parameters = stack.parameters
        port = parameters.get("ContainerPort")
        port = None if port in (None, "", "NO_EXPOSED_CONTAINER_PORT") else port
        namespace = f"{self._environment}.{self._application}.local"
        return ServiceSettings(
            environment=self._environment,
            port=port,
            cpu=parameters.get("TaskCPU", definition.get("cpu", "")),
            memory=parameters.get("TaskMemory", definition.get("memory", "")),
            platform="/".join(_platform(definition)),
            count=parameters.get("TaskCount", ""),
            routes=tuple(self._routes(rules, internal=internal)),
            endpoint=f"{workload}.{namespace}:{port}" if port and "DiscoveryService" in by_id else None,
            connect=connect,
            variables=tuple(_variables(definition)),
            secrets=tuple(_secrets(definition)),
            resources=resources,
        )

    def manifest(self, workload: str) -> str:
        """The manifest that a workload was last deployed with, as it was written. Raises NotFoundError without one."""
        stack = self._stack(workload)
        metadata = read_template(self._stacks.template(stack.name)).get("Metadata")
        text = metadata.get("Manifest") if isinstance(metadata, Mapping) else None
        if not isinstance(text, str):
            raise NotFoundError(f"the stack `{stack.name}` does not hold the manifest it was made from")
        return text

    def _stack(self, workload: str) -> Stack:
        stack = self._stacks.find(names.workload_stack(self._application, self._environment, workload))
        if stack is None:
            raise NotFoundError(
                f"`{workload}` is not deployed to environment `{self._environment}`",
                hint=f"deploy it with `copilot deploy --name {workload} --env {self._environment}`",
            )
        return stack

    def _resources(self, stack: Stack) -> Iterator[StackResource]:
        for page in self._aws.cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack.name):
            for each in page["StackResourceSummaries"]:
                yield StackResource(
                    type=each["ResourceType"],
                    physical_id=each.get("PhysicalResourceId", ""),
                    logical_id=each["LogicalResourceId"],
                )

    def _rules(self, resources: Sequence[StackResource]) -> list[tuple[StackResource, RuleTypeDef]]:
        rules = {resource.physical_id: resource for resource in resources if resource.type == _RULE and resource.physical_id}
        arns = list(rules)
        found: list[tuple[StackResource, RuleTypeDef]] = []
        for start in range(0, len(arns), _MOST_RULES):
            answer = self._aws.elbv2.describe_rules(RuleArns=arns[start : start + _MOST_RULES])
            found += [(rules[rule["RuleArn"]], rule) for rule in answer["Rules"]]
        return sorted(found, key=lambda pair: pair[0].logical_id)

    def _routes(self, rules: Sequence[tuple[StackResource, RuleTypeDef]], *, internal: bool) -> Iterator[Route]:
        """The address of each rule that sends requests on, once."""
        if not rules:
            return
        outputs = self._stacks.require(names.environment_stack(self._application, self._environment)).outputs
        balancer = outputs.get("InternalLoadBalancerDNSName" if internal else "PublicLoadBalancerDNSName", "")
        seen = set()
        for resource, rule in rules:
            if all(action.get("Type") != "forward" for action in rule.get("Actions", [])):
                continue
            scheme = "https" if "HTTPS" in resource.logical_id else "http"
            hosts = _values(rule, "host-header") or [balancer]
            path = next(iter(_values(rule, "path-pattern")), "/").removesuffix("*").rstrip("/")
            for host in hosts:
                url = f"{scheme}://{host}{path}"
                if host and url not in seen:
                    seen.add(url)
                    yield Route(url=url, ingress="environment" if internal else "internet")

    def _connect(self, service: str) -> Iterator[str]:
        cluster = service.rsplit(":", maxsplit=1)[-1].split("/")[1]
        for found in self._aws.ecs.describe_services(cluster=cluster, services=[service])["services"]:
            for deployment in found.get("deployments", [])[:1]:
                for offered in deployment.get("serviceConnectConfiguration", {}).get("services", []):
                    for alias in offered.get("clientAliases", []):
                        yield f"{alias.get('dnsName', offered.get('discoveryName', ''))}:{alias['port']}"


def _values(rule: RuleTypeDef, field: str) -> list[str]:
    found: list[str] = []
    for condition in rule.get("Conditions", []):
        if condition.get("Field") == field:
            key = "HostHeaderConfig" if field == "host-header" else "PathPatternConfig"
            detail: Any = condition.get(key) or {}
            found += detail.get("Values") or condition.get("Values") or []
    return found


def _platform(definition: TaskDefinitionTypeDef) -> tuple[str, str]:
    platform = definition.get("runtimePlatform", {})
    return platform.get("operatingSystemFamily", _PLATFORM[0]), platform.get("cpuArchitecture", _PLATFORM[1])


def _variables(definition: TaskDefinitionTypeDef) -> Iterator[Variable]:
    for container in definition.get("containerDefinitions", []):
        for each in sorted(container.get("environment", []), key=lambda pair: pair.get("name", "")):
            yield Variable(name=each.get("name", ""), container=container.get("name", ""), value=each.get("value", ""))


def _secrets(definition: TaskDefinitionTypeDef) -> Iterator[Secret]:
    for container in definition.get("containerDefinitions", []):
        for each in sorted(container.get("secrets", []), key=lambda pair: pair["name"]):
            yield Secret(name=each["name"], container=container.get("name", ""), value_from=each["valueFrom"])
