from __future__ import annotations

from typing import Any

import pytest

from copilot.aws.changes import PropertyChange, ResourceChange, joined, of_change_set


def _changed(action: str = "Modify", replacement: str | None = None, *details: dict[str, Any], **more: str) -> ResourceChange:
    change = {
        "Action": action,
        "LogicalResourceId": "Task",
        "ResourceType": "AWS::ECS::TaskDefinition",
        "Details": details,
        **more,
    }
    if replacement:
        change["Replacement"] = replacement
    (found,) = of_change_set([{"Type": "Resource", "ResourceChange": change}])
    return found


def _detail(recreation: str, evaluation: str = "Static", **target: str) -> dict[str, Any]:
    target = {"Attribute": "Properties", "Name": "Cpu", "RequiresRecreation": recreation, **target}
    return {"Target": target, "Evaluation": evaluation, "ChangeSource": "DirectModification"}


@pytest.mark.parametrize(
    ("action", "replacement", "expected", "perhaps"),
    [
        ("Add", None, "add", False),
        ("Import", None, "add", False),
        ("Remove", None, "remove", False),
        ("Modify", "False", "modify", False),
        ("Modify", "True", "replace", False),
        ("Modify", "Conditional", "modify", True),
        ("Dynamic", None, "modify", True),
    ],
)
def test_actions(action: str, replacement: str | None, expected: str, perhaps: bool) -> None:
    change = _changed(action, replacement)
    assert (change.action, change.perhaps_replaced) == (expected, perhaps)


def test_what_only_settles_drift_is_no_change() -> None:
    drift = {"Action": "SyncWithActual", "LogicalResourceId": "Task", "ResourceType": "AWS::ECS::TaskDefinition"}
    assert of_change_set([{"ResourceChange": drift}, {"Type": "Other"}]) == ()


def test_each_place_is_told_once_with_the_worst_that_may_happen() -> None:
    details = [
        _detail("Never"),
        _detail("Always", "Dynamic"),
        _detail("Always", BeforeValue="256", AfterValue="512"),
        _detail("Never"),
    ]
    assert _changed("Modify", "True", *details, PhysicalResourceId="arn:task").properties == (
        PropertyChange("Properties.Cpu", "256", "512", "always"),
    )
    assert _changed("Modify", "True", *details, PhysicalResourceId="arn:task").physical_id == "arn:task"
    assert _changed("Modify", "Conditional", *details[:2]).properties[0].recreates == "perhaps"


def test_paths() -> None:
    assert (
        _changed("Modify", "False", _detail("Never", Path="/Properties/Tags/0/Value")).properties[0].path
        == "Properties.Tags[0].Value"
    )
    assert _changed("Modify", "False", {"Target": {"Attribute": "Tags"}}).properties[0].path == "Tags"
    assert joined(["Properties", "A", 0, 1, "B"]) == "Properties.A[0][1].B"
