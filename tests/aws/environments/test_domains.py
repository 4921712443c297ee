from __future__ import annotations

from typing import Any

import pytest

from copilot.aws.applications import Applications
from copilot.aws.client import Aws
from copilot.aws.environment_facts import makes_aliases
from copilot.aws.environments import Environments
from copilot.aws.store import Store
from copilot.aws.templates.reading import read_template
from tests.aws.environments.conftest import SOURCE, facts, manifest
from tests.aws.templates.environment.original import original
from tests.aws.templates.environment.variants import IMPORTED

SUBDOMAIN = "test.shop.example.com"


@pytest.fixture
def environments(aws: Aws) -> Environments:
    aws.route53.create_hosted_zone(Name="example.com", CallerReference="1")
    Applications(aws, pause=0.01).create("shop", domain="example.com")
    return Environments(aws, pause=0.01)


def _delegation(aws: Aws) -> list[str] | None:
    """The name servers that the application's zone has for the environment's."""
    zones = {each["Name"].rstrip("."): each["Id"] for each in aws.route53.list_hosted_zones()["HostedZones"]}
    records: Any = aws.route53.list_resource_record_sets(HostedZoneId=zones["shop.example.com"])["ResourceRecordSets"]
    found = [record for record in records if (record["Name"].rstrip("."), record["Type"]) == (SUBDOMAIN, "NS")]
    return [each["Value"] for each in found[0]["ResourceRecords"]] if found else None


def test_in_the_account_of_the_application_the_stack_delegates(environments: Environments, aws: Aws) -> None:
    environments.init("shop", "test")
    environments.deploy("shop", "test", manifest(), SOURCE)
    detail = environments.show("shop", "test")
    assert detail.stack is not None
    assert detail.stack.parameters["AppDNSName"] == "example.com"
    assert {"DelegationRecord", "EnvironmentHostedZone"} <= {each.logical_id for each in detail.resources}
    assert _delegation(aws)
    known = facts(aws)
    assert (known.domain, known.public_certificates, known.makes_aliases) == ("example.com", False, False)


@pytest.mark.parametrize("domain", [True, False])
def test_an_environment_of_aws_copilot_makes_names_itself(domain: bool) -> None:
    assert makes_aliases(read_template(original(domain=domain))) == domain


def test_in_another_account_the_zone_comes_first(environments: Environments, aws: Aws) -> None:
    there = aws.assumed("arn:aws:iam::210987654321:role/admin", "us-east-1")
    imported = manifest(network={"vpc": IMPORTED})  # the emulator cannot delete a network with its subnets
    environments.init("shop", "test", there)
    assert environments.deploy("shop", "test", imported, SOURCE) == "updated"
    detail = environments.show("shop", "test")
    assert detail.stack is not None
    assert _delegation(aws) == detail.stack.outputs["EnvironmentNameServers"].split(",")
    assert detail.stack.parameters["CreateHTTPSListener"] == "true"
    assert environments.deploy("shop", "test", imported, SOURCE) == "unchanged"

    environments.delete("shop", "test", there)
    assert _delegation(aws) is None
    assert Store(aws).environments("shop") == []
