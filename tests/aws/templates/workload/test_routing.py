from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.aws.templates.workload.routing import (
    PLACES,
    RULES_AT_A_PLACE,
    environment_aliases,
    normal_path,
    routes,
    rule_priority,
)
from copilot.errors import UnsupportedError
from tests.aws.templates.workload.service_stacks import (
    BACKEND,
    FACTS,
    OF_AWS_COPILOT,
    WEB,
    WITH_CERTIFICATES,
    WITH_DOMAIN,
    WORKER,
    settings_of,
)

SEGMENT = st.text("abcxyz019-_.", min_size=1, max_size=5)
PATH = st.lists(SEGMENT, max_size=20).map(lambda parts: "/" + "/".join(parts))
PLACE = st.integers(0, PLACES - 1)
INDEX = st.integers(0, RULES_AT_A_PLACE - 1)


@given(PATH, PLACE, INDEX)
def test_priorities_are_what_load_balancers_take_and_meet_none_of_aws_copilot(path: str, place: int, index: int) -> None:
    assert 1000 <= rule_priority(path, place, index) < 48000


@given(PATH, PLACE, INDEX, PATH, PLACE, INDEX)
def test_two_services_never_have_the_same_priority(
    path: str, place: int, index: int, other_path: str, other_place: int, other_index: int
) -> None:
    if (place, index) != (other_place, other_index):
        assert rule_priority(path, place, index) != rule_priority(other_path, other_place, other_index)


@given(st.lists(SEGMENT, max_size=14), SEGMENT, PLACE, INDEX, PLACE, INDEX)
def test_a_longer_path_is_asked_before_those_around_it(
    outer: list[str], inner: str, place: int, index: int, other_place: int, other_index: int
) -> None:
    path = "/" + "/".join(outer)
    assert rule_priority(f"{path.rstrip('/')}/{inner}", place, index) < rule_priority(path, other_place, other_index)


def test_priorities_of_the_ends() -> None:
    assert rule_priority("/" + "x/" * 15, 0, 0) == 1000
    assert rule_priority("/", PLACES - 1, RULES_AT_A_PLACE - 1) == 47395


@pytest.mark.parametrize(("place", "index"), [(-1, 0), (PLACES, 0), (0, -1), (0, RULES_AT_A_PLACE)])
def test_there_is_no_such_place(place: int, index: int) -> None:
    with pytest.raises(ValueError, match="there is no place"):
        rule_priority("/", place, index)


@given(st.integers(0, PLACES - 1), st.lists(PATH, min_size=1, max_size=5))
def test_all_rules_of_a_service_have_their_own_priority(place: int, paths: list[str]) -> None:
    found = priorities(paths, place)
    assert len(set(found.values())) == len(paths)
    assert list(found) == ["", "1", "2", "3", "4"][: len(paths)]


@pytest.mark.parametrize(
    ("written", "path"), [("/", "/"), ("", "/"), ("api", "/api"), ("/api", "/api"), ("/api/", "/api"), ("a/b/", "/a/b")]
)
def test_paths(written: str, path: str) -> None:
    assert normal_path(written) == path


def test_no_load_balancer_no_routes() -> None:
    assert routes(settings_of(BACKEND)) == []
    assert routes(settings_of(WORKER)) == []


@pytest.mark.parametrize(
    ("kind", "more", "facts", "problem"),
    [
        (WEB, "http: {path: /, alias: a.example.com}", FACTS, "`fe` has `http.alias`, but environment `test` answers no HTTPS"),
        (BACKEND, "http: {path: /, alias: a.example.com}", WITH_DOMAIN, "`api` has `http.alias`, but environment"),
        (WEB, "http: {path: /shop}", WITH_CERTIFICATES, "`fe` has no `http.alias` for `/shop`, which environment `test` needs"),
        (BACKEND, "http: {path: /}", WITH_CERTIFICATES, "`api` has no `http.alias`"),
        (WEB, "http: {path: /, version: grpc}", FACTS, "`fe` has `version: grpc`, but"),
        (
            WEB,
            "http: {path: /, additional_rules: [{path: /a}, {path: /b}, {path: /c}, {path: /d}, {path: /e}]}",
            FACTS,
            "`fe` has 6 routing rules, and Amazon ECS takes 5",
        ),
        (
            WEB,
            "http: {path: /x, allowed_source_ips: [10.1.0.0/16, 10.2.0.0/16, 10.3.0.0/16, 10.4.0.0/16]}",
            FACTS,
            "the routing rule of `fe` for `/x` has 6 values, and load balancers take 5",
        ),
        (
            WEB,
            "http: {path: /, alias: [a.example.com, b.example.com, c.example.com, d.example.com, e.example.com]}",
            OF_AWS_COPILOT,
            "has 6 values",
        ),
        (BACKEND, "http: {path: /x, allowed_source_ips: [10.1.0.0/16, 10.2.0.0/16]}", FACTS, "has 6 values"),
        (WEB, "http: {path: /, healthcheck: {interval: 2s}}", FACTS, "has 2 seconds for `interval` of its health checks"),
        (WEB, "http: {path: /, healthcheck: {timeout: 2500ms}}", FACTS, "has 2.5 seconds for `timeout`"),
        (WEB, "http: {path: /, healthcheck: {healthy_threshold: 1}}", FACTS, "has 1 for `healthy_threshold`"),
        (WEB, "http: {path: /, healthcheck: {timeout: 30s}}", FACTS, "every 30 seconds that may take 30"),
        (WEB, "http: {path: /, healthcheck: {interval: 5s}}", FACTS, "every 5 seconds that may take 5"),
    ],
)
def test_what_an_environment_does_not_have(kind: str, more: str, facts: Any, problem: str) -> None:
    with pytest.raises(UnsupportedError) as raised:
        routes(settings_of(kind, more, facts))
    assert problem in raised.value.message
    assert raised.value.hint


@pytest.mark.parametrize(
    ("kind", "facts", "aliases"),
    [(WEB, OF_AWS_COPILOT, ["a.example.com"]), (WEB, WITH_CERTIFICATES, ["a.example.com"]), (BACKEND, WITH_CERTIFICATES, [])],
)
def test_aliases_that_the_environment_gets_to_know(kind: str, facts: Any, aliases: list[str]) -> None:
    assert environment_aliases(settings_of(kind, "http: {path: /, alias: a.example.com}", facts)) == aliases


@given(st.lists(PATH, min_size=1, max_size=5), st.lists(PATH, min_size=1, max_size=5))
def test_no_rule_takes_a_priority_that_another_still_has(before: list[str], after: list[str]) -> None:
    old, new = (priorities(paths) for paths in (before, after))
    for suffix, priority in new.items():
        assert priority not in {held for other, held in old.items() if other != suffix}


def priorities(paths: list[str], place: int = 0) -> dict[str, int]:
    rules = ", ".join(f"{{path: '{path}'}}" for path in paths[1:])
    found = routes(settings_of(WEB, f"http: {{path: '{paths[0]}', additional_rules: [{rules}]}}", rule_place=place))
    return {route.suffix: route.priority for route in found}
