"""The front door's configuration: routes, their order, and the files that name tasks."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from copilot.local.frontdoor.config import (
    EnvironmentRoutes,
    FrontDoorState,
    Service,
    config,
    listening_ports,
    normal_path,
    slot_files,
    slots_for,
)

segments = st.lists(st.sampled_from(["api", "apix", "a.b", "v1", "A", "a+b"]), max_size=3)
paths = segments.map(lambda parts: "/" + "/".join(parts))


def state(*services: Service, port: int = 8080) -> FrontDoorState:
    environment = EnvironmentRoutes("shop", "test", port, services)
    return FrontDoorState((environment,), 9000, Path("/home/caddy.sock"), ("127.0.0.1",))


def routes_of(services: list[Service]) -> list[dict[str, Any]]:
    routes: list[dict[str, Any]] = config(state(*services))["apps"]["http"]["servers"]["shop-test"]["routes"]
    return routes


def service_of(route: dict[str, Any]) -> str:
    """The service a route leads to, found through the slot file that it reads."""
    return json.dumps(route).partition("{file.slots/shop.test.")[2].partition(".")[0]


def routed(services: list[Service], path: str) -> str:
    """What Caddy does with the configuration: the first route whose pattern matches."""
    for route in routes_of(services):
        pattern = route["match"][0]["path_regexp"]["pattern"] if "match" in route else ""
        if re.search(pattern, path):
            return service_of(route)
    raise AssertionError("the last route catches all")


def wanted(services: list[Service], path: str) -> str:
    """What an ALB does with rules ``/p`` and ``/p/*``, the longest first."""
    fitting = [s for s in services if s.path is not None and (s.path in ("/", path) or path.startswith(s.path + "/"))]
    return max(fitting, key=lambda s: len(s.path or "")).name if fitting else ""


@given(st.lists(paths, unique=True, max_size=6), paths)
def test_the_longest_path_that_fits_wins(rules: list[str], path: str) -> None:
    services = [Service(f"s{number}", rule, 1, (20000,)) for number, rule in enumerate(rules)]
    assert routed(services, path) == wanted(services, path)


@given(st.permutations([Service("a", "/", 1, ()), Service("b", "/api", 2, ()), Service("c", "/api/v1", 1, ())]))
def test_routes_do_not_depend_on_the_order_of_services(services: list[Service]) -> None:
    assert routes_of(services) == routes_of(sorted(services, key=lambda s: s.name))


def test_a_path_matches_itself_and_what_is_below_it_only() -> None:
    services = [Service("api", "/api", 1, (20000,))]
    assert [routed(services, p) for p in ("/api", "/api/", "/api/x", "/apix", "/API", "/")] == ["api", "api", "api", "", "", ""]


def test_ways_to_write_a_path() -> None:
    assert {normal_path(p) for p in ("api", "/api", "/api/")} == {"/api"}
    assert {normal_path(p) for p in ("", "/")} == {"/"}


@given(st.lists(st.integers(20000, 29999), unique=True, max_size=4), st.integers(1, 4))
def test_the_configuration_names_no_task_and_slots_hold_every_task(tasks: list[int], slots: int) -> None:
    with_tasks = state(Service("api", "/", slots, tuple(tasks[:slots])))
    without = state(Service("api", "/", slots, ()))
    assert config(with_tasks) == config(without)
    files = slot_files(with_tasks.environments)
    assert len(files) == slots
    assert {text for text in files.values() if text} == {f"127.0.0.1:{port}" for port in tasks[:slots]}


@given(st.integers(0, 100))
def test_there_is_a_slot_for_every_task_and_few_counts_need_other_slots(count: int) -> None:
    assert slots_for(count) >= max(1, count)
    assert slots_for(count) == 12 or count > 12


def test_a_service_nothing_can_connect_to_is_a_plain_503() -> None:
    (route, _) = routes_of([Service("api", "/", 0, ())])
    (handler,) = route["handle"]
    assert handler["status_code"] == 503
    assert handler["body"] == "service `api` of environment `test` has no healthy task\n"


def test_services_without_a_path_are_reached_by_name_only() -> None:
    servers = config(state(Service("db", None, 1, (20000,))))["apps"]["http"]["servers"]
    assert "db" not in json.dumps(servers["shop-test"])
    assert {"host": ["db.test.shop.local"]} in [m for r in servers["(internal)"]["routes"] for m in r.get("match", [])]


def test_listening_ports_are_read_back() -> None:
    assert listening_ports(json.loads(json.dumps(config(state())))) == {8080, 9000}
    assert listening_ports(None) == frozenset()


def test_names_cannot_leave_the_slots_folder_or_the_placeholder() -> None:
    (name,) = slot_files((EnvironmentRoutes("../shop", "te}st", 8080, (Service("a/b", "/", 1, ()),)),))
    assert "/" not in name
    assert "}" not in name
