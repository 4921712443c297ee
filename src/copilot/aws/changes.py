"""What would change in a stack: as CloudFormation works it out, and as two templates show it.

All pure. ``of_change_set`` reads CloudFormation's answer, which alone knows what is replaced.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Action = Literal["add", "modify", "remove", "replace"]
Recreates = Literal["never", "perhaps", "always"]

_ACTIONS: Mapping[str, Action] = {"Add": "add", "Import": "add", "Remove": "remove"}
_RECREATES: Mapping[str, Recreates] = {"Always": "always", "Conditionally": "perhaps", "Never": "never"}


@dataclass(frozen=True)
class PropertyChange:
    """One place that changes.

    Attributes:
        path: Where, such as ``Properties.ContainerDefinitions[api].Image``.
        before: The value so far; None: there is none.
        after: The value to be; None: there will be none.
        recreates: Whether the change of this place makes CloudFormation replace the resource.
    """

    path: str
    before: Any = None
    after: Any = None
    recreates: Recreates = "never"


@dataclass(frozen=True)
class ResourceChange:
    """A resource that changes.

    Attributes:
        logical_id: Its name in the template.
        type: Such as ``AWS::ECS::Service``.
        action: ``replace``: another one is made, then the present one is deleted.
        properties: What is different, as far as it is known. Empty when the whole resource is new or goes.
        physical_id: What AWS calls it; None if it is new or not known.
        perhaps_replaced: Whether only carrying it out shows if the resource is replaced.
    """

    logical_id: str
    type: str
    action: Action
    properties: tuple[PropertyChange, ...] = ()
    physical_id: str | None = None
    perhaps_replaced: bool = False


def of_change_set(changes: Iterable[Mapping[str, Any]]) -> tuple[ResourceChange, ...]:
    """The resources in the ``Changes`` of an answer to DescribeChangeSet.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
    """
    found = (change["ResourceChange"] for change in changes if "ResourceChange" in change)
    return tuple(_resource(data) for data in found if data.get("Action") != "SyncWithActual")


def _resource(data: Mapping[str, Any]) -> ResourceChange:
    replacement = data.get("Replacement")
    action = _ACTIONS.get(data["Action"], "modify")
    return ResourceChange(
        logical_id=data["LogicalResourceId"],
        type=data["ResourceType"],
        action="replace" if action == "modify" and replacement == "True" else action,
        properties=_properties(data.get("Details", [])),
        physical_id=data.get("PhysicalResourceId") or None,
        perhaps_replaced=action == "modify" and (replacement == "Conditional" or data["Action"] == "Dynamic"),
    )


def _properties(details: Iterable[Mapping[str, Any]]) -> tuple[PropertyChange, ...]:
    """One for each place: CloudFormation has one for each cause, some of which it only suspects."""
    found: dict[str, PropertyChange] = {}
    for detail in details:
        target = detail.get("Target", {})
        path = _path(target)
        certain = detail.get("Evaluation") != "Dynamic"
        recreates = _RECREATES.get(target.get("RequiresRecreation", "Never"), "never")
        if recreates == "always" and not certain:
            recreates = "perhaps"
        known = found.get(path)
        if known is None or _WEIGHT[recreates] > _WEIGHT[known.recreates]:
            found[path] = PropertyChange(path, target.get("BeforeValue"), target.get("AfterValue"), recreates)
    return tuple(found.values())


_WEIGHT: Mapping[Recreates, int] = {"never": 0, "perhaps": 1, "always": 2}


def _path(target: Mapping[str, Any]) -> str:
    """Where, in the words of the template: AWS writes ``/Properties/Tags/0/Value`` or only the property's name."""
    attribute = target.get("Attribute", "Properties")
    steps = [step for step in target.get("Path", "").split("/") if step]
    if steps:
        return joined(int(step) if step.isdecimal() else step for step in steps)
    return joined([attribute, target["Name"]] if target.get("Name") else [attribute])


def joined(steps: Iterable[str | int]) -> str:
    """A path as a person reads it: ``Properties.Tags[0].Value``."""
    text = ""
    for step in steps:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text
