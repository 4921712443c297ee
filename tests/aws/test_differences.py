from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.aws.changes import PropertyChange, ResourceChange
from copilot.aws.difference_lines import brief, lines_of
from copilot.aws.differences import Difference, canonical, compare, difference, marked
from copilot.aws.templates.reading import read_template

_TASK = "AWS::ECS::TaskDefinition"
_QUEUE = "AWS::SQS::Queue"

_KEYS = st.sampled_from(["Name", "Key", "Value", "Ref", "Fn::If", "Fn::Sub", "Cpu", "Tags"])
_LEAVES = st.text("ab ", max_size=3) | st.booleans() | st.integers(0, 3)
_VALUES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3), max_leaves=12
)
_PLAIN_KEYS = st.sampled_from("ABCDE")
_TREES = st.dictionaries(
    _PLAIN_KEYS,
    st.recursive(_LEAVES, lambda inner: st.dictionaries(_PLAIN_KEYS, inner, min_size=1, max_size=3), max_leaves=8),
    max_size=4,
)
_TEMPLATES = st.builds(
    lambda resources, outputs: {
        "Resources": {name: {"Type": _QUEUE, "Properties": properties} for name, properties in resources.items()},
        "Outputs": outputs,
    },
    st.dictionaries(_PLAIN_KEYS, _TREES, max_size=3),
    st.dictionaries(_PLAIN_KEYS, st.fixed_dictionaries({"Value": _VALUES}), max_size=2),
)


@given(_VALUES)
def test_nothing_is_different_from_itself(value: Any) -> None:
    assert list(compare(canonical(value), canonical(value))) == []


@given(_VALUES, _VALUES)
def test_what_differs_is_never_missed(before: Any, after: Any) -> None:
    before, after = canonical(before), canonical(after)
    assert bool(list(compare(before, after))) == (before != after)


@given(_TREES, _TREES)
def test_making_the_named_changes_gives_the_other_one(before: Any, after: Any) -> None:
    before, after = canonical(before), canonical(after)
    for change in compare(before, after):
        _make(before, change)
    assert before == after


def _make(tree: dict[str, Any], change: PropertyChange) -> None:
    *parents, last = change.path.split(".")
    for step in parents:
        tree = tree[step]
    assert tree.get(last) == change.before
    if change.after is None:
        del tree[last]
    else:
        tree[last] = change.after


@given(_TEMPLATES, _TEMPLATES)
def test_each_resource_is_named_once_in_the_order_of_the_template(before: Any, after: Any) -> None:
    found = difference(before, after)
    assert bool(found) == (canonical(before) != canonical(after))
    names = [change.logical_id for change in found.resources]
    order = [*after["Resources"], *(name for name in before["Resources"] if name not in after["Resources"])]
    assert names == [name for name in order if name in names]
    assert bool(lines_of(found)) == bool(found)


@given(_TEMPLATES, st.dictionaries(st.sampled_from("PQ"), st.text(max_size=2)))
def test_equal_templates_have_no_difference(template: Any, parameters: dict[str, str]) -> None:
    declared = {**template, "Parameters": {name: {"Type": "String"} for name in parameters}}
    assert not difference(declared, declared, parameters, parameters)
    assert lines_of(Difference()) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("443", 443),
        ("true", True),
        ({"Fn::GetAtt": "Role.Arn"}, {"Fn::GetAtt": ["Role", "Arn"]}),
        ({"A": "1", "B": None}, {"A": 1}),
    ],
)
def test_ways_of_writing_the_same(before: Any, after: Any) -> None:
    assert canonical(before) == canonical(after)


def _paths(before: Any, after: Any) -> list[tuple[str, Any, Any]]:
    return [(change.path, change.before, change.after) for change in compare(canonical(before), canonical(after), "P")]


def test_items_are_told_apart_by_their_names() -> None:
    before = [{"Name": "A", "Value": 1}, {"Name": "B", "Value": 2}]
    after = [{"Name": "New", "Value": 0}, {"Name": "A", "Value": 1}, {"Name": "B", "Value": 3}]
    assert _paths(before, after) == [("P[New]", None, {"Name": "New", "Value": "0"}), ("P[B].Value", "2", "3")]


def test_items_without_names_are_told_apart_by_what_stays() -> None:
    assert _paths(["a", "b", "c"], ["b", "c", "d"]) == [("P[0]", "a", None), ("P[2]", None, "d")]
    assert _paths(["a", "b"], ["b", "a"]) != []


def test_the_branches_of_a_choice_are_compared() -> None:
    none = {"Ref": "AWS::NoValue"}
    assert _paths({"Fn::If": ["C", {"A": 1}, none]}, {"Fn::If": ["C", {"A": 2}, none]}) == [("P.If[1].A", "1", "2")]
    other = {"Fn::If": ["D", {"A": 1}, none]}
    assert [path for path, _, _ in _paths({"Fn::If": ["C", {"A": 1}, none]}, other)] == ["P"]


def test_parameters() -> None:
    declared = {
        "Image": {"Type": "String"},
        "Kept": {"Type": "String"},
        "Count": {"Type": "Number", "Default": 1},
        "Secret": {"Type": "String", "NoEcho": True},
    }
    before = {"Image": "api:1", "Kept": "x", "Count": "2", "Secret": "****", "Gone": "y"}
    template = {"Parameters": declared}
    found = difference(template, template, before, {"Image": "api:2", "Kept": None, "Secret": "s3cret"})
    assert found.parameters == (
        PropertyChange("Image", "api:1", "api:2"),
        PropertyChange("Count", "2", "1"),
        PropertyChange("Gone", "y", None),
    )
    new = difference({}, template, {}, {"Image": "api:1", "Kept": None, "Secret": "s3cret"})
    assert "s3cret" not in str(lines_of(new))
    assert PropertyChange("Secret", None, "****") in new.parameters


_BEFORE = read_template("""\
Resources:
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Cpu: 256
      ContainerDefinitions:
        - Name: api
          Image: !Ref Image
          Environment: [{Name: LOG, Value: info}]
  Service: {Type: AWS::ECS::Service, Properties: {TaskDefinition: !Ref Task}}
  Old: {Type: AWS::SQS::Queue}
""")
_AFTER = read_template("""\
Resources:
  New:
    Type: AWS::SQS::Queue
    DependsOn: Task
    Properties: {QueueName: !Sub '${AWS::StackName}-jobs'}
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Cpu: 512
      ContainerDefinitions:
        - Name: api
          Image: !If [Mine, !Ref Image, 'nginx:1']
          Environment: [{Name: LOG, Value: debug}, {Name: PORT, Value: '80'}]
  Service: {Type: AWS::ECS::Service, Properties: {TaskDefinition: !Ref Task}}
Outputs:
  Task: {Value: !GetAtt Task.TaskDefinitionArn}
""")


def test_how_it_reads() -> None:
    found = marked(
        difference(_BEFORE, _AFTER, {}, {}),
        (
            ResourceChange("Task", _TASK, "replace", (PropertyChange("Properties.Cpu", recreates="always"),)),
            ResourceChange("Service", "AWS::ECS::Service", "modify", (PropertyChange("Properties.TaskDefinition"),)),
        ),
    )
    assert [str(line) for line in lines_of(found, {"Task": "An ECS task definition"})] == [
        "+ New (AWS::SQS::Queue)",
        "    + DependsOn: Task",
        "    + QueueName: !Sub ${AWS::StackName}-jobs",
        "! Task (AWS::ECS::TaskDefinition) is replaced: An ECS task definition",
        "    ! Cpu: 256 → 512   (replaces the resource)",
        "    ~ ContainerDefinitions[api].Image: !Ref Image → !If [Mine, !Ref Image, nginx:1]",
        "    ~ ContainerDefinitions[api].Environment[LOG].Value: info → debug",
        "    + ContainerDefinitions[api].Environment[PORT]: {Name: PORT, Value: 80}",
        "~ Service (AWS::ECS::Service)",
        "    ~ TaskDefinition",
        "- Old (AWS::SQS::Queue)",
        "+ Outputs.Task: {Value: !GetAtt Task.TaskDefinitionArn}",
    ]


def test_texts_of_several_lines_show_what_differs() -> None:
    before = {"Resources": {"F": {"Type": "T", "Properties": {"Code": "one\ntwo\nthree\nfour\nfive\n"}}}}
    after = {"Resources": {"F": {"Type": "T", "Properties": {"Code": "one\ntwo\nthree\nFOUR\nfive\n"}}}}
    assert [str(line) for line in lines_of(difference(before, after))] == [
        "~ F (T)",
        "    ~ Code:",
        "          three",
        "        - four",
        "        + FOUR",
        "          five",
    ]


def test_long_values_take_several_lines() -> None:
    long = {"Statement": [{"Effect": "Allow", "Action": [f"s3:Action{number}" for number in range(9)]}]}
    before = {"Resources": {"F": {"Type": "T", "Properties": {"Policy": "none"}}}}
    after = {"Resources": {"F": {"Type": "T", "Properties": {"Policy": long}}}}
    lines = [str(line) for line in lines_of(difference(before, after))]
    assert lines[:6] == [
        "~ F (T)",
        "    ~ Policy:",
        "        - Policy: none",
        "        + Policy:",
        "        +   Statement:",
        "        +   - Effect: Allow",
    ]
    assert len(lines) == 6 + 1 + 9


def test_a_type_cannot_change() -> None:
    (change,) = difference({"Resources": {"A": {"Type": "T"}}}, {"Resources": {"A": {"Type": "U"}}}).resources
    assert change.action == "replace"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"Ref": "Image"}, "!Ref Image"),
        ({"Fn::GetAtt": ["Role", "Arn"]}, "!GetAtt Role.Arn"),
        ({"Fn::Join": ["", ["a", {"Ref": "B"}]]}, '!Join ["", [a, !Ref B]]'),
        ({"Fn::ImportValue": {"Fn::Sub": "${App}-Vpc"}}, "!ImportValue !Sub ${App}-Vpc"),
        ({"A": "x: y", "B": []}, '{A: "x: y", B: []}'),
        ("# no comment", '"# no comment"'),
        ("arn:aws:iam::1:role/a", "arn:aws:iam::1:role/a"),
        (" a", '" a"'),
    ],
)
def test_values_in_short(value: Any, text: str) -> None:
    assert brief(value) == text


def test_the_source_of_a_new_function_is_not_shown() -> None:
    function = {
        "Type": "AWS::Lambda::Function",
        "Properties": {"Code": {"ZipFile": "import json\n\nprint(json)\n"}, "Timeout": 3},
    }
    text = "\n".join(map(str, lines_of(difference({}, {"Resources": {"F": function}}))))
    assert "import json" not in text
    assert "ZipFile: (3 lines)" in text
    assert "Timeout: '3'" in text
