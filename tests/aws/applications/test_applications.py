from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from copilot.aws import names
from copilot.aws.applications import Applications
from copilot.aws.client import Aws
from copilot.aws.records import ApplicationRecord, EnvironmentRecord
from copilot.aws.stack_values import StackEvent
from copilot.aws.templates.infrastructure import Infrastructure, infrastructure_template, read_infrastructure
from copilot.aws.templates.reading import read_template
from copilot.aws.templates.roles import roles_parameters
from copilot.errors import ConflictError, DeploymentError, NotFoundError, UnsupportedError
from tests.aws.conftest import ACCOUNT
from tests.aws.replacement import assert_updates_in_place
from tests.aws.templates import originals

OTHER = "222222222222"


@pytest.fixture
def applications(aws: Aws) -> Applications:
    return Applications(aws, pause=0.01)


def _infrastructure(aws: Aws) -> Infrastructure:
    return read_infrastructure("shop", _template(aws))


def _template(aws: Aws) -> str:
    return aws.cloudformation.describe_stack_set(StackSetName="shop-infrastructure")["StackSet"]["TemplateBody"]


def _workloads(aws: Aws) -> list[str]:
    return [each.name for each in _infrastructure(aws).workloads]


def _repositories(aws: Aws, region: str) -> list[str]:
    return sorted(each["repositoryName"] for each in aws.in_region(region).ecr.describe_repositories()["repositories"])


def _push(aws: Aws, repository: str, region: str) -> None:
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": [], "config": {}}
    aws.in_region(region).ecr.put_image(repositoryName=repository, imageManifest=json.dumps(manifest), imageTag="latest")


def _physical(aws: Aws, stack: str) -> dict[str, str]:
    found: list[Any] = list(aws.cloudformation.describe_stack_resources(StackName=stack)["StackResources"])
    # moto lists resources whose condition is not met too, without anything of them.
    return {each["LogicalResourceId"]: each.get("PhysicalResourceId", "") for each in found if "LogicalResourceId" in each}


def _parameters(stack: Any) -> dict[str, str]:
    return {each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"]}


def _zone(aws: Aws, domain: str, *, private: bool = False) -> str:
    vpc = {"VPC": {"VPCRegion": "us-east-1", "VPCId": "vpc-1"}} if private else {}
    config = {"PrivateZone": private, "Comment": ""}
    made = aws.route53.create_hosted_zone(Name=domain, CallerReference=f"{domain}{private}", HostedZoneConfig=config, **vpc)  # type: ignore[arg-type] # plain data
    return made["HostedZone"]["Id"].removeprefix("/hostedzone/")


def test_an_application_is_made_and_made_again_without_any_change(aws: Aws, applications: Applications) -> None:
    record = applications.create("shop", tags={"team": "a"})
    assert record == applications.store.application("shop") == ApplicationRecord("shop", ACCOUNT, tags={"team": "a"})
    stack = aws.cloudformation.describe_stacks(StackName="shop-infrastructure-roles")["Stacks"][0]
    assert {tag["Key"]: tag["Value"] for tag in stack["Tags"]} == {"team": "a", "copilot-application": "shop"}
    assert {"shop-adminrole", "shop-executionrole"} <= {role["RoleName"] for role in aws.iam.list_roles()["Roles"]}
    stack_set = aws.cloudformation.describe_stack_set(StackSetName="shop-infrastructure")["StackSet"]
    assert stack_set["AdministrationRoleARN"] == f"arn:aws:iam::{ACCOUNT}:role/shop-adminrole"
    assert stack_set["ExecutionRoleName"] == "shop-executionrole"
    assert {tag["Key"]: tag["Value"] for tag in stack_set["Tags"]} == {"team": "a", "copilot-application": "shop"}
    assert _infrastructure(aws) == Infrastructure("shop")
    events: list[StackEvent] = []
    assert applications.create("shop", watch=events.append) == record
    assert {event.stack for event in events} <= {"shop-infrastructure-roles"}
    assert _infrastructure(aws).version == 0
    applications.create("shop", tags={"team": "b"})
    assert applications.store.application("shop").tags == {"team": "b"}
    assert _infrastructure(aws).version == 1


def test_a_domain_is_delegated_to_the_accounts_of_environments(aws: Aws, applications: Applications) -> None:
    _zone(aws, "example.com", private=True)
    with pytest.raises(NotFoundError, match=r"no public hosted zone for `example\.com`"):
        applications.create("shop", domain="example.com")
    zone = _zone(aws, "example.com")
    record = applications.create("shop", domain="example.com.")
    assert (record.domain, record.hosted_zone) == ("example.com", zone)
    applications.add_environment("shop", OTHER, "us-east-1")
    stack = aws.cloudformation.describe_stacks(StackName="shop-infrastructure-roles")["Stacks"][0]
    assert _parameters(stack) == roles_parameters("shop", "example.com", zone, [ACCOUNT, OTHER])
    assert "AppHostedZone" in _physical(aws, "shop-infrastructure-roles")
    assert aws.iam.get_role(RoleName="shop-DNSDelegationRole")
    applications.remove_environment("shop", OTHER, "us-east-1")
    stack = aws.cloudformation.describe_stacks(StackName="shop-infrastructure-roles")["Stacks"][0]
    assert _parameters(stack)["AppDNSDelegatedAccounts"] == ACCOUNT
    assert _infrastructure(aws).accounts == ()


def test_a_permissions_boundary_must_exist_and_bounds_every_role(aws: Aws, applications: Applications) -> None:
    with pytest.raises(NotFoundError, match=f"there is no policy `limits` in account {ACCOUNT}"):
        applications.create("shop", permissions_boundary="limits")
    assert applications.store.applications() == []
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::x"}
    aws.iam.create_policy(PolicyName="limits", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    applications.create("shop", permissions_boundary="limits")
    role = aws.iam.get_role(RoleName="shop-executionrole")["Role"]
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == f"arn:aws:iam::{ACCOUNT}:policy/limits"
    with pytest.raises(ConflictError, match="made with permissions boundary `limits`; that cannot be changed"):
        applications.create("shop", permissions_boundary="other")
    with pytest.raises(ConflictError, match="made without a domain"):
        applications.create("shop", domain="example.com")


def test_repositories_are_in_each_region_with_an_environment(aws: Aws, applications: Applications) -> None:
    applications.create("shop")
    applications.add_workload("shop", "api-v2")
    with pytest.raises(NotFoundError, match="no bucket and no repositories in us-east-1"):
        applications.resources("shop", "us-east-1")
    here = applications.add_environment("shop", ACCOUNT, "us-east-1")
    there = applications.add_environment("shop", OTHER, "eu-west-1")
    applications.add_workload("shop", "web")
    assert applications.regions("shop") == ["eu-west-1", "us-east-1"]
    assert _infrastructure(aws).accounts == (ACCOUNT, OTHER)
    assert here.repositories == {"api-v2": f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/shop/api-v2"}
    assert here.bucket != there.bucket
    assert there.key_arn.startswith(f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/")
    assert (
        applications.resources("shop", "eu-west-1").repositories["web"] == f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/shop/web"
    )
    assert _repositories(aws, "us-east-1") == _repositories(aws, "eu-west-1") == ["shop/api-v2", "shop/web"]
    version = _infrastructure(aws).version
    applications.add_workload("shop", "web")
    applications.add_environment("shop", OTHER, "eu-west-1")
    assert _infrastructure(aws).version == version


def test_a_workload_with_images_goes_only_when_told(aws: Aws, applications: Applications) -> None:
    applications.create("shop")
    applications.add_workload("shop", "api")
    for region in ("us-east-1", "eu-west-1"):
        applications.add_environment("shop", ACCOUNT, region)
    _push(aws, "shop/api", "eu-west-1")
    with pytest.raises(ConflictError, match="there are images in repository `shop/api` in eu-west-1"):
        applications.remove_workload("shop", "api")
    assert _workloads(aws) == ["api"]
    applications.remove_workload("shop", "api", empty=True)
    assert _workloads(aws) == _repositories(aws, "us-east-1") == _repositories(aws, "eu-west-1") == []
    applications.remove_workload("shop", "api")


def test_changes_made_at_once_are_all_made(aws: Aws, applications: Applications) -> None:
    applications.create("shop")
    applications.add_environment("shop", ACCOUNT, "us-east-1")
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda name: applications.add_workload("shop", name), ["api", "jobs", "web"]))
    assert _workloads(aws) == ["api", "jobs", "web"]
    assert _repositories(aws, "us-east-1") == ["shop/api", "shop/jobs", "shop/web"]


def test_what_was_stopped_half_way_is_finished_by_the_same_command(aws: Aws, applications: Applications) -> None:
    def stop(event: StackEvent) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        applications.create("shop", watch=stop)
    assert applications.store.applications() == []
    applications.create("shop")
    with pytest.raises(KeyboardInterrupt):
        applications.add_environment("shop", ACCOUNT, "us-east-1", stop)
    assert applications.add_environment("shop", ACCOUNT, "us-east-1").region == "us-east-1"
    applications.add_environment("shop", ACCOUNT, "eu-west-1")
    # What failed in one region is made good there, though the StackSet says already what is to be.
    aws.in_region("eu-west-1").ecr.create_repository(repositoryName="shop/api")
    with pytest.raises(DeploymentError, match="region eu-west-1: The repository with name 'shop/api' already exists"):
        applications.add_workload("shop", "api")
    aws.in_region("eu-west-1").ecr.delete_repository(repositoryName="shop/api")
    applications.add_workload("shop", "api")
    assert set(applications.resources("shop", "eu-west-1").repositories) == {"api"}
    with pytest.raises(KeyboardInterrupt):
        applications.delete("shop", watch=stop)
    assert [record.name for record in applications.store.applications()] == ["shop"]
    applications.delete("shop")
    assert applications.store.applications() == []


def test_it_is_deleted_when_it_is_empty_or_told_to(aws: Aws, applications: Applications) -> None:
    with pytest.raises(NotFoundError, match="there is no application `shop`"):
        applications.delete("shop")
    applications.create("shop")
    applications.add_workload("shop", "api")
    bucket = applications.add_environment("shop", ACCOUNT, "us-east-1").bucket
    applications.store.create_environment(EnvironmentRecord("shop", "test", "us-east-1", ACCOUNT))
    with pytest.raises(ConflictError, match="`shop` has environments: `test`"):
        applications.delete("shop", empty=True)
    applications.store.delete_environment("shop", "test")
    aws.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for body in (b"1", b"2"):
        aws.s3.put_object(Bucket=bucket, Key="manual/a", Body=body)
    aws.s3.delete_object(Bucket=bucket, Key="manual/a")
    _push(aws, "shop/api", "us-east-1")
    assert applications.contents("shop") == [f"bucket `{bucket}` in us-east-1", "repository `shop/api` in us-east-1"]
    with pytest.raises(ConflictError, match="cannot be deleted: there is something in bucket") as caught:
        applications.delete("shop")
    assert caught.value.details == ("repository `shop/api` in us-east-1",)
    applications.delete("shop", empty=True)
    assert aws.s3.list_buckets()["Buckets"] == []
    assert (_repositories(aws, "us-east-1"), aws.cloudformation.describe_stacks()["Stacks"]) == ([], [])
    assert aws.ssm.describe_parameters()["Parameters"] == []


def test_a_region_goes_with_its_last_environment_when_told_to(aws: Aws, applications: Applications) -> None:
    applications.create("shop")
    applications.add_workload("shop", "api")
    for region in ("us-east-1", "eu-west-1"):
        applications.add_environment("shop", OTHER, region)
    _push(aws, "shop/api", "eu-west-1")
    applications.store.create_environment(EnvironmentRecord("shop", "prod", "us-east-1", OTHER))
    applications.remove_environment("shop", OTHER, "eu-west-1")
    assert applications.regions("shop") == ["eu-west-1", "us-east-1"]
    applications.remove_environment("shop", OTHER, "eu-west-1", empty=True)
    assert (applications.regions("shop"), _infrastructure(aws).accounts) == (["us-east-1"], (OTHER,))
    applications.store.delete_environment("shop", "prod")
    applications.remove_environment("shop", OTHER, "us-east-1", empty=True)
    assert (applications.regions("shop"), _infrastructure(aws).accounts) == (["us-east-1"], ())


def test_a_large_template_goes_through_a_bucket_of_the_application(aws: Aws, applications: Applications) -> None:
    applications.create("shop")
    many = Infrastructure("shop").with_accounts([str(number) for number in range(100000000000, 100000000210)])
    assert len(infrastructure_template(many)) < 51_200 < len(infrastructure_template(many.with_workload("api")))
    aws.cloudformation.update_stack_set(StackSetName="shop-infrastructure", TemplateBody=infrastructure_template(many))
    with pytest.raises(UnsupportedError, match="too many workloads while it has no environment"):
        applications.add_workload("shop", "api")
    applications.add_region("shop", "us-east-1")
    applications.add_workload("shop", "api")
    assert _repositories(aws, "us-east-1") == ["shop/api"]
    assert len(_infrastructure(aws).accounts) == 210


def test_the_first_environment_makes_room_for_many_workloads(aws: Aws, applications: Applications) -> None:
    applications.create("shop")
    many = Infrastructure("shop").with_accounts([str(number) for number in range(100000000000, 100000000210)])
    aws.cloudformation.update_stack_set(StackSetName="shop-infrastructure", TemplateBody=infrastructure_template(many))
    with pytest.raises(UnsupportedError, match="too many workloads while it has no environment"):
        applications.add_workload("shop", "api")
    applications.add_environment("shop", OTHER, "eu-west-1")
    applications.add_workload("shop", "api")
    assert _repositories(aws, "eu-west-1") == ["shop/api"]


def test_an_application_of_aws_copilot_is_read_and_updated_in_place(aws: Aws, applications: Applications) -> None:
    parameters = roles_parameters("shop", "", "", [ACCOUNT])
    aws.cloudformation.create_stack(
        StackName="shop-infrastructure-roles",
        TemplateBody=originals.ROLES,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Tags=[{"Key": "copilot-application", "Value": "shop"}],
    )
    before = originals.infrastructure("shop", ["api-v2", "web"], [ACCOUNT], 4)
    aws.cloudformation.create_stack_set(
        StackSetName="shop-infrastructure",
        TemplateBody=before,
        AdministrationRoleARN=f"arn:aws:iam::{ACCOUNT}:role/shop-adminrole",
        ExecutionRoleName="shop-executionrole",
        Tags=[{"Key": "copilot-application", "Value": "shop"}, {"Key": "team", "Value": "a"}],
    )
    aws.cloudformation.create_stack_instances(StackSetName="shop-infrastructure", Accounts=[ACCOUNT], Regions=["us-east-1"])
    value = f'{{"name":"shop","account":"{ACCOUNT}","domain":"","domainHostedZoneID":"","version":"1.0"}}'
    aws.ssm.put_parameter(Name=names.application_parameter("shop"), Value=value, Type="String")
    instance = aws.cloudformation.list_stack_instances(StackSetName="shop-infrastructure")["Summaries"][0]["StackId"]
    stacks = ("shop-infrastructure-roles", instance)
    were = [_physical(aws, stack) for stack in stacks]

    resources = applications.resources("shop", "us-east-1")
    assert set(resources.repositories) == {"api-v2", "web"}
    applications.create("shop")
    applications.add_workload("shop", "jobs")
    applications.add_environment("shop", OTHER, "eu-west-1")

    for stack, was in zip(stacks, were, strict=True):
        now = _physical(aws, stack)
        assert {logical_id: now.get(logical_id) for logical_id in was} == was
    assert applications.resources("shop", "us-east-1").bucket == resources.bucket
    assert_updates_in_place(before, _template(aws))
    roles = aws.cloudformation.get_template(StackName="shop-infrastructure-roles")["TemplateBody"]
    assert_updates_in_place(originals.ROLES, str(roles), parameters)
    metadata = read_template(_template(aws))["Metadata"]
    assert [each["Name"] for each in metadata["Workloads"]] == ["api-v2", "jobs", "web"]
    assert (metadata["Accounts"], metadata["Version"]) == ([ACCOUNT, OTHER], 7)
    assert aws.ssm.get_parameter(Name=names.application_parameter("shop"))["Parameter"]["Value"] == value
    tags = aws.cloudformation.describe_stack_set(StackSetName="shop-infrastructure")["StackSet"]["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"copilot-application": "shop", "team": "a"}
