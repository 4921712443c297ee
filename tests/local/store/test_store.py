from __future__ import annotations

import re
import sqlite3
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

from copilot.errors import ConflictError, CopilotError, NotFoundError
from copilot.local.store import Store
from copilot.local.store.database import QUERIES, Database, migrations
from copilot.local.store.releases import KEPT_ENDED_TASKS
from copilot.release.description import ReleaseDescription


@pytest.fixture
def store() -> Store:
    made = Store.in_memory()
    made.catalog.add_application("shop")
    made.catalog.add_environment("shop", "test", "host", 8081)
    return made


def describe(image: str = "sha256:1") -> ReleaseDescription:
    return ReleaseDescription("shop", "test", "web", "Load Balanced Web Service", image)


def test_every_query_is_valid_sql_and_is_used() -> None:
    database = Database(None)
    code = "".join(p.read_text() for p in Path(str(files("copilot.local.store"))).glob("*.py"))
    for name, sql in QUERIES.items():
        parameters = dict.fromkeys(re.findall(r":(\w+)", sql))
        database._connection.execute(f"EXPLAIN {sql}", parameters)
        assert f'"{name}"' in code, f"no one uses {name}"


def test_a_database_is_migrated_once_and_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    first = Store.open(path)
    first.catalog.add_application("shop")
    first.close()
    again = Store.open(path)
    assert [a.name for a in again.catalog.applications()] == ["shop"]
    again.close()


def test_a_database_of_a_newer_copilot_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {migrations()[-1][0] + 1}")
    connection.close()
    with pytest.raises(CopilotError, match="versions up to"):
        Store.open(path)


def test_a_transaction_is_all_or_nothing(store: Store) -> None:
    def fail() -> None:
        with store.transaction():
            store.catalog.add_application("one")
            with store.transaction():
                store.catalog.add_application("two")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [a.name for a in store.catalog.applications()] == ["shop"]


def test_names_and_ports_are_unique(store: Store) -> None:
    store.catalog.add_application("other")
    with pytest.raises(ConflictError, match="application `shop` exists already"):
        store.catalog.add_application("shop")
    with pytest.raises(ConflictError, match="environment `test` exists already in application `shop`"):
        store.catalog.add_environment("shop", "test", "host", 8082)
    with pytest.raises(ConflictError, match="port 8081 is taken by environment `test` of application `shop`"):
        store.catalog.add_environment("other", "test", "host", 8081)
    assert store.catalog.add_environment("other", "test", "host", 8082).url == "http://localhost:8082"


def test_missing_things_say_what_there_is(store: Store) -> None:
    with pytest.raises(NotFoundError) as caught:
        store.catalog.environment("shop", "prod")
    assert caught.value.hint == "It has: test. Create it with `copilot env init --name prod`"
    with pytest.raises(NotFoundError, match="application `nope` does not exist"):
        store.catalog.environments("nope")


def test_a_workload_keeps_its_type(store: Store) -> None:
    store.catalog.register_workload("shop", "api", "Backend Service")
    store.catalog.register_workload("shop", "api", "Backend Service")
    with pytest.raises(ConflictError, match="is a Backend Service, not a Load Balanced Web Service"):
        store.catalog.register_workload("shop", "api", "Load Balanced Web Service")


def test_asking_twice_for_the_same_release_finds_the_first(store: Store) -> None:
    first = store.releases.ensure(describe(), "attempt:1", 7)
    assert store.releases.ensure(describe("sha256:other"), "attempt:1", 7) == first
    assert (first.status, first.execution) == ("Pending", 7)


def test_one_release_is_current(store: Store) -> None:
    first = store.releases.ensure(describe(), "attempt:1")
    second = store.releases.ensure(describe("sha256:2"), "attempt:2")
    store.releases.make_current(first)
    store.releases.make_current(second)
    current = store.releases.current("shop", "test", "web")
    assert current is not None
    assert current.id == second.id
    assert [r.status for r in store.releases.history("shop", "test", "web")] == ["Current", "Superseded"]


def test_tasks_are_counted_and_forgotten(store: Store) -> None:
    release = store.releases.ensure(describe(), "attempt:1")
    store.releases.add_task("t1", release.id, 4000)
    store.releases.restart_task("t1", "exit 1")
    (task,) = store.releases.tasks(release.id)
    assert (task.restarts, task.last_exit, task.status) == (1, "exit 1", "Starting")
    store.releases.bury_task("t1", "exit 2")
    (task,) = store.releases.tasks(release.id)
    assert (task.restarts, task.last_exit, task.status) == (1, "exit 2", "Dead")
    assert task.last_exit_at is not None
    store.releases.end_task(task, "stopped")
    assert store.releases.all_tasks() == []
    (ended,) = store.releases.ended_tasks("shop", "test", "web")
    assert (ended.id, ended.release, ended.restarts, ended.reason) == ("t1", release.id, 1, "stopped")
    assert ended.ended_at >= ended.started_at


def test_of_ended_tasks_the_newest_of_each_service_are_kept(store: Store) -> None:
    release = store.releases.ensure(describe(), "attempt:1")
    other = store.releases.ensure(replace(describe(), workload="api"), "attempt:2")
    store.releases.end_task(store.releases.add_task("other", other.id, None), "stopped")
    for number in range(KEPT_ENDED_TASKS + 3):
        store.releases.end_task(store.releases.add_task(f"t{number}", release.id, None), "stopped")
    kept = [t.id for t in store.releases.ended_tasks("shop", "test", "web")]
    assert kept == [f"t{number}" for number in range(3, KEPT_ENDED_TASKS + 3)]
    assert [t.id for t in store.releases.ended_tasks("shop", "test", "api")] == ["other"]


def test_a_paused_release_stays_current_until_it_serves_again(store: Store) -> None:
    release = store.releases.ensure(describe(), "attempt:1")
    store.releases.make_current(release)
    served = store.releases.get(release.id)
    store.releases.pause(release.id)
    paused = store.releases.current("shop", "test", "web")
    assert paused is not None
    assert paused.paused_at is not None
    store.releases.make_current(paused)
    assert store.releases.get(release.id) == served


def test_deleting_an_application_deletes_all_that_is_in_it(store: Store) -> None:
    release = store.releases.ensure(describe(), "attempt:1")
    store.releases.add_task("t1", release.id, 4000)
    store.catalog.delete_application("shop")
    assert store.catalog.all_environments() == []
    assert store.releases.all_tasks() == []
