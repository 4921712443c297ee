"""Projects inside of an environment's network."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from copilot.aws.templates.pipeline.checks import problems
from copilot.aws.templates.pipeline.settings import PipelineSettings
from copilot.aws.templates.pipeline.sizes import oversized_roles
from copilot.aws.templates.pipeline.stack import pipeline_stack
from copilot.aws.templates.reading import read_template
from copilot.aws.templates.rendering import render
from copilot.errors import ManifestError
from tests.aws.granted import place, role_policies
from tests.aws.iam import Need, missing
from tests.aws.lint import assert_clean
from tests.aws.policies import assert_least_privilege, statements
from tests.aws.templates.pipeline.pipelines import ACCOUNT, REGION, settings_of, source

STAGES = """\
stages:
  - name: test
    vpc: {placement: private}
    pre_deployments:
      migrate: {buildspec: copilot/migrate.yml}
    test_commands: [make test]
  - name: prod
    test_commands: [make test]
"""
INSIDE = ("PretestDeploymentActionmigrate", "BuildTestCommandstest")


def resources(settings: PipelineSettings) -> dict[str, Any]:
    return dict(read_template(render(pipeline_stack(settings).template))["Resources"])


def test_projects_are_in_the_private_subnets_of_their_environment() -> None:
    settings = settings_of(source("GitHub") + STAGES, regions={"prod": "eu-west-1"})
    template = render(pipeline_stack(settings).template)
    assert_clean(template)
    assert_least_privilege(template)
    made = resources(settings)
    for name in INSIDE:
        assert made[name]["Properties"]["VpcConfig"] == {
            "VpcId": {"Fn::ImportValue": "shop-test-VpcId"},
            "Subnets": {"Fn::Split": [",", {"Fn::ImportValue": "shop-test-PrivateSubnets"}]},
            "SecurityGroupIds": [{"Fn::ImportValue": "shop-test-EnvironmentSecurityGroup"}],
        }
        assert "Cache" not in made[name]["Properties"]
    outside = [name for name, each in made.items() if each["Type"] == "AWS::CodeBuild::Project" and name not in INSIDE]
    assert outside
    assert not any("VpcConfig" in made[name]["Properties"] for name in outside)


def test_roles_may_work_in_that_network_only() -> None:
    """CodeBuild looks at what a role may do when the project is made: so that must be in the role itself."""
    settings = settings_of(source("GitHub") + STAGES)
    of_network = [
        each
        for each in statements(render(pipeline_stack(settings).template))
        if any(action.startswith("ec2:") for action in each.actions)
    ]
    assert {each.where.split(".")[0] for each in of_network} == {f"{name}BuildProjectRole" for name in INSIDE}
    changing = [each for each in of_network if not all(action.startswith("ec2:Describe") for action in each.actions)]
    for each in changing:
        assert each.conditioned or "security-group" in str(each.resources)
    (hands_over,) = {str(each.data["Condition"]) for each in changing if "ec2:CreateNetworkInterfacePermission" in each.actions}
    assert "'ec2:AuthorizedService': 'codebuild.amazonaws.com'" in hands_over
    assert "shop-test-VpcId" in hands_over


def in_network(vpc: str) -> list[Need]:
    """What CodeBuild does to be in a network: "… required to create a VPC network interface" in its user guide."""
    here = f"arn:aws:ec2:{REGION}:{ACCOUNT}"
    within = {"ec2:Vpc": f"{here}:vpc/{vpc}"}
    interface = f"{here}:network-interface/eni-1"
    looking = ("DhcpOptions", "NetworkInterfaces", "SecurityGroups", "Subnets", "Vpcs")
    return [
        # An action that is about several resources needs each of them.
        Need("ec2:CreateNetworkInterface", interface, within),
        Need("ec2:CreateNetworkInterface", f"{here}:subnet/subnet-1", within),
        Need("ec2:CreateNetworkInterface", f"{here}:security-group/<shop-test-EnvironmentSecurityGroup>", within),
        Need("ec2:CreateNetworkInterfacePermission", interface, {**within, "ec2:AuthorizedService": "codebuild.amazonaws.com"}),
        Need("ec2:DeleteNetworkInterface", interface, within),
        *(Need(f"ec2:Describe{what}") for what in looking),
    ]


@pytest.mark.parametrize("project", INSIDE)
def test_roles_may_do_what_codebuild_does_in_a_network(project: str) -> None:
    settings = settings_of(source("GitHub") + STAGES)
    template = render(pipeline_stack(settings).template)
    policies = role_policies(template, f"{project}BuildProjectRole", place(settings.stack_name, REGION, ACCOUNT))
    assert missing(in_network("<shop-test-VpcId>"), policies) == []
    elsewhere = missing(in_network("vpc-others"), policies)
    assert {each.split()[0] for each in elsewhere} == {
        "ec2:CreateNetworkInterface",
        "ec2:CreateNetworkInterfacePermission",
        "ec2:DeleteNetworkInterface",
    }
    outside = role_policies(template, "BuildTestCommandsprodBuildProjectRole", place(settings.stack_name, REGION, ACCOUNT))
    assert len(missing(in_network("<shop-test-VpcId>"), outside)) == len(in_network(""))


def test_a_network_is_where_its_pipeline_is() -> None:
    elsewhere = settings_of(source("GitHub") + STAGES, regions={"test": "eu-west-1"})
    (problem,) = problems(elsewhere)
    assert (problem.path, problem.at) == (("stages", 0, "vpc"), "key")
    assert "it is in eu-west-1, and the pipeline in us-east-1" in problem.message
    others = settings_of(source("GitHub") + STAGES)
    (problem,) = problems(replace(others, account="222222222222"))
    assert "it is in account 123456789012, and the pipeline in 222222222222" in problem.message
    assert problems(replace(others, account=None)) == []


def test_the_length_of_policies_is_known_with_networks_too() -> None:
    hooks = "".join(f"      hook{number}: {{buildspec: copilot/hook.yml}}\n" for number in range(3))
    text = f"{source('GitHub')}stages:\n  - name: test\n    vpc: {{placement: private}}\n    pre_deployments:\n{hooks}"
    assert list(oversized_roles(settings_of(text))) == []


@pytest.mark.parametrize(
    ("vpc", "message", "hint"),
    [
        ("{placement: public}", "`vpc.placement` in stage `test` cannot be `public`", "no public address there"),
        ("{placement: isolated}", "`vpc.placement` in stage `test` is unknown: `isolated`", "it is `private`"),
        ("{placement: }", "`vpc.placement` in stage `test` has no value", ""),
        ("{}", "`placement` is missing in `vpc` of stage `test`", "write `placement: private`"),
        ("private", "`vpc` in stage `test` must be a mapping", ""),
        ("{placement: private, subnets: [a]}", "unknown key `subnets` in `vpc` of stage `test`", ""),
    ],
)
def test_only_private_subnets_have_a_way_out(vpc: str, message: str, hint: str) -> None:
    with pytest.raises(ManifestError) as error:
        settings_of(f"{source('GitHub')}stages: [{{name: test, vpc: {vpc}, test_commands: [make]}}]\n")
    (diagnostic,) = error.value.diagnostics
    assert diagnostic.message.startswith(message)
    assert hint in (diagnostic.hint or "")


def test_a_stage_without_builds_of_its_own_has_nothing_to_put_there() -> None:
    with pytest.raises(ManifestError, match="1 error") as error:
        settings_of(f"{source('GitHub')}stages: [{{name: test, vpc: {{placement: private}}}}]\n")
    assert "the stage has none of them" in error.value.diagnostics[0].message
