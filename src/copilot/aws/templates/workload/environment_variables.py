"""The environment variables of containers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from troposphere import GetAtt, ImportValue, Ref, ecs

from copilot.aws.templates.workload.ports import routing_rules
from copilot.aws.templates.workload.settings import WorkloadSettings
from copilot.manifest.variables import FromCfn
from copilot.manifest.workload import LoadBalancedWebService

ADDONS_STACK = "AddonsStack"
CONTROLLER = "EnvControllerAction"
QUEUE = "EventsQueue"

# Where a word begins in a name in camel case: `yC` in `MyCamel`, and `BTa` in `MyDDBTable`.
_LOWER_UPPER = re.compile(r"([a-z0-9]+)([A-Z])")
_UPPER_WORD = re.compile(r"([A-Z0-9])([A-Z][a-z])")


def shared_variables(settings: WorkloadSettings) -> dict[str, Any]:
    """What every container gets to know of where it is, what the addons have made for it, and how it is reached."""
    variables: dict[str, Any] = {
        "COPILOT_APPLICATION_NAME": Ref("AppName"),
        "COPILOT_SERVICE_DISCOVERY_ENDPOINT": f"{settings.environment}.{settings.application}.local",
        "COPILOT_ENVIRONMENT_NAME": Ref("EnvName"),
        "COPILOT_SERVICE_NAME": Ref("WorkloadName"),
    }
    for output in addon_outputs(settings, "variable", "security group"):
        variables[snake_case(output)] = GetAtt(ADDONS_STACK, f"Outputs.{output}")
    address = _load_balancer(settings)
    if address is not None:
        variables["COPILOT_LB_DNS"] = GetAtt(CONTROLLER, address)
    return variables


def environment(
    shared: Mapping[str, Any], variables: Mapping[str, str | FromCfn], mounts: Mapping[str, str]
) -> list[ecs.Environment]:
    """The environment of a container.

    Args:
        shared: What all containers get.
        variables: Those of the manifest, which win.
        mounts: Where the container's volumes are, by name.
    """
    merged = dict(shared)
    for name, value in sorted(variables.items()):
        merged[name] = ImportValue(value.from_cfn) if isinstance(value, FromCfn) else value
    if mounts:
        merged.setdefault("COPILOT_MOUNT_POINTS", _json(mounts))
    return [ecs.Environment(Name=name, Value=value) for name, value in merged.items()]


def addon_outputs(settings: WorkloadSettings, *kinds: str) -> list[str]:
    """Names of the outputs of the addons that are of one of some kinds."""
    return [output for output, kind in sorted(settings.addons.outputs.items()) if kind in kinds] if settings.addons else []


def snake_case(name: str) -> str:
    """The variable that an output of the addons becomes: ``MyDDBTableName`` is ``MY_DDB_TABLE_NAME``."""
    return _UPPER_WORD.sub(r"\1_\2", _LOWER_UPPER.sub(r"\1_\2", name)).upper()


def _load_balancer(settings: WorkloadSettings) -> str | None:
    if not routing_rules(settings.manifest):
        return None
    public = isinstance(settings.manifest, LoadBalancedWebService)
    return "PublicLoadBalancerDNSName" if public else "InternalLoadBalancerDNSName"


def _json(value: Mapping[str, str]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
