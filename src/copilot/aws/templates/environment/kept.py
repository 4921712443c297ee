"""What an environment of AWS Copilot has and ours has not, and must not lose.

AWS Copilot makes certificates and records with functions of its own. Their resources cannot become CloudFormation's, and without
them what they made would go: the records by which the internet finds the environment, or all files of a bucket. So they stay as
they are in the stack's current template, with the functions behind them, which run as long as AWS runs their runtime.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from troposphere import Sub, Template

from copilot.aws.templates.environment.addon_permissions import ADDON_POLICY
from copilot.aws.templates.environment.settings import ON_DEMAND
from copilot.errors import UnsupportedError

_DOMAIN = frozenset(
    {
        "CertificateValidationFunction",
        "CustomDomainAction",
        "CustomDomainFunction",
        "CustomResourceRole",
        "DNSDelegationFunction",
        "DelegateDNSAction",
        "HTTPSCert",
    }
)
_ADDONS = "AddonsStack"
# Each group stays only while the resource that it is about does; the last has no such resource.
_GROUPS: tuple[tuple[frozenset[str], str | None], ...] = (
    (_DOMAIN, "EnvironmentHostedZone"),
    (
        frozenset({"BucketCleanerFunction", "ELBAccessLogsBucketCleanerAction", "ELBAccessLogsBucketCleanerRole"}),
        "ELBAccessLogsBucket",
    ),
    (
        frozenset(
            {
                _ADDONS,
                "AppRunnerVpcEndpoint",
                "AppRunnerVpcEndpointSecurityGroup",
                "AppRunnerVpcEndpointSecurityGroupIngressFromEnvironment",
            }
        ),
        None,
    ),
)
_OUTPUTS = frozenset({"AppRunnerVpcEndpointId"})
_CDN = "CloudFrontDistribution"
_OURS = {"DelegateDNSAction": "DelegationRecord"}


class _Kept:
    """A part of a template that is plain data."""

    def __init__(self, title: str, data: Mapping[str, Any]) -> None:
        self.title = title
        self._data = data

    def to_dict(self) -> Mapping[str, Any]:
        """The data."""
        return self._data


def _kept(title: str, data: Mapping[str, Any]) -> Any:
    # troposphere only asks its parts for their data.
    return _Kept(title, data)


def kept_resources(current: Mapping[str, Any], logical_ids: Iterable[str]) -> dict[str, Any]:
    """The resources of a stack's current template that stay, of all that ``logical_ids`` are with them in the new one."""
    new, old = set(logical_ids), current.get("Resources") or {}
    found: dict[str, Any] = {}
    for group, about in _GROUPS:
        if about is None or about in new:
            found |= {name: old[name] for name in sorted(group) if _stays(old.get(name))}
    return found


def keep(template: Template, current: Mapping[str, Any]) -> None:
    """Adds to a template what stays of the stack's current one, with the conditions, parameters and outputs that it needs.

    Raises:
        UnsupportedError: The environment has a content delivery network, which we would take away.
    """
    if _CDN in (current.get("Resources") or {}):
        raise UnsupportedError(
            "the environment has a content delivery network (CloudFront), which is not supported yet: it would be deleted",
            hint="if it is to go, deploy the environment without `cdn` with AWS Copilot first",
        )
    found = kept_resources(current, set(template.resources))
    if _ADDONS in found:
        # They can only be made, changed and deleted while CloudFormation may do that.
        found[_ADDONS] = {**found[_ADDONS], "DependsOn": _with(found[_ADDONS].get("DependsOn"), ADDON_POLICY)}
    for name, data in found.items():
        template.resources[name] = _kept(name, data)
        template.resources.pop(_OURS.get(name, ""), None)
    told = {name: data for name, data in (current.get("Outputs") or {}).items() if name in _OUTPUTS and found}
    for name, data in told.items():
        template.outputs[name] = _kept(name, data)
    _keep_what_is_used(template, current, [*found.values(), *told.values()])
    asked = [name for name in template.parameters if name.endswith("Workloads") and name not in ON_DEMAND]
    if asked:
        # The output must name every parameter that workloads change, see `outputs`.
        template.outputs["EnabledFeatures"].properties["Value"] = Sub(",".join(f"${{{name}}}" for name in (*ON_DEMAND, *asked)))


def _with(depends_on: str | list[str] | None, name: str) -> list[str]:
    others = [depends_on] if isinstance(depends_on, str) else depends_on or []
    return [*others, *([] if name in others else [name])]


def _stays(resource: Mapping[str, Any] | None) -> bool:
    # The certificate has the same logical ID in both.
    return resource is not None and resource["Type"] != "AWS::CertificateManager::Certificate"


def _keep_what_is_used(template: Template, current: Mapping[str, Any], parts: list[Any]) -> None:
    conditions, parameters = current.get("Conditions") or {}, current.get("Parameters") or {}
    waiting = list(parts)
    while waiting:
        part = waiting.pop()
        for name in _conditions(part):
            if name in conditions and name not in template.conditions:
                template.conditions[name] = conditions[name]
                waiting.append(conditions[name])
        for name in _references(part):
            if name in parameters and name not in template.parameters:
                template.parameters[name] = _kept(name, parameters[name])


def _conditions(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(value.get("Condition"), str):
            yield value["Condition"]
        if "Fn::If" in value:
            yield value["Fn::If"][0]
        for item in value.values():
            yield from _conditions(item)
    elif isinstance(value, list):
        for item in value:
            yield from _conditions(item)


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(value.get("Ref"), str):
            yield value["Ref"]
        if "Fn::Sub" in value:
            text = value["Fn::Sub"] if isinstance(value["Fn::Sub"], str) else value["Fn::Sub"][0]
            yield from (part.split("}")[0] for part in text.split("${")[1:])
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)
