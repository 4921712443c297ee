from __future__ import annotations

from typing import Any

import pytest

from copilot.aws.templates.environment.settings import EnvironmentSettings
from copilot.aws.templates.environment.stack import environment_stack
from copilot.aws.templates.reading import read_template
from copilot.aws.templates.rendering import render
from copilot.errors import UnsupportedError
from tests.aws.replacement import assert_updates_in_place
from tests.aws.templates.environment.original import original
from tests.aws.templates.environment.variants import VARIANTS

PARAMETERS = {
    "AppName": "shop",
    "EnvironmentName": "test",
    "AppDNSName": "example.com",
    "ServiceDiscoveryEndpoint": "test.shop.local",
}


def _updated(settings: EnvironmentSettings, before: str) -> str:
    return render(environment_stack(settings, read_template(before)).template)


def test_an_environment_of_aws_copilot_is_updated_in_place() -> None:
    before = original()
    assert_updates_in_place(before, _updated(VARIANTS["default"], before), PARAMETERS)


def test_its_certificate_and_records_stay_with_the_functions_that_made_them() -> None:
    before = original(domain=True)
    after = _updated(VARIANTS["domain"], before)
    assert_updates_in_place(before, after, PARAMETERS)
    old, new = read_template(before), read_template(after)
    for name in ("HTTPSCert", "DelegateDNSAction", "CustomDomainAction", "CertificateValidationFunction", "CustomResourceRole"):
        assert new["Resources"][name] == old["Resources"][name]
    assert "DelegationRecord" not in new["Resources"]
    assert {"AppDNSDelegationRole", "AppDNSName"} <= set(new["Parameters"])
    assert {"DelegateDNS", "ManagedAliases"} <= set(new["Conditions"])


def test_updating_it_again_changes_nothing() -> None:
    once = _updated(VARIANTS["domain"], original(domain=True))
    assert _updated(VARIANTS["domain"], once) == once


def test_our_own_certificate_stays_ours() -> None:
    ours = render(environment_stack(VARIANTS["domain"]).template)
    assert _updated(VARIANTS["domain"], ours) == ours


def test_without_the_domain_its_functions_go() -> None:
    after = read_template(_updated(VARIANTS["certificates"], original(domain=True)))
    assert not {"HTTPSCert", "CertificateValidationFunction", "EnvironmentHostedZone"} & set(after["Resources"])


def test_what_empties_the_bucket_stays_while_the_bucket_does() -> None:
    before = original(access_logs=True)
    after = _updated(VARIANTS["access logs"], before)
    assert_updates_in_place(before, after, PARAMETERS)
    gone = read_template(_updated(VARIANTS["default"], before))
    assert not {name for name in gone["Resources"] if "Bucket" in name}


def test_a_content_delivery_network_is_not_taken_away_in_silence() -> None:
    before = read_template(original())
    before["Resources"]["CloudFrontDistribution"] = {"Type": "AWS::CloudFront::Distribution"}
    with pytest.raises(UnsupportedError, match="content delivery network"):
        environment_stack(VARIANTS["default"], before)


def test_what_only_aws_copilot_makes_stays() -> None:
    """Addons of the environment, and what private services of App Runner need."""
    before = read_template(original())
    endpoint: dict[str, Any] = {
        "Type": "AWS::EC2::VPCEndpoint",
        "Condition": "CreateAppRunnerVPCEndpoint",
        "Properties": {"VpcId": {"Ref": "VPC"}, "ServiceName": {"Fn::Sub": "com.amazonaws.${AWS::Region}.apprunner.requests"}},
    }
    addons = {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "https://example.com/addons"}}
    output = {"Condition": "CreateAppRunnerVPCEndpoint", "Value": {"Ref": "AppRunnerVpcEndpoint"}}
    before["Resources"] |= {"AppRunnerVpcEndpoint": endpoint, "AddonsStack": addons}
    before["Outputs"]["AppRunnerVpcEndpointId"] = output
    stack = environment_stack(VARIANTS["default"], before)
    after = read_template(render(stack.template))
    assert after["Resources"]["AppRunnerVpcEndpoint"] == endpoint
    assert after["Resources"]["AddonsStack"] == {**addons, "DependsOn": ["AddonsExecutionPolicy"]}
    assert _updated(VARIANTS["default"], render(stack.template)) == render(stack.template)
    assert after["Outputs"]["AppRunnerVpcEndpointId"] == output
    assert after["Parameters"]["AppRunnerPrivateWorkloads"] == {"Type": "String"}
    assert "AppRunnerPrivateWorkloads" not in stack.parameters
    # Without that CloudFormation would see no change when AWS Copilot asks for another private service.
    assert after["Outputs"]["EnabledFeatures"]["Value"]["Fn::Sub"].endswith(",${Aliases},${AppRunnerPrivateWorkloads}")
