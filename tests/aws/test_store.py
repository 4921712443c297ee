from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from copilot.aws import store as stores
from copilot.aws.client import Aws
from copilot.aws.records import ApplicationRecord, EnvironmentRecord, WorkloadRecord
from copilot.aws.store import Store
from copilot.errors import ConflictError, NotFoundError
from tests.aws.conftest import ACCOUNT, REGION
from tests.aws.test_records import APPLICATION, ENVIRONMENT, WORKLOAD


def _put(aws: Aws, name: str, value: str) -> None:
    aws.ssm.put_parameter(Name=f"/copilot/applications/{name}", Value=value, Type="String")


def _value(aws: Aws, name: str) -> str:
    return aws.ssm.get_parameter(Name=f"/copilot/applications/{name}")["Parameter"]["Value"]


def _tags(aws: Aws, name: str) -> dict[str, str]:
    found = aws.ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=f"/copilot/applications/{name}")["TagList"]
    return {tag["Key"]: tag["Value"] for tag in found}


@pytest.fixture
def store(aws: Aws) -> Store:
    found = Store(aws)
    found.create_application(ApplicationRecord("shop", ACCOUNT))
    return found


def test_what_aws_copilot_wrote_is_read(aws: Aws) -> None:
    _put(aws, "ecs-kudos", APPLICATION)
    _put(aws, "ecs-kudos/environments/test", ENVIRONMENT)
    _put(aws, "ecs-kudos/components/api-frontend", WORKLOAD)
    store = Store(aws)
    assert store.applications() == [store.application("ecs-kudos")] == [ApplicationRecord("ecs-kudos", ACCOUNT)]
    assert store.environments("ecs-kudos") == [store.environment("ecs-kudos", "test")]
    assert store.workloads("ecs-kudos") == [WorkloadRecord("ecs-kudos", "api-frontend", "Load Balanced Web Service")]


def test_what_is_written_is_what_aws_copilot_writes(aws: Aws) -> None:
    store = Store(aws)
    store.create_application(ApplicationRecord.from_json(APPLICATION, ""))
    store.create_environment(EnvironmentRecord.from_json(ENVIRONMENT, ""))
    store.create_workload(WorkloadRecord.from_json(WORKLOAD, ""))
    assert (_value(aws, "ecs-kudos"), _tags(aws, "ecs-kudos")) == (APPLICATION, {"copilot-application": "ecs-kudos"})
    assert _value(aws, "ecs-kudos/environments/test") == ENVIRONMENT
    assert _tags(aws, "ecs-kudos/environments/test") == {"copilot-application": "ecs-kudos", "copilot-environment": "test"}
    assert _value(aws, "ecs-kudos/components/api-frontend") == WORKLOAD
    assert _tags(aws, "ecs-kudos/components/api-frontend") == {
        "copilot-application": "ecs-kudos",
        "copilot-service": "api-frontend",
    }


def test_lists_are_whole_in_order_and_of_one_level(aws: Aws, store: Store) -> None:
    for number in range(23):
        _put(aws, f"shop/components/svc-{number:02}", f'{{"app":"shop","name":"svc-{number:02}","type":"Worker Service"}}')
    _put(aws, "shop/components/svc-00/more", "{}")
    _put(aws, "shop/listener-rules/0", "svc-00")
    assert [record.name for record in store.workloads("shop")] == [f"svc-{number:02}" for number in range(23)]
    assert [record.name for record in store.applications()] == ["shop"]
    assert store.environments("shop") == []


def test_what_another_tool_wrote_survives_an_update(aws: Aws, store: Store) -> None:
    _put(
        aws,
        "shop/environments/test",
        ENVIRONMENT.replace("ecs-kudos", "shop").replace("}", ',"telemetry":{"containerInsights":true}}'),
    )
    store.update_environment(EnvironmentRecord("shop", "test", "us-east-1", ACCOUNT, execution_role="new"))
    assert store.environment("shop", "test").extra == {"telemetry": {"containerInsights": True}}
    assert store.environment("shop", "test").execution_role == "new"
    store.update_application(replace(store.application("shop"), tags={"team": "a"}))
    assert store.application("shop").tags == {"team": "a"}
    store.update_application(replace(store.application("shop"), tags={}))
    assert "tags" not in _value(aws, "shop")
    assert _tags(aws, "shop") == {"copilot-application": "shop"}


def test_what_is_not_there(store: Store) -> None:
    asked: list[tuple[Callable[[], object], str]] = [
        (lambda: store.application("x"), f"there is no application `x` in account {ACCOUNT}, region {REGION}"),
        (lambda: store.environment("shop", "x"), "there is no environment `x` in application `shop`"),
        (lambda: store.workload("shop", "x"), "there is no service or job `x` in application `shop`"),
        (lambda: store.update_environment(EnvironmentRecord("shop", "x", REGION, ACCOUNT)), "there is no environment `x`"),
        (lambda: store.create_workload(WorkloadRecord("x", "api", "Worker Service")), "there is no application `x`"),
    ]
    for ask, message in asked:
        with pytest.raises(NotFoundError) as caught:
            ask()
        assert caught.value.message.startswith(message)
        assert caught.value.hint
    store.delete_environment("shop", "x")
    store.delete_workload("shop", "x")
    store.delete_application("x")


def test_what_is_there_already(store: Store) -> None:
    environment, workload = EnvironmentRecord("shop", "test", REGION, ACCOUNT), WorkloadRecord("shop", "api", "Worker Service")
    store.create_environment(environment)
    store.create_workload(workload)
    asked: list[Callable[[], None]] = [
        lambda: store.create_application(ApplicationRecord("shop", ACCOUNT)),
        lambda: store.create_environment(environment),
        lambda: store.create_workload(workload),
    ]
    for ask in asked:
        with pytest.raises(ConflictError, match="already") as caught:
            ask()
        assert caught.value.hint


def test_an_application_is_forgotten_with_all_of_it(aws: Aws, store: Store) -> None:
    store.create_environment(EnvironmentRecord("shop", "test", REGION, ACCOUNT))
    store.create_workload(WorkloadRecord("shop", "api", "Worker Service"))
    store.claim_rule_place("shop", "api")
    store.create_application(ApplicationRecord("shop2", ACCOUNT))
    store.delete_application("shop")
    assert [each["Name"] for each in aws.ssm.describe_parameters()["Parameters"]] == ["/copilot/applications/shop2"]


def test_a_place_for_rules_stays_until_its_workload_is_deleted(store: Store) -> None:
    assert [store.claim_rule_place("shop", name) for name in ("api", "web", "api")] == [0, 1, 0]
    store.delete_workload("shop", "api")
    assert [store.claim_rule_place("shop", name) for name in ("web", "admin")] == [1, 0]


def test_the_place_that_would_be_claimed(aws: Aws, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    path = "/copilot/applications/shop/listener-rules/"
    assert store.expected_rule_place("shop", "api") == 0
    assert aws.ssm.get_parameters_by_path(Path=path)["Parameters"] == []
    _put(aws, "shop/listener-rules/5", "api")
    _put(aws, "shop/listener-rules/0", "api")
    assert [store.expected_rule_place("shop", name) for name in ("api", "web")] == [5, 1]
    assert len(aws.ssm.get_parameters_by_path(Path=path)["Parameters"]) == 2

    monkeypatch.setattr(stores, "RULE_PLACES", 1)
    assert store.expected_rule_place("shop", "web") == 0  # no workload `api` was ever written down
    assert len(aws.ssm.get_parameters_by_path(Path=path)["Parameters"]) == 2
    assert store.claim_rule_place("shop", "web") == 0


def test_many_places_at_once(store: Store) -> None:
    assert store.claim_rule_place("shop", "web") == 0
    many = ["api", *(f"svc-{number}" for number in range(20)), "web"]
    places = store.claim_rule_places("shop", many)
    assert places == {**{name: number + 1 for number, name in enumerate(many)}, "web": 0}
    assert store.claim_rule_places("shop", many) == places
    assert store.claim_rule_places("shop", []) == {}


def test_workloads_that_claim_at_once_get_different_places(store: Store) -> None:
    workloads = [f"svc-{number}" for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        places = list(pool.map(lambda name: store.claim_rule_place("shop", name), workloads))
    assert sorted(places) == list(range(8))
    assert [store.claim_rule_place("shop", name) for name in workloads] == places


def test_deployments_of_one_workload_that_claim_at_once_get_the_same_place(aws: Aws, store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        places = set(pool.map(lambda _: store.claim_rule_place("shop", "api"), range(8)))
    assert places == {store.claim_rule_place("shop", "api")}
    assert len(aws.ssm.get_parameters_by_path(Path="/copilot/applications/shop/listener-rules/")["Parameters"]) == 1


def test_the_older_of_two_claims_counts(aws: Aws, store: Store) -> None:
    _put(aws, "shop/listener-rules/5", "api")
    _put(aws, "shop/listener-rules/3", "api")
    assert store.claim_rule_place("shop", "api") == 5
    assert len(aws.ssm.get_parameters_by_path(Path="/copilot/applications/shop/listener-rules/")["Parameters"]) == 1


def test_when_all_places_are_taken(aws: Aws, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "RULE_PLACES", 2)
    for place, name in enumerate(("api", "gone")):
        store.claim_rule_place("shop", name)
        assert _value(aws, f"shop/listener-rules/{place}") == name
    store.create_workload(WorkloadRecord("shop", "api", "Load Balanced Web Service"))
    store.create_workload(WorkloadRecord("shop", "web", "Load Balanced Web Service"))
    assert store.claim_rule_place("shop", "web") == 1
    with pytest.raises(ConflictError, match="`shop` has 2 services with listener rules, so `admin` cannot have any"):
        store.claim_rule_place("shop", "admin")
    store.delete_workload("shop", "web")
    with pytest.raises(ConflictError, match="`shop` has 2 services with listener rules, so `two` cannot have any"):
        store.claim_rule_places("shop", ["one", "two"])
