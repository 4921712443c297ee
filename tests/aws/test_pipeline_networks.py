from __future__ import annotations

from dataclasses import replace

import pytest

from copilot.aws.applications import Applications
from copilot.aws.client import Aws
from copilot.aws.environments import Environments
from copilot.aws.pipeline_networks import look_at_networks
from copilot.aws.records import EnvironmentRecord
from copilot.manifest.environment import EnvironmentManifest
from copilot.manifest.loader import parse
from copilot.manifest.pipeline import PipelineManifest

MANIFEST = """\
name: main
source: {provider: GitHub, properties: {repository: 'https://github.com/ana/shop', branch: main}}
stages:
  - name: prod
    test_commands: [make test]
  - name: test
    vpc: {placement: private}
    test_commands: [make test]
"""
PLACE = ("stages", 1, "vpc")


@pytest.fixture
def records(aws: Aws) -> dict[str, EnvironmentRecord]:
    """Environments of application ``shop``, of which no more than roles are there."""
    Applications(aws, pause=0.01).create("shop")
    environments = Environments(aws, pause=0.01)
    return {name: environments.init("shop", name) for name in ("test", "prod")}


def deploy(aws: Aws, text: str = "") -> None:
    source = f"name: test\ntype: Environment\n{text}"
    manifest = parse(source, EnvironmentManifest, "manifest.yml").model
    Environments(aws, pause=0.01).deploy("shop", "test", manifest, source)


def found(aws: Aws, records: dict[str, EnvironmentRecord]) -> tuple[list[str], list[str]]:
    """What is wrong, and what is lacking."""
    findings = look_at_networks(aws, "shop", records, parse(MANIFEST, PipelineManifest, "manifest.yml").model)
    assert all(problem.path == PLACE and problem.hint for problem in (*findings.problems, *findings.lacking))
    return [problem.message for problem in findings.problems], [problem.message for problem in findings.lacking]


def test_builds_need_a_network_with_a_way_out(aws: Aws, records: dict[str, EnvironmentRecord]) -> None:
    assert found(aws, records) == (["environment `test` has no network yet, so no build can be in it"], [])
    deploy(aws)
    assert found(aws, records) == ([], ["from the private subnets of environment `test` there is no way out now"])

    stack = aws.cloudformation.describe_stacks(StackName="shop-test")["Stacks"][0]
    kept = [{"ParameterKey": each["ParameterKey"], "UsePreviousValue": True} for each in stack["Parameters"]]
    parameters = [each for each in kept if each["ParameterKey"] != "NATWorkloads"]
    aws.cloudformation.update_stack(
        StackName="shop-test",
        UsePreviousTemplate=True,
        Parameters=[*parameters, {"ParameterKey": "NATWorkloads", "ParameterValue": "api"}],  # type: ignore[list-item]
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    assert found(aws, records) == ([], [])


def test_what_an_imported_network_has_is_not_known_but_for_its_subnets(aws: Aws, records: dict[str, EnvironmentRecord]) -> None:
    vpc = aws.ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        aws.ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.1.{n}.0/24", AvailabilityZone=f"{aws.region}{'ab'[n % 2]}")["Subnet"][
            "SubnetId"
        ]
        for n in range(4)
    ]
    public = f"public: [{{id: {subnets[0]}}}, {{id: {subnets[1]}}}]"
    deploy(aws, f"network: {{vpc: {{id: {vpc}, subnets: {{{public}}}}}}}\n")
    assert found(aws, records) == (["the network of environment `test` has no private subnets"], [])
    private = f"private: [{{id: {subnets[2]}}}, {{id: {subnets[3]}}}]"
    deploy(aws, f"network: {{vpc: {{id: {vpc}, subnets: {{{public}, {private}}}}}}}\n")
    assert found(aws, records) == ([], [])


def test_networks_elsewhere_are_not_looked_at(aws: Aws, records: dict[str, EnvironmentRecord]) -> None:
    elsewhere = {name: replace(record, region="eu-west-1") for name, record in records.items()}
    assert found(aws, elsewhere) == found(aws, {}) == ([], [])
