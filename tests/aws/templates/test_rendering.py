from __future__ import annotations

from typing import Any

import pytest
import yaml
from troposphere import GetAtt, ImportValue, Ref, Sub, Template, ecs

from copilot.aws.templates.rendering import described, descriptions, dump, render


def _template() -> Template:
    template = Template(Description="Shop")
    template.add_resource(ecs.Cluster("Cluster", ClusterName=Sub("${AWS::StackName}-x"), Metadata=described("A cluster")))
    return template


def test_functions_have_their_short_form() -> None:
    assert render(_template()) == (
        "Description: Shop\n"
        "Resources:\n"
        "  Cluster:\n"
        "    Type: AWS::ECS::Cluster\n"
        "    Metadata:\n"
        "      aws:copilot:description: A cluster\n"
        "    Properties:\n"
        "      ClusterName: !Sub ${AWS::StackName}-x\n"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Ref("A").to_dict(), "!Ref 'A'"),
        (GetAtt("A", "Arn").to_dict(), "!GetAtt 'A.Arn'"),
        ({"Fn::If": ["A", {"Ref": "B"}, "c"]}, "!If\n- A\n- !Ref 'B'\n- c"),
        (ImportValue(Sub("${A}-b")).to_dict(), "Fn::ImportValue:\n  Fn::Sub: ${A}-b"),
        ({"Fn::GetAZs": ""}, "!GetAZs ''"),
    ],
)
def test_each_function(value: dict[str, Any], text: str) -> None:
    assert _plain(dump({"x": value})) == _plain(
        f"x: {text}" if not text.startswith("Fn") else "x:\n  " + text.replace("\n", "\n  ")
    )


@pytest.mark.parametrize("value", ["2012-10-17", "yes", "012", "1.0", "null", "a\nb\n", " x", "${a}"])
def test_text_stays_text(value: str) -> None:
    assert yaml.safe_load(dump({"x": value})) == {"x": value}


@pytest.mark.parametrize("value", [{"Ref": [""]}, {"Ref": None}, {"Fn::Sub": True}, {"Fn::GetAtt": "A.Arn"}])
def test_what_is_no_function_is_written_all_the_same(value: Any) -> None:
    assert "x:" in dump({"x": value})


def test_descriptions_by_logical_id() -> None:
    assert descriptions(_template().to_dict()) == {"Cluster": "A cluster"}


def _plain(text: str) -> Any:
    return _load(yaml.compose(text))


def _load(node: Any) -> Any:
    if isinstance(node, yaml.MappingNode):
        return tuple((_load(key), _load(value)) for key, value in node.value)
    if isinstance(node, yaml.SequenceNode):
        return (node.tag, [_load(item) for item in node.value])
    return (node.tag, node.value)
