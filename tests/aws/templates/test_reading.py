from __future__ import annotations

import json

import pytest

from copilot.aws.templates.reading import read_template
from copilot.aws.templates.rendering import dump
from copilot.errors import CopilotError


def test_short_forms_become_long_ones() -> None:
    text = """\
Conditions: {Two: !Not [!Condition One]}
Resources:
  A:
    Properties:
      Arn: !GetAtt Role.Arn
      Nested: !GetAtt Stack.Outputs.Arn
      Listed: !GetAtt [Role, Arn]
      Name: !Sub '${A}-b'
      Import: !ImportValue
        Fn::Sub: x
      Pick: !If [Two, !Ref B, !Select [0, !Ref C]]
"""
    assert read_template(text) == {
        "Conditions": {"Two": {"Fn::Not": [{"Condition": "One"}]}},
        "Resources": {
            "A": {
                "Properties": {
                    "Arn": {"Fn::GetAtt": ["Role", "Arn"]},
                    "Nested": {"Fn::GetAtt": ["Stack", "Outputs.Arn"]},
                    "Listed": {"Fn::GetAtt": ["Role", "Arn"]},
                    "Name": {"Fn::Sub": "${A}-b"},
                    "Import": {"Fn::ImportValue": {"Fn::Sub": "x"}},
                    "Pick": {"Fn::If": ["Two", {"Ref": "B"}, {"Fn::Select": [0, {"Ref": "C"}]}]},
                }
            }
        },
    }


def test_dates_and_words_stay_text() -> None:
    assert read_template("{Version: 2012-10-17, A: yes, B: on, C: true, D: 3}") == {
        "Version": "2012-10-17",
        "A": "yes",
        "B": "on",
        "C": True,
        "D": 3,
    }


def test_what_is_written_is_read() -> None:
    data = {"Resources": {"A": {"Type": "T", "Properties": {"P": {"Fn::Join": ["", [{"Ref": "B"}, "c"]]}}}}}
    assert read_template(dump(data)) == data
    assert read_template(json.dumps(data)) == data


@pytest.mark.parametrize("text", ["a: [", "- a", "", "a: !Ref [\n"])
def test_what_is_no_template(text: str) -> None:
    with pytest.raises(CopilotError, match=r"^the template is no"):
        read_template(text)
