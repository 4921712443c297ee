from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.aws.templates.workload.overrides import overridden
from copilot.errors import UnsupportedError
from copilot.manifest.deployment import TaskdefChange
from tests.aws.templates.workload.task_manifests import JOB, manifest_of


def _apply(properties: dict[str, Any], *changes: tuple[str, Any]) -> dict[str, Any]:
    return overridden(properties, [TaskdefChange(path=path, value=value) for path, value in changes])


@pytest.mark.parametrize(
    ("properties", "path", "value", "expected"),
    [
        ({"Cpu": "256"}, "Cpu", 512, {"Cpu": 512}),
        ({}, "EphemeralStorage.SizeInGiB", 30, {"EphemeralStorage": {"SizeInGiB": 30}}),
        ({"A": [{"B": 1}]}, "A[0].B", 2, {"A": [{"B": 2}]}),
        ({"A": [1, 2]}, "A[1]", 3, {"A": [1, 3]}),
        ({"A": [1]}, "A[-]", 2, {"A": [1, 2]}),
        ({}, "A[-]", 2, {"A": [2]}),
        ({}, "A.B[-].C", 2, {"A": {"B": [{"C": 2}]}}),
        ({"A": [{"B": 1}]}, "A[-].B", 2, {"A": [{"B": 1}, {"B": 2}]}),
        ({"A": {"B": 1}}, "A", [1], {"A": [1]}),
    ],
)
def test_what_a_path_names_is_written(properties: dict[str, Any], path: str, value: Any, expected: Any) -> None:
    assert _apply(properties, (path, value)) == expected


def test_each_override_sees_what_the_ones_before_it_left() -> None:
    changes = [("Ports[-].ContainerPort", 2056), ("Ports[1].Protocol", "udp")]
    assert _apply({"Ports": [{"ContainerPort": 80}]}, *changes) == {
        "Ports": [{"ContainerPort": 80}, {"ContainerPort": 2056, "Protocol": "udp"}]
    }


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("A[3]", r"there is no `A\[3\]`.*`A` has 2 items"),
        ("E[0]", r"there is no `E\[0\]`.*`E` is empty"),
        ("B[0]", "`B` in .* is not a list"),
        ("B[-]", "`B` in .* is not a list"),
        ("B.C", "goes on after `B`"),
        ("A.C", "goes on after `A`"),
        ("A[0].C", r"goes on after `A\[0\]`"),
        ("A..B", "`` in .* is not part of a path"),
        ("A[0][1]", r"`A\[0\]\[1\]` in .* is not part of a path"),
        ("A/B", "`A/B` in .* is not part of a path"),
    ],
)
def test_a_path_to_nowhere_is_refused(path: str, message: str) -> None:
    with pytest.raises(UnsupportedError, match=message):
        _apply({"A": [1, 2], "B": 1, "C": 1}, ("C", 2), (path, 1))


def test_the_message_says_which_override_it_is() -> None:
    with pytest.raises(UnsupportedError, match=r"`taskdef_overrides\[1\]\.path`"):
        _apply({}, ("A", 1), ("B[0]", 1))


_KEYS = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,5}", fullmatch=True)
_PATHS = st.lists(st.tuples(_KEYS, st.sampled_from(["", "[-]"])), min_size=1, max_size=4, unique_by=lambda part: part[0])


@given(path=_PATHS, value=st.integers() | st.lists(st.integers(), max_size=2))
def test_any_new_path_leads_to_the_value(path: list[tuple[str, str]], value: Any) -> None:
    written = ".".join(key + item for key, item in path)
    if written == "Family":
        return
    original: dict[str, Any] = {"Kept": 1}
    node: Any = _apply(original, (f"X.{written}", value))["X"]
    for key, item in path:
        node = node[key][-1] if item else node[key]
    assert node == value
    assert original == {"Kept": 1}


def test_text_with_placeholders_becomes_text_alone() -> None:
    text = "taskdef_overrides: [{path: 'A', value: {B: ['${COPILOT_ENVIRONMENT_NAME}']}}]\n"
    value = overridden({}, manifest_of(JOB, text).taskdef_overrides)["A"]["B"][0]
    assert (value, type(value)) == ("test", str)
