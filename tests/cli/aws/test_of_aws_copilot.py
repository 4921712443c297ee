"""An application that AWS Copilot 1.34 made, driven with our commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from copilot.aws.client import Aws
from tests.aws.conftest import ACCOUNT, REGION
from tests.aws.templates import originals
from tests.cli.aws.conftest import WEB, make_environment, write_manifest
from tests.cli.conftest import Cli

_APPLICATION = {"name": "shop", "account": ACCOUNT, "domain": "", "domainHostedZoneID": "", "version": "1.0"}
_ENVIRONMENT = {
    "app": "shop",
    "name": "test",
    "region": REGION,
    "accountID": ACCOUNT,
    "registryURL": "",
    "executionRoleARN": f"arn:aws:iam::{ACCOUNT}:role/shop-test-CFNExecutionRole",
    "managerRoleARN": f"arn:aws:iam::{ACCOUNT}:role/shop-test-EnvManagerRole",
}
_WEB = {"app": "shop", "name": "web", "type": "Load Balanced Web Service"}
_STACK = """\
AWSTemplateFormatVersion: 2010-09-09
Metadata:
  Version: v1.34.1
Parameters:
  AppName: {Type: String}
  EnvName: {Type: String}
  WorkloadName: {Type: String}
  ContainerImage: {Type: String}
  ContainerPort: {Type: Number}
  TaskCPU: {Type: String}
  TaskMemory: {Type: String}
  TaskCount: {Type: Number}
  RulePath: {Type: String}
Resources:
  LogGroup:
    Type: AWS::Logs::LogGroup
    Properties: {LogGroupName: !Sub '/copilot/${AppName}-${EnvName}-${WorkloadName}', RetentionInDays: 30}
  ExecutionRole: &role
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement: [{Effect: Allow, Principal: {Service: ecs-tasks.amazonaws.com}, Action: 'sts:AssumeRole'}]
  TaskRole: *role
  TaskDefinition:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Family: !Sub '${AppName}-${EnvName}-${WorkloadName}'
      NetworkMode: awsvpc
      RequiresCompatibilities: [FARGATE]
      Cpu: !Ref TaskCPU
      Memory: !Ref TaskMemory
      ExecutionRoleArn: !GetAtt ExecutionRole.Arn
      TaskRoleArn: !GetAtt TaskRole.Arn
      ContainerDefinitions:
        - Name: !Ref WorkloadName
          Image: !Ref ContainerImage
          PortMappings: [{ContainerPort: !Ref ContainerPort, Name: target}]
  DiscoveryService:
    Type: AWS::ServiceDiscovery::Service
    Properties: {Name: !Ref WorkloadName, NamespaceId: !ImportValue shop-test-ServiceDiscoveryNamespaceID}
  TargetGroup:
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    Properties:
      HealthCheckPath: /
      Port: !Ref ContainerPort
      Protocol: HTTP
      TargetType: ip
      VpcId: !ImportValue shop-test-VpcId
  Service:
    Type: AWS::ECS::Service
    Properties:
      Cluster: !ImportValue shop-test-ClusterId
      TaskDefinition: !Ref TaskDefinition
      DesiredCount: !Ref TaskCount
      LaunchType: FARGATE
"""
_PARAMETERS = {
    "AppName": "shop",
    "EnvName": "test",
    "WorkloadName": "web",
    "ContainerImage": "nginx:1.25",
    "ContainerPort": "80",
    "TaskCPU": "256",
    "TaskMemory": "512",
    "TaskCount": "1",
    "RulePath": "/",
}


@pytest.fixture
def original(shop: Aws) -> Aws:
    """The StackSet's template, all parameters in SSM and the service are AWS Copilot's own."""
    shop.cloudformation.update_stack_set(
        StackSetName="shop-infrastructure",
        TemplateBody=originals.infrastructure("shop", ["web"], [ACCOUNT], 2),
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    _write(shop, "", _APPLICATION)
    _write(shop, "/environments/test", _ENVIRONMENT)
    _write(shop, "/components/web", _WEB)
    shop.cloudformation.create_stack(
        StackName="shop-test-web",
        TemplateBody=_STACK,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in _PARAMETERS.items()],
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Tags=[{"Key": f"copilot-{key}", "Value": value} for key, value in _TAGS.items()],
    )
    # Its workspace file knows no engine.
    Path("copilot/.workspace").write_text("application: shop\n")
    return shop


_TAGS = {"application": "shop", "environment": "test", "service": "web"}


def _write(aws: Aws, path: str, value: object) -> None:
    text = json.dumps(value, separators=(",", ":"))
    aws.ssm.put_parameter(Name=f"/copilot/applications/shop{path}", Value=text, Type="String", Overwrite=True)


def test_it_is_listed_and_shown(cli: Cli, original: Aws) -> None:
    del original
    shown = json.loads(cli.ok("app", "show", "--json").stdout)
    assert (shown["name"], shown["account"]) == ("shop", ACCOUNT)
    assert [service["name"] for service in shown["services"]] == ["web"]
    (environment,) = json.loads(cli.ok("env", "ls", "--json").stdout)["environments"]
    assert _ENVIRONMENT.items() <= environment.items()
    assert json.loads(cli.ok("svc", "ls", "--json").stdout) == {"services": [_WEB]}
    settings = json.loads(cli.ok("svc", "show", "--json").stdout)["configurations"]
    assert settings == [
        {"environment": "test", "port": "80", "cpu": "256", "memory": "512", "platform": "LINUX/X86_64", "tasks": "1"}
    ]
    without = cli("svc", "show", "--manifest", "test")
    assert without.exit_code == 1
    assert "does not hold the manifest it was made from" in without.stderr
    assert json.loads(cli.ok("svc", "status", "--json").stdout)["Service"]["desiredCount"] == 1


def test_it_is_updated_in_place(cli: Cli, original: Aws) -> None:
    write_manifest("web", WEB)
    differs = cli("svc", "package", "--env", "test", "--diff")
    assert differs.exit_code == 1
    assert "ContainerImage: nginx:1.25 → nginx:1.27" in differs.stdout
    before = _resources(original)
    result = cli.ok("svc", "deploy", "--name", "web", "--env", "test")
    assert "Updated web to test in" in result.stderr
    after = _resources(original)
    for kept in ("LogGroup", "ExecutionRole", "TaskRole", "DiscoveryService", "TargetGroup", "Service"):
        assert after[kept] == before[kept], kept
    for where, value in (("/environments/test", _ENVIRONMENT), ("/components/web", _WEB), ("", _APPLICATION)):
        stored = original.ssm.get_parameter(Name=f"/copilot/applications/shop{where}")["Parameter"]["Value"]
        assert json.loads(stored) == value
    assert cli("svc", "package", "--env", "test", "--diff").exit_code == 0


def test_another_environment_and_service_are_added(cli: Cli, original: Aws) -> None:
    make_environment(original, "prod")
    cli.ok("svc", "init", "--name", "api", "--svc-type", "Backend Service", "--image", "busybox:1.36")
    cli.ok("deploy", "--name", "api", "--env", "prod")
    assert {each["repositoryName"] for each in original.ecr.describe_repositories()["repositories"]} == {"shop/web", "shop/api"}
    stored = original.ssm.get_parameter(Name="/copilot/applications/shop/components/api")["Parameter"]["Value"]
    assert json.loads(stored) == {"app": "shop", "name": "api", "type": "Backend Service"}


def _resources(aws: Aws) -> dict[str, str]:
    listed = aws.cloudformation.list_stack_resources(StackName="shop-test-web")["StackResourceSummaries"]
    return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in listed}
