from __future__ import annotations

import json
from typing import Any

import pytest

from copilot.aws import names
from copilot.aws.applications import Applications
from copilot.aws.client import Aws
from copilot.aws.environments import Environments
from copilot.aws.stacks import Stacks
from copilot.aws.store import Store
from copilot.aws.templates.workload.settings import EnvironmentFacts
from copilot.errors import ConflictError, NotFoundError
from tests.aws.environments.conftest import SOURCE, facts, manifest
from tests.aws.templates.environment.variants import CERTIFICATE, IMPORTED

STACK = "shop-test"


def test_init_makes_the_roles_and_writes_the_environment_down(environments: Environments, aws: Aws) -> None:
    _leave_a_role(aws)
    record = environments.init("shop", "test")
    written = aws.ssm.get_parameter(Name=names.environment_parameter("shop", "test"))["Parameter"]["Value"]
    assert json.loads(written) == {
        "app": "shop",
        "name": "test",
        "region": "us-east-1",
        "accountID": "123456789012",
        "registryURL": "",
        "executionRoleARN": "arn:aws:iam::123456789012:role/shop-test-CFNExecutionRole",
        "managerRoleARN": "arn:aws:iam::123456789012:role/shop-test-EnvManagerRole",
    }
    assert record == Store(aws).environment("shop", "test")
    detail = environments.show("shop", "test")
    assert not detail.deployed
    assert {each.logical_id for each in detail.resources} == {"CloudformationExecutionRole", "EnvironmentManagerRole"}
    assert detail.stack is not None
    assert detail.stack.tags == {"copilot-application": "shop", "copilot-environment": "test"}
    assert aws.iam.get_role(RoleName="shop-test-EnvManagerRole")["Role"].get("Description") != "left"
    with pytest.raises(ConflictError, match="was made, but not deployed yet"):
        facts(aws)

    assert environments.init("shop", "test") == record
    aws.cloudformation.delete_stack(StackName=STACK)
    assert environments.show("shop", "test").stack is None


def _leave_a_role(aws: Aws) -> None:
    """As a stack does that was deleted: its roles are retained."""
    tags: Any = [{"Key": "copilot-application", "Value": "shop"}, {"Key": "copilot-environment", "Value": "test"}]
    name, trust = "shop-test-EnvManagerRole", json.dumps({"Version": "2012-10-17", "Statement": []})
    rights = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["sts:GetCallerIdentity"], "Resource": "*"}]}
    aws.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust, Tags=tags, Description="left")
    aws.iam.put_role_policy(RoleName=name, PolicyName="root", PolicyDocument=json.dumps(rights))


def test_init_elsewhere(environments: Environments, aws: Aws) -> None:
    there = aws.assumed("arn:aws:iam::210987654321:role/admin", "eu-west-1")
    record = environments.init("shop", "prod", there)
    assert (record.account, record.region) == ("210987654321", "eu-west-1")
    assert Applications(aws).regions("shop") == ["eu-west-1"]
    assert there.cloudformation.describe_stacks(StackName="shop-prod")["Stacks"]
    trust: Any = there.iam.get_role(RoleName="shop-prod-EnvManagerRole")["Role"]["AssumeRolePolicyDocument"]
    assert trust["Statement"][0]["Principal"] == {"AWS": "arn:aws:iam::123456789012:root"}
    with pytest.raises(ConflictError, match="environment `prod` is in account 210987654321, region eu-west-1"):
        environments.init("shop", "prod")

    template = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
    tags = {"copilot-application": "shop", "copilot-environment": "test", "copilot-service": "api"}
    pairs: Any = [{"Key": key, "Value": value} for key, value in tags.items()]
    aws.cloudformation.create_stack(StackName=STACK, TemplateBody=template, Tags=pairs)
    with pytest.raises(ConflictError, match="there is a stack `shop-test` already, which is not that of environment `test`"):
        environments.init("shop", "test")
    with pytest.raises(NotFoundError, match="there is no environment `test` in application `shop`"):
        environments.deploy("shop", "test", manifest(), SOURCE)
    with pytest.raises(NotFoundError, match="there is no application `shoe`"):
        environments.init("shoe", "test")


def test_deploy(environments: Environments, aws: Aws) -> None:
    environments.init("shop", "test")
    assert environments.deploy("shop", "test", manifest(), SOURCE) == "updated"
    detail = environments.show("shop", "test")
    assert (detail.deployed, detail.manifest, detail.workloads) == (True, SOURCE, ())
    assert detail.stack is not None
    assert detail.stack.outputs["VpcId"].startswith("vpc-")
    assert len(detail.stack.outputs["PublicSubnets"].split(",")) == 2
    assert detail.stack.parameters["ServiceDiscoveryEndpoint"] == "test.shop.local"
    assert facts(aws) == EnvironmentFacts("123456789012", "us-east-1")
    assert environments.deploy("shop", "test", manifest(), SOURCE) == "unchanged"
    assert environments.propose("shop", "test", manifest(), SOURCE) is None

    # By force it is updated although nothing changes, and from then on not again.
    assert environments.deploy("shop", "test", manifest(), SOURCE, force=True) == "updated"
    token = Stacks(aws).require(STACK).outputs["LastForceDeployID"]
    assert token
    assert environments.deploy("shop", "test", manifest(), SOURCE) == "unchanged"

    with_insights = manifest(observability={"container_insights": True})
    assert environments.deploy("shop", "test", with_insights, SOURCE, detach=True) == "updated"
    assert environments.deploy("shop", "test", with_insights, SOURCE, detach=True) == "unchanged"

    # Another `env init` takes nothing away.
    Store(aws).delete_environment("shop", "test")
    environments.init("shop", "test")
    assert "VPC" in {each.logical_id for each in environments.show("shop", "test").resources}


def test_deploy_keeps_what_workloads_asked_for(environments: Environments, aws: Aws) -> None:
    environments.init("shop", "test")
    environments.deploy("shop", "test", manifest(), SOURCE)
    given: Any = [
        {"ParameterKey": key, **({"ParameterValue": "api,web"} if key == "ALBWorkloads" else {"UsePreviousValue": True})}
        for key in Stacks(aws).require(STACK).parameters
    ]
    aws.cloudformation.update_stack(StackName=STACK, UsePreviousTemplate=True, Parameters=given)
    with_insights = manifest(observability={"container_insights": True})
    proposal = environments.propose("shop", "test", with_insights, SOURCE)
    assert proposal is not None
    with proposal:
        assert "Cluster" in {each.logical_id for each in proposal.changes}
    assert environments.deploy("shop", "test", with_insights, SOURCE) == "updated"
    stack = Stacks(aws).require(STACK)
    assert stack.parameters["ALBWorkloads"] == "api,web"
    files = environments.package("shop", "test", with_insights, SOURCE).files
    assert list(files) == ["test.env.yml", "test.env.params.json"]
    assert files["test.env.yml"] == Stacks(aws).template(STACK)
    configuration = json.loads(files["test.env.params.json"])
    assert configuration == {
        "Parameters": dict(stack.parameters),
        "Tags": {"copilot-application": "shop", "copilot-environment": "test"},
    }


def test_an_imported_network_and_certificates(environments: Environments, aws: Aws) -> None:
    environments.init("shop", "test")
    certificates = {"public": {"certificates": [f"{CERTIFICATE}1"]}, "private": {"certificates": [f"{CERTIFICATE}2"]}}
    subnets = {"public": IMPORTED["subnets"]["public"]}
    environments.deploy("shop", "test", manifest(network={"vpc": {**IMPORTED, "subnets": subnets}}, http=certificates), SOURCE)
    known = facts(aws)
    assert (known.public_certificates, known.private_certificates, known.private_subnets) == (True, False, False)
