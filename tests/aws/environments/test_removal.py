from __future__ import annotations

import json
from typing import Any

import pytest

from copilot.aws.client import Aws
from copilot.aws.environment_removal import Removal, empty_zone
from copilot.aws.environments import Environments
from copilot.aws.records import WorkloadRecord
from copilot.aws.stacks import Stacks
from copilot.aws.store import Store
from copilot.errors import ConflictError, NotFoundError
from tests.aws.environments.conftest import SOURCE, manifest
from tests.aws.templates.environment.variants import IMPORTED

TEMPLATE = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})


def _roles(aws: Aws) -> set[str]:
    return {role["RoleName"] for role in aws.iam.list_roles()["Roles"] if role["RoleName"].startswith("shop-test-")}


def test_an_environment_is_deleted_when_nothing_is_in_it(environments: Environments, aws: Aws) -> None:
    environments.init("shop", "test")
    # The emulator cannot delete a network with its subnets.
    environments.deploy("shop", "test", manifest(network={"vpc": IMPORTED}, http={"public": {"access_logs": True}}), SOURCE)
    Store(aws).create_workload(WorkloadRecord("shop", "api", "Backend Service"))
    aws.cloudformation.create_stack(StackName="shop-test-api", TemplateBody=TEMPLATE)
    assert [each.name for each in environments.show("shop", "test").workloads] == ["api"]
    with pytest.raises(ConflictError, match="environment `test` has workloads: `api`"):
        environments.delete("shop", "test")

    aws.cloudformation.delete_stack(StackName="shop-test-api")
    bucket = next(each.physical_id for each in environments.show("shop", "test").resources if each.type == "AWS::S3::Bucket")
    for body in (b"1", b"2"):
        aws.s3.put_object(Bucket=bucket, Key="AWSLogs/1", Body=body)
    assert environments.delete("shop", "test") == ()
    assert Stacks(aws).find("shop-test") is None
    assert bucket not in {each["Name"] for each in aws.s3.list_buckets()["Buckets"]}
    assert _roles(aws) == set()
    assert Store(aws).environments("shop") == []
    with pytest.raises(NotFoundError):
        environments.delete("shop", "test")


def test_a_deletion_that_was_stopped_goes_on(environments: Environments, aws: Aws) -> None:
    record = environments.init("shop", "test")
    removal = Removal(aws, Store(aws).application("shop"), record, None, 0.01)
    removal.run(lambda _: None)
    assert _roles(aws) == set()
    assert environments.delete("shop", "test") == ()
    assert Store(aws).environments("shop") == []


def test_the_zone_is_emptied_of_what_proved_the_certificate(environments: Environments, aws: Aws) -> None:
    zone = aws.route53.create_hosted_zone(Name="test.shop.example.com", CallerReference="1")["HostedZone"]["Id"]
    for name, kind, value in (
        ("_x.test.shop.example.com", "CNAME", "y.acm-validations.aws"),
        ("a.test.shop.example.com", "A", "192.0.2.1"),
    ):
        record: Any = {"Name": name, "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": value}]}
        batch: Any = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
        aws.route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)
    empty_zone(aws, zone)
    left = aws.route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    assert sorted(each["Type"] for each in left) == ["A", "NS", "SOA"]
