from __future__ import annotations

import pytest

from copilot.aws.templates.reading import read_template
from copilot.aws.templates.rendering import descriptions
from copilot.aws.templates.roles import roles_parameters, roles_template
from tests.aws.lint import assert_clean
from tests.aws.policies import assert_least_privilege
from tests.aws.replacement import assert_updates_in_place
from tests.aws.templates import originals

PARAMETERS = roles_parameters("shop", "example.com", "Z1", ["123456789012", "222222222222"])


@pytest.mark.parametrize("boundary", [None, "limits"])
def test_it_is_clean_and_allows_no_more_than_it_must(boundary: str | None) -> None:
    template = roles_template(boundary)
    assert_clean(template)
    assert_least_privilege(template)
    data = read_template(template)
    assert set(descriptions(data)) == set(data["Resources"])


@pytest.mark.parametrize("boundary", [None, "limits"])
def test_an_application_is_updated_in_place_from_aws_copilots_and_to_it(boundary: str | None) -> None:
    assert_updates_in_place(originals.ROLES, roles_template(boundary), PARAMETERS)
    assert_updates_in_place(roles_template(boundary), originals.ROLES, PARAMETERS)
    assert set(read_template(originals.ROLES)["Parameters"]) == set(read_template(roles_template())["Parameters"])


def test_every_role_is_bounded() -> None:
    roles = [
        resource["Properties"]
        for resource in read_template(roles_template("limits"))["Resources"].values()
        if resource["Type"] == "AWS::IAM::Role"
    ]
    assert len(roles) == 3
    bound = {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/limits"}
    assert all(role["PermissionsBoundary"] == bound for role in roles)
    assert "PermissionsBoundary" not in roles_template()


def test_the_parameters_that_aws_copilot_knows() -> None:
    assert PARAMETERS == {
        "AdminRoleName": "shop-adminrole",
        "ExecutionRoleName": "shop-executionrole",
        "AppDNSDelegatedAccounts": "123456789012,222222222222",
        "AppDomainName": "example.com",
        "AppDomainHostedZoneID": "Z1",
        "AppName": "shop",
        "DNSDelegationRoleName": "shop-DNSDelegationRole",
    }
    assert set(PARAMETERS) == set(read_template(roles_template())["Parameters"])
