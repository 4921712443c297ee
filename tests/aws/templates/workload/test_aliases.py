from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.aws.templates.workload.aliases import aliases_to_record
from copilot.errors import UnsupportedError
from tests.aws.templates.workload.service_stacks import (
    BACKEND,
    OF_AWS_COPILOT,
    WEB,
    WITH_CERTIFICATES,
    WITH_DOMAIN,
    resources_of,
    settings_of,
    stack_of,
)

BELOW = "test.my-app.example.com"
LABEL = st.from_regex(r"\*|[a-z0-9_]([a-z0-9_-]{0,8}[a-z0-9_])?", fullmatch=True)


def alias(*names: str) -> str:
    return f"http: {{path: /, alias: [{', '.join(repr(name) for name in names)}]}}"


def records(resources: dict[str, Any]) -> dict[str, Any]:
    return {name: each["Properties"] for name, each in resources.items() if each["Type"] == "AWS::Route53::RecordSet"}


def test_a_name_below_the_subdomain_has_a_record() -> None:
    resources = resources_of(WEB, alias(f"shop.{BELOW}", f"Big-Shop.{BELOW}", BELOW, f"*.{BELOW}"), WITH_DOMAIN)
    found = records(resources)
    assert {name: each["Name"] for name, each in found.items()} == {
        "AliasRecordshop": f"shop.{BELOW}",
        "AliasRecordbigDASHshop": f"big-shop.{BELOW}",
        "AliasRecord": BELOW,
        "AliasRecordANY": f"*.{BELOW}",
    }
    assert found["AliasRecordshop"] == {
        "Name": f"shop.{BELOW}",
        "Type": "A",
        "HostedZoneId": {"Fn::ImportValue": "my-app-test-HostedZone"},
        "AliasTarget": {
            "HostedZoneId": {"Fn::GetAtt": ["EnvControllerAction", "PublicLoadBalancerHostedZone"]},
            "DNSName": {"Fn::GetAtt": ["EnvControllerAction", "PublicLoadBalancerDNSName"]},
        },
    }
    assert "LoadBalancerDNSAlias" not in resources
    hosts = resources["HTTPSListenerRule"]["Properties"]["Conditions"][0]["HostHeaderConfig"]["Values"]
    assert hosts == [f"shop.{BELOW}", f"Big-Shop.{BELOW}", BELOW, f"*.{BELOW}"]


@given(st.lists(LABEL, min_size=1, max_size=4, unique=True))
def test_each_name_has_a_record_of_its_own(labels: list[str]) -> None:
    hosts = [f"{label}.{BELOW}" for label in labels]
    found = aliases_to_record(settings_of(WEB, alias(*hosts), WITH_DOMAIN))
    assert list(found.values()) == [host for host in hosts if host != f"fe.{BELOW}"]
    assert all(name.isalnum() for name in found)


def test_a_name_of_several_rules_has_one_record() -> None:
    more = f"http: {{path: /, alias: a.{BELOW}, additional_rules: [{{path: /x, alias: A.{BELOW}}}, {{path: /y}}]}}"
    resources = resources_of(WEB, more, WITH_DOMAIN)
    assert list(records(resources)) == ["AliasRecorda"]
    assert "LoadBalancerDNSAlias" in resources  # for the rule without names


def test_the_services_own_name_keeps_its_record() -> None:
    """A record of the same name under another logical ID could not be made while the old one is there."""
    before, after = resources_of(WEB, "http: {path: /}", WITH_DOMAIN), resources_of(WEB, alias(f"fe.{BELOW}"), WITH_DOMAIN)
    assert after["LoadBalancerDNSAlias"] == before["LoadBalancerDNSAlias"]
    assert records(after) == {}


def test_a_name_with_a_zone_is_written_there() -> None:
    more = f"http: {{path: /, alias: [{{name: a.{BELOW}, hosted_zone: Z1}}, b.{BELOW}]}}"
    resources = resources_of(WEB, more, WITH_DOMAIN)
    assert list(records(resources)) == ["AliasRecordb"]
    (record,) = resources["LoadBalancerDNSAliasZ1"]["Properties"]["RecordSets"]
    assert record["Name"] == f"a.{BELOW}"


@pytest.mark.parametrize(
    "name",
    [
        "shop.example.com",
        "my-app.example.com",
        "a.my-app.example.com",
        f"a.b.{BELOW}",
        f"*.b.{BELOW}",
        f"sho?.{BELOW}",
        f"s*.{BELOW}",
        f"x{BELOW}",
        "a.prod.my-app.example.com",
    ],
)
@pytest.mark.parametrize("where", ["alias: [{}]", "alias: [{{name: {}, hosted_zone: Z1}}]"])
def test_any_other_name_is_refused_before_anything_is_made(name: str, where: str) -> None:
    written = where.format(repr(name))
    with pytest.raises(UnsupportedError) as raised:
        stack_of(WEB, f"http: {{path: /, additional_rules: [{{path: /x, {written}}}]}}", WITH_DOMAIN)
    assert raised.value.message == (
        f"`fe` has `alias: {name}` for `/x`, and the certificate of environment `test` is not for that name, "
        f"but for `{BELOW}` and names directly below it"
    )
    assert raised.value.hint is not None
    assert f".{BELOW}`" in raised.value.hint


@pytest.mark.parametrize(("kind", "facts"), [(WEB, OF_AWS_COPILOT), (WEB, WITH_CERTIFICATES), (BACKEND, WITH_CERTIFICATES)])
def test_others_make_records_for_themselves(kind: str, facts: Any) -> None:
    resources = resources_of(kind, alias("shop.example.com", f"shop.{BELOW}"), facts)
    assert records(resources) == {}
    assert not [name for name in resources if "DNSAlias" in name]
