from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from copilot.aws.templates.environment.settings import ON_DEMAND, EnvironmentSettings
from copilot.aws.templates.environment.stack import EnvironmentStack, bootstrap_stack, environment_stack
from copilot.aws.templates.reading import read_template
from copilot.aws.templates.rendering import DESCRIPTION, render
from tests.aws.lint import assert_clean
from tests.aws.policies import assert_least_privilege
from tests.aws.templates.environment.variants import CERTIFICATE, VARIANTS, settings

# The limits of IAM. Of CloudFormation's, 51,200 is for templates that are sent along; those of environments may go to the bucket.
LARGEST_TEMPLATE = 60_000
LARGEST_POLICIES = 10_240
LARGEST_MANAGED_POLICY = 6_144


def _data(stack: EnvironmentStack) -> dict[str, Any]:
    return read_template(render(stack.template))


def _resources(settings: EnvironmentSettings) -> dict[str, Any]:
    resources: dict[str, Any] = _data(environment_stack(settings))["Resources"]
    return resources


def _properties(settings: EnvironmentSettings, logical_id: str) -> dict[str, Any]:
    properties: dict[str, Any] = _resources(settings)[logical_id]["Properties"]
    return properties


# Others differ from these in a value, or have less.
LINTED = sorted(set(VARIANTS) - {"access logs elsewhere", "access logs in a new region", "domain in another account, delegated"})


@pytest.mark.parametrize("name", LINTED)
def test_every_template_is_clean_narrow_described_and_the_same_each_time(name: str) -> None:
    stack = environment_stack(VARIANTS[name])
    text = render(stack.template)
    assert_clean(text)
    assert_least_privilege(text)
    assert len(text) < LARGEST_TEMPLATE
    assert render(environment_stack(VARIANTS[name]).template) == text
    data = read_template(text)
    assert {each for each, resource in data["Resources"].items() if DESCRIPTION not in resource["Metadata"]} == set()
    assert set(stack.parameters) == set(data["Parameters"])


@pytest.mark.parametrize("name", ["default", "options", "domain"])
def test_an_environment_begins_with_its_roles(name: str) -> None:
    stack = bootstrap_stack(VARIANTS[name])
    text = render(stack.template)
    assert_clean(text)
    assert_least_privilege(text)
    data = read_template(text)
    assert set(data["Resources"]) == {"CloudformationExecutionRole", "EnvironmentManagerRole"}
    assert set(data["Outputs"]) == {"CFNExecutionRoleARN", "EnvironmentManagerRoleARN"}
    assert data["Metadata"] == {"Version": "bootstrap"}
    assert stack.parameters == {
        "AppName": "shop",
        "EnvironmentName": "test",
        "ToolsAccountPrincipalARN": "arn:aws:iam::123456789012:root",
    }
    roles = data["Resources"].values()
    assert {role["DeletionPolicy"] for role in roles} == {"Retain"}
    boundary = "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/developers" if name == "options" else None
    assert [role["Properties"].get("PermissionsBoundary", {}).get("Fn::Sub") for role in roles] == [boundary] * 2


def test_what_comes_with_the_template() -> None:
    stack = environment_stack(VARIANTS["options"])
    assert stack.tags == {"team": "shop", "copilot-application": "shop", "copilot-environment": "test"}
    assert {name: stack.parameters[name] for name in ON_DEMAND} == dict.fromkeys(ON_DEMAND, "")
    assert stack.parameters["ServiceDiscoveryEndpoint"] == "test.shop.local"
    data = _data(stack)
    assert data["Metadata"] == {"Version": "v1.34.0", "Manifest": "name: test\ntype: Environment\n"}
    assert data["Outputs"]["LastForceDeployID"] == {"Value": "0123"}


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("role", ["CloudformationExecutionRole", "EnvironmentManagerRole"])
def test_the_policies_of_a_role_are_not_too_long(name: str, role: str) -> None:
    values = {
        "AWS::Partition": "aws-us-gov",
        "AWS::Region": "ap-southeast-1",
        "AWS::AccountId": "0" * 12,
        "AWS::StackName": "s" * 46,
    }
    values |= {"AppName": "a" * 30, "EnvironmentName": "e" * 16, "EnvironmentHostedZone": "Z" * 21}
    resources = _resources(VARIANTS[name])
    policies = resources[role]["Properties"]["Policies"]
    text = json.dumps(_filled_in([policy["PolicyDocument"] for policy in policies], values), separators=(",", ":"))
    assert len(text) <= LARGEST_POLICIES
    managed = resources["AddonsExecutionPolicy"]["Properties"]["PolicyDocument"]
    assert len(json.dumps(_filled_in(managed, values), separators=(",", ":"))) <= LARGEST_MANAGED_POLICY


def test_names_that_cloudformation_cuts_short_are_allowed() -> None:
    resources = _resources(replace(VARIANTS["access logs"], application="my-company-shop", environment="production"))
    policies = [each["PolicyDocument"] for each in resources["CloudformationExecutionRole"]["Properties"]["Policies"]]
    policies.append(resources["AddonsExecutionPolicy"]["Properties"]["PolicyDocument"])
    statements = [statement for policy in policies for statement in policy["Statement"]]
    ends = {each["Fn::Sub"] for statement in statements for each in statement["Resource"] if isinstance(each, dict)}
    assert "arn:${AWS::Partition}:s3:::my-company-shop-producti*" in ends
    assert "arn:${AWS::Partition}:rds:${AWS::Region}:${AWS::AccountId}:cluster:my-company-shop-producti*" in ends
    assert "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/my-company-shop-producti*" in ends
    assert not [end for end in ends if "${AppName}" in end]
    (manager,) = (each["PolicyDocument"] for each in resources["EnvironmentManagerRole"]["Properties"]["Policies"])
    (emptying,) = (each["Resource"] for each in manager["Statement"] if each.get("Sid") == "EmptyAccessLogs")
    assert emptying[0] == {"Fn::Sub": "arn:${AWS::Partition}:s3:::my-company-shop-producti*-elbaccesslogsbucket-*"}


def _filled_in(value: Any, values: dict[str, str]) -> Any:
    if isinstance(value, dict):
        if "Ref" in value:
            return values[value["Ref"]]
        if "Fn::GetAtt" in value:
            return f"arn:aws-us-gov:iam::{'0' * 12}:role/{'s' * 62}"
        if "Fn::Sub" in value:
            text = value["Fn::Sub"]
            for name, filling in values.items():
                text = text.replace(f"${{{name}}}", filling)
            assert "${" not in text
            return text
        return {key: _filled_in(item, values) for key, item in value.items()}
    return [_filled_in(item, values) for item in value] if isinstance(value, list) else value


def test_a_network_of_its_own() -> None:
    resources = _resources(VARIANTS["default"])
    cidrs = [resources[f"{kind}Subnet{number}"]["Properties"]["CidrBlock"] for kind in ("Public", "Private") for number in (1, 2)]
    assert cidrs == ["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24"]
    assert resources["VPC"]["Properties"]["CidrBlock"] == "10.0.0.0/16"
    assert resources["PrivateSubnet2"]["Properties"]["AvailabilityZone"] == {"Fn::Select": [1, {"Fn::GetAZs": ""}]}
    assert resources["NatGateway1"]["Condition"] == "CreateNATGateways"


def test_subnets_are_numbered_by_their_zones_as_in_aws_copilot() -> None:
    resources = _resources(VARIANTS["options"])
    zones = {
        f"{kind}{number}": (
            resources[f"{kind}Subnet{number}"]["Properties"]["AvailabilityZone"]["Fn::Sub"],
            resources[f"{kind}Subnet{number}"]["Properties"]["CidrBlock"],
        )
        for kind in ("Public", "Private")
        for number in (1, 2, 3)
    }
    assert zones == {
        "Public1": ("${AWS::Region}a", "10.1.1.0/24"),
        "Public2": ("${AWS::Region}b", "10.1.2.0/24"),
        "Public3": ("${AWS::Region}c", "10.1.0.0/24"),
        "Private1": ("${AWS::Region}a", "10.1.3.0/24"),
        "Private2": ("${AWS::Region}b", "10.1.4.0/24"),
        "Private3": ("${AWS::Region}c", "10.1.5.0/24"),
    }
    assert {"NatGateway3", "MountTarget3", "PublicSubnet3RouteTableAssociation"} <= set(resources)


def test_an_imported_network() -> None:
    data = _data(environment_stack(VARIANTS["imported"]))
    types = {resource["Type"] for resource in data["Resources"].values()}
    assert not {"AWS::EC2::VPC", "AWS::EC2::Subnet", "AWS::EC2::NatGateway", "AWS::EC2::Route"} & types
    assert data["Outputs"]["VpcId"]["Value"] == "vpc-0123456789abcdef0"
    assert data["Outputs"]["PublicSubnets"]["Value"] == {
        "Fn::Join": [",", ["subnet-00000000000000001", "subnet-00000000000000002"]]
    }
    assert "CreateNATGateways" not in data["Conditions"]
    assert data["Resources"]["MountTarget2"]["Properties"]["SubnetId"] == "subnet-00000000000000004"
    assert data["Resources"]["InternalLoadBalancer"]["Properties"]["Subnets"] == [
        "subnet-00000000000000003",
        "subnet-00000000000000004",
    ]


@pytest.mark.parametrize(
    ("name", "there", "missing"),
    [
        ("imported public only", "PublicLoadBalancer", "InternalLoadBalancer"),
        ("imported private only", "InternalLoadBalancer", "PublicLoadBalancer"),
    ],
)
def test_a_load_balancer_needs_subnets(name: str, there: str, missing: str) -> None:
    data = _data(environment_stack(VARIANTS[name]))
    assert there in data["Resources"]
    assert missing not in data["Resources"]
    assert f"{missing}DNSName" not in data["Outputs"]


@pytest.mark.parametrize(
    ("observability", "expected"),
    [
        (None, None),
        ({"container_insights": True}, [{"Name": "containerInsights", "Value": "enabled"}]),
        ({"container_insights": False}, [{"Name": "containerInsights", "Value": "disabled"}]),
    ],
)
def test_the_account_decides_about_insights_where_the_manifest_does_not(observability: Any, expected: Any) -> None:
    assert _properties(settings(observability=observability), "Cluster").get("ClusterSettings") == expected


def test_no_https_without_a_certificate() -> None:
    data = _data(environment_stack(VARIANTS["default"]))
    assert "HTTPSListener" not in data["Resources"]
    assert "CreateHTTPSListener" not in data["Parameters"]


def test_imported_certificates() -> None:
    data = _data(environment_stack(VARIANTS["certificates"]))
    resources = data["Resources"]
    assert resources["HTTPSListener"]["Condition"] == "ExportHTTPSListener"
    assert resources["HTTPSListener"]["Properties"]["Certificates"] == [{"CertificateArn": f"{CERTIFICATE}1"}]
    assert resources["HTTPSListener"]["Properties"]["SslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-2021-06"
    assert resources["HTTPSImportCertificate2"]["Properties"]["Certificates"] == [{"CertificateArn": f"{CERTIFICATE}2"}]
    assert resources["InternalHTTPSImportCertificate2"]["Properties"]["Certificates"] == [{"CertificateArn": f"{CERTIFICATE}4"}]
    assert data["Outputs"]["HTTPSListenerArn"]["Export"]["Name"] == {"Fn::Sub": "${AWS::StackName}-HTTPSListenerArn"}
    assert "InternalWorkloadsHostedZone" not in resources
    statements = resources["EnvironmentManagerRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    allowed = next(each for each in statements if each["Sid"] == "ImportedCertificates")
    assert allowed["Resource"] == [f"{CERTIFICATE}{number}" for number in (1, 2, 3, 4)]


def test_a_domain_in_the_same_account() -> None:
    data = _data(environment_stack(VARIANTS["domain"]))
    resources = data["Resources"]
    certificate = resources["HTTPSCert"]
    subdomain = "${EnvironmentName}.${AppName}.${AppDNSName}"
    assert certificate["DependsOn"] == "DelegationRecord"
    assert certificate["Properties"]["SubjectAlternativeNames"] == [{"Fn::Sub": f"*.{subdomain}"}]
    assert resources["DelegationRecord"]["Properties"]["HostedZoneId"] == "Z0123456789ABC"
    assert resources["DelegationRecord"]["Properties"]["ResourceRecords"] == {
        "Fn::GetAtt": ["EnvironmentHostedZone", "NameServers"]
    }
    assert resources["HTTPSListener"]["Properties"]["Certificates"] == [{"CertificateArn": {"Ref": "HTTPSCert"}}]
    assert data["Outputs"]["EnvironmentSubdomain"]["Value"] == {"Fn::Sub": subdomain}


def test_a_domain_in_another_account_comes_in_two_steps() -> None:
    first = _data(environment_stack(VARIANTS["domain in another account"]))
    assert "EnvironmentNameServers" in first["Outputs"]
    assert not {"HTTPSCert", "DelegationRecord", "HTTPSListener"} & set(first["Resources"])
    second = _data(environment_stack(VARIANTS["domain in another account, delegated"]))
    assert set(second["Resources"]) - set(first["Resources"]) == {
        "EnvironmentHTTPSSecurityGroupIngressFromPublicALB",
        "HTTPSCert",
        "HTTPSListener",
        "PublicHTTPSLoadBalancerSecurityGroup",
    }


def test_certificates_of_its_own_take_the_place_of_the_domain() -> None:
    data = _data(environment_stack(VARIANTS["certificates"]))
    assert "EnvironmentHostedZone" not in data["Resources"]
    assert "EnvironmentSubdomain" not in data["Outputs"]


def test_the_rules_of_the_manifest() -> None:
    group = _properties(VARIANTS["options"], "EnvironmentSecurityGroup")
    assert group["SecurityGroupIngress"] == [{"IpProtocol": "tcp", "CidrIp": "10.0.0.0/8", "FromPort": 8000, "ToPort": 8080}]
    assert group["SecurityGroupEgress"] == [{"IpProtocol": "-1", "CidrIp": "0.0.0.0/0"}]
    group = _properties(VARIANTS["options"], "PublicHTTPLoadBalancerSecurityGroup")
    assert [rule.get("CidrIp") or rule["CidrIpv6"] for rule in group["SecurityGroupIngress"]] == ["192.0.2.0/24", "2001:db8::/32"]


@pytest.mark.parametrize(
    ("name", "principal", "folder"),
    [
        ("access logs", {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::127311923021:root"}}, "AWSLogs"),
        ("access logs in a new region", {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}, "test/AWSLogs"),
    ],
)
def test_a_bucket_for_access_logs(name: str, principal: Any, folder: str) -> None:
    resources = _resources(VARIANTS[name])
    (statement,) = resources["ELBAccessLogsBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Principal"] == principal
    assert statement["Resource"] == {
        "Fn::Sub": f"arn:${{AWS::Partition}}:s3:::${{ELBAccessLogsBucket}}/{folder}/${{AWS::AccountId}}/*"
    }
    assert resources["PublicLoadBalancer"]["DependsOn"] == "ELBAccessLogsBucketPolicy"


def test_a_bucket_that_exists_takes_access_logs() -> None:
    resources = _resources(VARIANTS["access logs elsewhere"])
    assert "ELBAccessLogsBucket" not in resources
    assert resources["PublicLoadBalancer"]["Properties"]["LoadBalancerAttributes"] == [
        {"Key": "access_logs.s3.enabled", "Value": "true"},
        {"Key": "access_logs.s3.prefix", "Value": "test"},
        {"Key": "access_logs.s3.bucket", "Value": "logs"},
    ]
