from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.aws.templates.infrastructure import (
    Infrastructure,
    WorkloadInfrastructure,
    infrastructure_template,
    read_infrastructure,
)
from copilot.aws.templates.reading import read_template
from copilot.aws.templates.rendering import descriptions
from copilot.errors import CopilotError
from tests.aws.lint import assert_clean
from tests.aws.policies import assert_least_privilege, statements
from tests.aws.replacement import assert_updates_in_place
from tests.aws.templates import originals

ACCOUNTS = ("012345670123", "222222222222")
SHOP = Infrastructure("shop", (WorkloadInfrastructure("api-v2"), WorkloadInfrastructure("web")), ACCOUNTS, 7)
NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True)


def _resources(infrastructure: Infrastructure) -> dict[str, Any]:
    resources: dict[str, Any] = read_template(infrastructure_template(infrastructure))["Resources"]
    return resources


@pytest.mark.parametrize("infrastructure", [Infrastructure("shop"), SHOP, SHOP.with_accounts(["123456789012"])])
def test_it_is_clean_and_allows_no_more_than_it_must(infrastructure: Infrastructure) -> None:
    template = infrastructure_template(infrastructure)
    assert_clean(template)
    assert_least_privilege(template)
    data = read_template(template)
    assert set(descriptions(data)) == set(data["Resources"])


def test_an_application_of_aws_copilot_is_updated_in_place() -> None:
    before = originals.infrastructure("shop", ["api-v2", "web"], ACCOUNTS, 7)
    assert read_infrastructure("shop", before) == SHOP
    assert_updates_in_place(before, infrastructure_template(SHOP))
    assert_updates_in_place(infrastructure_template(SHOP), infrastructure_template(SHOP.with_workload("more")))


def test_aws_copilot_updates_what_is_ours_in_place() -> None:
    assert_updates_in_place(infrastructure_template(SHOP), originals.infrastructure("shop", ["api-v2", "web"], ACCOUNTS, 8))


@given(st.lists(st.tuples(NAMES, st.booleans()), max_size=3, unique_by=lambda each: each[0]), st.integers(0, 10**6))
def test_what_it_was_made_from_is_read_back(workloads: list[tuple[str, bool]], version: int) -> None:
    made_from = Infrastructure("shop", tuple(WorkloadInfrastructure(*each) for each in sorted(workloads)), ACCOUNTS, version)
    assert read_infrastructure("shop", infrastructure_template(made_from)) == made_from


def test_the_metadata_that_aws_copilot_reads() -> None:
    assert read_template(infrastructure_template(SHOP))["Metadata"] == {
        "TemplateVersion": "v1.34.1",
        "Version": 7,
        "Workloads": [{"Name": "api-v2", "WithECR": True}, {"Name": "web", "WithECR": True}],
        "Accounts": list(ACCOUNTS),
        "Services": "See Workloads",
    }


def test_the_names_of_one_list_of_services_in_early_versions() -> None:
    old = read_infrastructure("shop", "Metadata:\n  Version: 3\n  Services: [web, api]\n  Accounts: [012345670123]\n")
    assert old.workloads == (WorkloadInfrastructure("api"), WorkloadInfrastructure("web"))
    assert (old.accounts, old.version, old.template_version) == (("012345670123",), 3, "v1.34.1")


def test_a_version_never_goes_back() -> None:
    later = infrastructure_template(SHOP).replace("v1.34.1", "v1.35.0-2-gabc")
    assert read_infrastructure("shop", later).template_version == "v1.35.0-2-gabc"
    assert "v1.35.0-2-gabc" in infrastructure_template(read_infrastructure("shop", later))


@pytest.mark.parametrize("template", ["", "{", "Resources: {}\n", "Metadata:\n  Services: nothing\n"])
def test_a_template_that_does_not_say_its_workloads_is_not_taken_for_one_without(template: str) -> None:
    with pytest.raises(CopilotError, match="does not say which workloads"):
        read_infrastructure("shop", template)


def test_workloads_come_and_go() -> None:
    assert SHOP.with_workload("web") == SHOP
    assert [each.name for each in SHOP.with_workload("db").workloads] == ["api-v2", "db", "web"]
    assert [each.name for each in SHOP.without_workload("web").without_workload("none").workloads] == ["api-v2"]
    without_image = read_infrastructure("shop", infrastructure_template(SHOP).replace("WithECR: true", "WithECR: false", 1))
    assert set(_resources(SHOP)) - set(_resources(without_image)) == {"ECRRepoapiDASHv2"}


def test_what_accounts_with_environments_may() -> None:
    found = {each.data["Sid"]: each for each in statements(infrastructure_template(SHOP)) if each.allows}
    others = [f"arn:${{AWS::Partition}}:iam::{account}:root" for account in ACCOUNTS]
    may = [sid for sid, each in found.items() if all(other in str(each.principals) for other in others)]
    assert may == ["Encryption", "EnvironmentObjects", "EnvironmentBucket", "AllowPull"]
    assert not any("Delete" in action for sid in may for action in found[sid].actions)
    assert [each for each in found["AllowPull"].actions if "Put" in each or "Upload" in each] == []
