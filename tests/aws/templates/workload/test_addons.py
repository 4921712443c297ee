from __future__ import annotations

from pathlib import Path

from copilot.aws.templates.rendering import render
from copilot.aws.templates.workload.addon_folder import read_addons
from copilot.aws.templates.workload.settings import Addons
from copilot.aws.templates.workload.stack import workload_stack
from tests.aws.lint import assert_clean
from tests.aws.templates.workload.service_stacks import BACKEND, JOB, WEB, resources_of, settings_of
from tests.aws.templates.workload.test_addon_folder import SECRET, TABLE

URL = "https://bucket.s3.us-west-2.amazonaws.com/manual/addons/api/abc.yml"


def test_without_addons() -> None:
    stack = workload_stack(settings_of(BACKEND))
    assert "AddonsStack" not in stack.template.resources
    assert "AddonsTemplateURL" not in stack.parameters


def test_a_nested_stack() -> None:
    addons = Addons(URL, parameters={"Length": "32", "Service": {"Fn::GetAtt": ["Service", "Name"]}})
    stack = workload_stack(settings_of(BACKEND, addons=addons))
    assert stack.parameters["AddonsTemplateURL"] == URL
    nested = resources_of(BACKEND, addons=addons)["AddonsStack"]
    assert nested["Type"] == "AWS::CloudFormation::Stack"
    assert nested["Properties"] == {
        "Parameters": {
            "App": {"Ref": "AppName"},
            "Env": {"Ref": "EnvName"},
            "Name": {"Ref": "WorkloadName"},
            "Length": "32",
            "Service": {"Fn::GetAtt": ["Service", "Name"]},
        },
        "TemplateURL": {"Ref": "AddonsTemplateURL"},
    }
    assert "DependsOn" not in nested


def test_addons_come_after_what_the_environment_makes() -> None:
    assert resources_of(WEB, "http: {path: /}", addons=Addons(URL))["AddonsStack"]["DependsOn"] == ["EnvControllerAction"]


def test_a_folder_becomes_part_of_a_stack(tmp_path: Path) -> None:
    (tmp_path / "table.yml").write_text(TABLE)
    (tmp_path / "secret.yml").write_text(SECRET)
    (tmp_path / "addons.parameters.yml").write_text("Parameters: {Length: 32}")
    found = read_addons(tmp_path)
    assert found is not None
    addons = Addons(URL, parameters=found.parameters, outputs=found.outputs)
    for kind, more in ((BACKEND, ""), (JOB, "on: {schedule: '@daily'}")):
        stack = workload_stack(settings_of(kind, more, addons=addons))
        assert_clean(render(stack.template))
