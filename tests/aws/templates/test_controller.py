from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from troposphere import Parameter, Ref, Template, logs

from copilot.aws.templates.controller import controller_resources
from copilot.aws.templates.reading import read_template
from copilot.aws.templates.rendering import render
from copilot.aws.templates.workload.settings import EnvironmentFacts, WorkloadSettings
from copilot.manifest.workload import BackendService
from tests.aws.lint import assert_clean
from tests.aws.policies import assert_least_privilege
from tests.aws.replacement import assert_updates_in_place

SETTINGS = WorkloadSettings(
    application="shop",
    environment="test",
    manifest=BackendService.model_validate({"name": "api", "type": "Backend Service", "image": {"location": "nginx"}}),
    facts=EnvironmentFacts("123456789012", "us-east-1"),
)


def _template(settings: WorkloadSettings, aliases: tuple[str, ...] = ()) -> str:
    template = Template()
    for name in ("AppName", "EnvName", "WorkloadName"):
        template.add_parameter(Parameter(name, Type="String"))
    group = logs.LogGroup("LogGroup", LogGroupName=Ref("WorkloadName"), RetentionInDays=30)
    group.DeletionPolicy = group.UpdateReplacePolicy = "Delete"
    template.add_resource(group)
    for resource in controller_resources(settings, ["ALBWorkloads"], aliases):
        template.add_resource(resource)
    return render(template)


def _resources(template: str) -> dict[str, Any]:
    resources: dict[str, Any] = read_template(template)["Resources"]
    return resources


@pytest.mark.parametrize("boundary", [None, "developers"])
def test_the_template_is_clean_and_narrow(boundary: str | None) -> None:
    template = _template(replace(SETTINGS, permissions_boundary=boundary), ("a.example.com",))
    assert_clean(template)
    assert_least_privilege(template)
    role = _resources(template)["EnvControllerRole"]["Properties"]
    bound = {"Fn::Sub": f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:policy/{boundary}"} if boundary else None
    assert role.get("PermissionsBoundary") == bound


def test_what_the_environment_is_asked_for() -> None:
    action = _resources(_template(SETTINGS, ("a.example.com",)))["EnvControllerAction"]["Properties"]
    assert action == {
        "ServiceToken": {"Fn::GetAtt": ["EnvControllerFunction", "Arn"]},
        "Workload": {"Ref": "WorkloadName"},
        "EnvStack": {"Fn::Sub": "${AppName}-${EnvName}"},
        "Parameters": ["ALBWorkloads"],
        "EnvVersion": "private subnets",
        "ServiceTimeout": 960,
        "Aliases": ["a.example.com"],
    }


def test_it_is_asked_again_when_the_environment_has_other_outputs() -> None:
    facts = replace(SETTINGS.facts, domain="example.com", private_subnets=False)
    before, after = (
        _resources(_template(each))["EnvControllerAction"]["Properties"]["EnvVersion"]
        for each in (SETTINGS, replace(SETTINGS, facts=facts))
    )
    assert (before, after) == ("private subnets", "domain")


def test_the_function_in_the_template_is_python() -> None:
    source = _resources(_template(SETTINGS))["EnvControllerFunction"]["Properties"]["Code"]["ZipFile"]
    names: dict[str, Any] = {}
    exec(compile(source, "index.py", "exec"), names)
    assert callable(names["handler"])
    assert "noqa" not in source


def test_a_stack_of_aws_copilot_is_updated_in_place() -> None:
    after = _template(SETTINGS)
    original = """
Resources:
  LogGroup: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: !Ref WorkloadName}}
  EnvControllerAction:
    Type: Custom::EnvControllerFunction
    Properties: {ServiceToken: !GetAtt EnvControllerFunction.Arn, Workload: !Ref WorkloadName}
  EnvControllerFunction:
    Type: AWS::Lambda::Function
    Properties: {Handler: index.handler, Runtime: nodejs20.x, Code: {S3Bucket: bucket, S3Key: key}}
  EnvControllerRole: {Type: AWS::IAM::Role, Properties: {Path: /}}
"""
    assert_updates_in_place(original, after)
