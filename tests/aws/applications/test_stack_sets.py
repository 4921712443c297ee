from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from copilot.aws.client import Aws
from copilot.aws.stack_sets import CURRENT, OutdatedError, StackSetRequest, StackSets
from copilot.aws.stack_values import StackEvent
from copilot.errors import DeploymentError, NotFoundError, UnsupportedError
from tests.aws.conftest import ACCOUNT
from tests.aws.emulated_stack_sets import MODEL

_TEMPLATE = """\
Resources:
  First:
    Type: AWS::ECR::Repository
    Properties:
      RepositoryName: first
"""
_SECOND = """\
  Second:
    Type: AWS::ECR::Repository
    Properties:
      RepositoryName: second
"""
SHOP = StackSetRequest("shop", _TEMPLATE, "Repositories", f"arn:aws:iam::{ACCOUNT}:role/admin", "execution", {"team": "a"})


@pytest.fixture
def sets(aws: Aws) -> StackSets:
    found = StackSets(aws, pause=0.01)
    assert found.create(SHOP)
    return found


@pytest.fixture
def looks(aws_environment: str) -> Iterator[int]:
    """How many times an operation is looked at before it has ended."""
    _transition(aws_environment, "set-transition", {"transition": {"progression": "manual", "times": 3}})
    yield 3
    _transition(aws_environment, "unset-transition", {})


def _transition(emulator: str, action: str, more: dict[str, Any]) -> None:
    body = json.dumps({"model_name": MODEL, **more}).encode()
    url = f"{emulator}/moto-api/state-manager/{action}"
    urllib.request.urlopen(urllib.request.Request(url, body, {"Content-Type": "application/json"}), timeout=30).close()


def _repositories(aws: Aws, region: str) -> list[str]:
    return sorted(each["repositoryName"] for each in aws.in_region(region).ecr.describe_repositories()["repositories"])


def _brief(events: list[StackEvent]) -> list[tuple[str, str]]:
    return [(event.logical_id, event.status) for event in events]


def test_it_is_there_once(sets: StackSets) -> None:
    assert not sets.create(SHOP)
    found = sets.require("shop")
    assert (found.template, found.tags) == (SHOP.template, {"team": "a"})
    assert sets.find("other") is None
    with pytest.raises(NotFoundError, match="no StackSet `other` in us-east-1"):
        sets.require("other")


def test_instances_come_are_updated_and_go(aws: Aws, sets: StackSets) -> None:
    events: list[StackEvent] = []
    for region in ("us-east-1", "eu-west-1"):
        sets.add_instance("shop", ACCOUNT, region, events.append)
    assert [(each.region, each.status) for each in sets.instances("shop")] == [("eu-west-1", CURRENT), ("us-east-1", CURRENT)]
    sets.update(replace(SHOP, template=_TEMPLATE + _SECOND), "1", events.append)
    assert [_repositories(aws, region) for region in ("us-east-1", "eu-west-1")] == [["first", "second"]] * 2
    sets.remove_instances("shop", ACCOUNT, ["eu-west-1"], events.append)
    assert [each.region for each in sets.instances("shop")] == ["us-east-1"]
    assert _brief(events) == [
        ("us-east-1", "CREATE_COMPLETE"),
        ("eu-west-1", "CREATE_COMPLETE"),
        ("us-east-1", "UPDATE_COMPLETE"),
        ("eu-west-1", "UPDATE_COMPLETE"),
        ("eu-west-1", "DELETE_COMPLETE"),
    ]


def test_it_is_deleted_with_its_stacks(aws: Aws, sets: StackSets) -> None:
    for region in ("us-east-1", "eu-west-1"):
        sets.add_instance("shop", ACCOUNT, region)
    sets.delete("shop")
    assert sets.find("shop") is None
    assert _repositories(aws, "us-east-1") == _repositories(aws, "eu-west-1") == []
    sets.delete("shop")
    assert sets.instances("shop") == []


def test_it_waits_until_an_operation_has_ended(sets: StackSets, looks: int) -> None:
    events: list[StackEvent] = []
    sets.add_instance("shop", ACCOUNT, "us-east-1", events.append)
    assert _brief(events) == [("us-east-1", "CREATE_IN_PROGRESS"), ("us-east-1", "CREATE_COMPLETE")]


def test_an_operation_waits_for_the_one_under_way_and_says_so(aws: Aws, sets: StackSets, looks: int) -> None:
    aws.cloudformation.create_stack_instances(StackSetName="shop", Accounts=[ACCOUNT], Regions=["us-east-1"], OperationId="other")
    events: list[StackEvent] = []
    sets.add_instance("shop", ACCOUNT, "eu-west-1", events.append)
    assert _brief(events)[0] == ("shop", "CREATE_IN_PROGRESS")
    assert events[0].reason == "another change is under way; waiting until that is done"
    assert [each.region for each in sets.instances("shop")] == ["eu-west-1", "us-east-1"]
    aws.cloudformation.update_stack_set(StackSetName="shop", TemplateBody=_TEMPLATE, OperationId="another")
    sets.delete("shop")
    assert sets.find("shop") is None


def test_of_two_updates_from_the_same_state_one_succeeds(aws: Aws, sets: StackSets) -> None:
    ready, outcomes = threading.Barrier(4), []

    def update() -> None:
        ready.wait()
        try:
            sets.update(SHOP, "1")
        except OutdatedError:
            outcomes.append("outdated")
        else:
            outcomes.append("done")

    threads = [threading.Thread(target=update) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done", "outdated", "outdated", "outdated"]


def test_an_update_gives_way_to_an_operation_under_way(aws: Aws, sets: StackSets, looks: int) -> None:
    aws.cloudformation.create_stack_instances(StackSetName="shop", Accounts=[ACCOUNT], Regions=["us-east-1"], OperationId="other")
    with pytest.raises(OutdatedError):
        sets.update(SHOP, "1")


def test_why_an_operation_failed(aws: Aws, sets: StackSets) -> None:
    aws.in_region("eu-west-1").ecr.create_repository(repositoryName="second")
    for region in ("us-east-1", "eu-west-1"):
        sets.add_instance("shop", ACCOUNT, region)
    events: list[StackEvent] = []
    with pytest.raises(DeploymentError) as caught:
        sets.update(replace(SHOP, template=_TEMPLATE + _SECOND), "1", events.append)
    assert caught.value.message == (
        f"StackSet `shop` could not be updated in account {ACCOUNT}, region eu-west-1: "
        f"The repository with name 'second' already exists in the registry with id '{ACCOUNT}'"
    )
    assert _brief(events) == [("us-east-1", "UPDATE_COMPLETE"), ("eu-west-1", "UPDATE_FAILED")]
    assert [each.status == CURRENT for each in sets.instances("shop")] == [False, True]


def test_an_operation_that_somebody_stops(aws: Aws, sets: StackSets, looks: int) -> None:
    def stop(event: StackEvent) -> None:
        operation = aws.cloudformation.list_stack_set_operations(StackSetName="shop")["Summaries"][0]
        aws.cloudformation.stop_stack_set_operation(StackSetName="shop", OperationId=operation["OperationId"])

    with pytest.raises(DeploymentError, match="somebody stopped StackSet `shop` while it was created"):
        sets.add_instance("shop", ACCOUNT, "us-east-1", stop)


def test_who_does_not_want_to_wait_is_told_that_it_goes_on(sets: StackSets, looks: int) -> None:
    def leave(event: StackEvent) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="AWS goes on with StackSet `shop`"):
        sets.add_instance("shop", ACCOUNT, "us-east-1", leave)
    sets.settle("shop")
    assert [each.region for each in sets.instances("shop")] == ["us-east-1"]


def test_a_template_that_is_too_big_to_be_sent_along_goes_to_a_bucket(aws: Aws, sets: StackSets) -> None:
    big = replace(SHOP, template=f"# {'x' * 60_000}\n{_TEMPLATE}")
    with pytest.raises(UnsupportedError, match="60,"):
        sets.update(big, "1")
    aws.in_region("eu-west-1").s3.create_bucket(Bucket="artifacts", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    sets.update(replace(big, bucket=("artifacts", "eu-west-1")), "1")
    assert sets.require("shop").template == big.template
