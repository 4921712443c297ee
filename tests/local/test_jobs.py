"""Scheduled jobs on the host runtime: when they run, how often they are tried, and what a killed server changes."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.errors import ConflictError, DeploymentError, EngineUnavailableError, NotFoundError
from copilot.image import ImageRequest
from copilot.local import jobs
from copilot.local.home import Home
from copilot.local.host.images import HostImageBuilder
from copilot.local.jobs import Jobs, due_after, retry_delay
from copilot.local.runtime import TaskSpec
from copilot.local.store.jobs import JobKey, RunRecord
from copilot.local.store.releases import ReleaseRecord
from copilot.release.description import ReleaseDescription, Schedule
from tests.local.harness import Engine, eventually

# Writes a line down, then does what the file `exit` says; while there is a file `hold`, it goes on.
PROGRAM = """
import os, pathlib, signal, sys, time

gates = pathlib.Path(os.environ["GATES"])
with (gates / "runs").open("a") as runs:
    runs.write(os.environ["COPILOT_TASK_ID"] + " " + os.environ.get("WORD", "") + "\\n")
print("begins", flush=True)
while (gates / "hold").exists():
    time.sleep(0.01)
print("ends")
sys.exit(int((gates / "exit").read_text()) if (gates / "exit").exists() else 0)
"""
KEY = JobKey("shop", "test", "report")
MIDNIGHT = 1_767_225_600.0  # 2026-01-01T00:00:00Z
MINUTE, DAY = 60.0, 86400.0


class Site:
    """An engine with the jobs of a server, whose clock stands still until the test sets it."""

    def __init__(self, home: Home, folder: Path) -> None:
        self.home = home
        self.gates = folder / "gates"
        self.gates.mkdir()
        source = folder / "source"
        source.mkdir()
        (source / "job.py").write_text(PROGRAM)
        (source / "Dockerfile").write_text('FROM python:3.12\nCOPY job.py /job.py\nCMD ["python", "/job.py"]\n')
        request = ImageRequest("shop", "report", source / "Dockerfile", source)
        self.image = HostImageBuilder(home).build(request, lambda line: None)
        self.now = MIDNIGHT
        self.engine = Engine(home)
        self.engine.environment()
        self.jobs = self.new_jobs()

    def new_jobs(self) -> Jobs:
        e = self.engine
        return Jobs(self.home, e.store, e.deployer, {"host": e.runtime}, clock=lambda: self.now)

    def restart(self) -> None:
        """What a new server does, when the one before it left things as they are."""
        self.jobs.close()
        self.engine.close()
        self.engine = Engine(self.home)
        self.engine.deployer.recover().join()
        self.jobs = self.new_jobs()
        self.jobs.start()

    def deploy(self, origin: str = "one", *, schedule: Schedule | None = None, **changes: object) -> ReleaseRecord:
        description = ReleaseDescription(
            application="shop",
            environment="test",
            workload="report",
            type="Scheduled Job",
            image=self.image,
            schedule=schedule or Schedule("@daily"),
            variables={"GATES": str(self.gates), "WORD": origin},
            **changes,  # type: ignore[arg-type] # a test's shorthand
        )
        release = self.engine.store.releases.ensure(description, f"deploy:{origin}")
        assert self.engine.deployer.deploy(release, self.engine.printed.append, threading.Event()) is None
        return self.engine.store.releases.get(release.id)

    def look(self, now: float) -> float | None:
        self.now = now
        return self.jobs.look()

    @property
    def runs(self) -> list[RunRecord]:
        """Oldest first."""
        return self.engine.store.jobs.history(KEY)[::-1]

    @property
    def started(self) -> list[str]:
        """A line for each time the program began."""
        file = self.gates / "runs"
        return file.read_text().splitlines() if file.exists() else []

    def ended(self, run: int = -1) -> RunRecord:
        eventually(lambda: self.runs[run].ended_at is not None)
        eventually(lambda: self.runs[run].id not in self.jobs._carriers)
        return self.runs[run]

    def task(self) -> str:
        (task,) = self.engine.store.jobs.tasks()
        return task

    def close(self) -> None:
        self.jobs.close()
        self.engine.end()
        self.engine.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    home = Home(tmp_path / "home")
    home.create()
    site = Site(home, tmp_path)
    yield site
    site.close()


@given(st.integers(1, 10_000))
def test_the_pause_between_attempts_doubles_up_to_a_minute(attempt: int) -> None:
    assert retry_delay(attempt) == min(60.0, 2.0 ** min(attempt - 1, 10))
    assert [retry_delay(n) for n in range(1, 9)] == [1, 2, 4, 8, 16, 32, 60, 60]


def test_when_a_schedule_is_due() -> None:
    assert due_after("@daily", MIDNIGHT, MIDNIGHT) == MIDNIGHT + DAY
    assert due_after("@every 5m", MIDNIGHT + 61, MIDNIGHT + 1) == MIDNIGHT + 301
    assert due_after("none", MIDNIGHT, MIDNIGHT) is None


def test_a_deployment_starts_no_task_and_becomes_current(site: Site) -> None:
    release = site.deploy()
    assert release.status == "Current"
    assert site.engine.tasks() == []
    assert site.started == []
    assert site.look(MIDNIGHT + 1) is not None
    assert site.runs == []


def test_a_deployment_that_every_run_would_fail_for_is_refused(site: Site) -> None:
    with pytest.raises(DeploymentError, match="needs a secret that does not exist: `nothing`"):
        site.deploy(secrets={"TOKEN": "nothing"})
    assert site.engine.store.releases.current("shop", "test", "report") is None


def test_what_is_due_runs_once_with_the_current_release(site: Site) -> None:
    site.deploy("one")
    due = site.look(MIDNIGHT)
    assert due is not None
    release = site.deploy("two")
    following = site.look(due)
    assert following == due + DAY
    site.look(due + 1)
    run = site.ended()
    assert (run.status, run.reason, run.trigger, run.due_at, run.release) == ("Succeeded", "exit 0", "schedule", due, release.id)
    (attempt,) = site.engine.store.jobs.attempts(run.id)
    assert site.started == [f"{attempt.task} two"]
    assert site.engine.runtime.log(attempt.task).text == "begins\nends\n"
    assert site.engine.runtime.task_ids() == []


def test_deploying_again_keeps_the_rhythm_and_another_schedule_begins_anew(site: Site) -> None:
    site.deploy("one", schedule=Schedule("@every 1h"))
    first = site.look(MIDNIGHT)
    site.now += 30 * MINUTE
    site.deploy("two", schedule=Schedule("@every 1h"))
    assert site.look(site.now) == first
    site.deploy("three", schedule=Schedule("none"))
    assert site.look(site.now + DAY) is None
    assert site.runs == []


def test_a_failed_attempt_is_made_again_with_growing_pauses(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_LONGEST_LOOK", 0.02)
    (site.gates / "exit").write_text("3")
    site.deploy(schedule=Schedule("@daily", retries=2))
    run = site.jobs.run_now(KEY)
    pauses = []
    for _ in range(2):
        eventually(lambda: site.runs[0].retry_at not in {None, site.now})
        retry_at = site.runs[0].retry_at
        assert retry_at is not None
        pauses.append(retry_at - site.now)
        site.now = retry_at
        eventually(lambda: site.runs[0].retry_at != site.now or site.runs[0].ended_at is not None)
    ended = site.ended()
    assert pauses == [1.0, 2.0]
    assert (ended.status, ended.reason, ended.trigger, ended.due_at) == ("Failed", "exit 3", "manual", None)
    assert [a.reason for a in site.engine.store.jobs.attempts(run.id)] == ["exit 3"] * 3
    assert len(set(site.started)) == 3


def test_a_retry_that_succeeds_is_a_success(site: Site) -> None:
    (site.gates / "exit").write_text("1")
    site.deploy(schedule=Schedule("@daily", retries=5))
    site.jobs.run_now(KEY)
    eventually(lambda: site.runs[0].retry_at is not None)
    (site.gates / "exit").unlink()
    site.now += 1
    assert site.ended().status == "Succeeded"
    assert len(site.started) == 2


def test_an_attempt_is_stopped_after_its_timeout(site: Site) -> None:
    (site.gates / "hold").touch()
    site.deploy(schedule=Schedule("@daily", timeout=90.0))
    site.jobs.run_now(KEY)
    eventually(lambda: len(site.started) == 1)
    pid = site.engine.runtime.pid(site.task())
    assert pid is not None
    site.now += 91
    run = site.ended()
    assert (run.status, run.reason) == ("TimedOut", "stopped after its timeout of 90 s")
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_timeout_is_for_all_attempts_together(site: Site) -> None:
    (site.gates / "exit").write_text("1")
    site.deploy(schedule=Schedule("@daily", retries=5, timeout=90.0))
    site.jobs.run_now(KEY)
    eventually(lambda: site.runs[0].retry_at is not None)
    (site.gates / "hold").touch()
    site.now += 60
    eventually(lambda: len(site.started) == 2)
    site.now += 31
    run = site.ended()
    assert (run.status, run.reason) == ("TimedOut", "stopped after its timeout of 90 s")
    assert len(site.started) == 2


def test_nothing_is_tried_again_when_no_time_is_left(site: Site) -> None:
    (site.gates / "hold").touch()
    (site.gates / "exit").write_text("3")
    site.deploy(schedule=Schedule("@daily", retries=5, timeout=90.0))
    site.jobs.run_now(KEY)
    eventually(lambda: len(site.started) == 1)
    site.now += 89.5
    (site.gates / "hold").unlink()
    run = site.ended()
    assert run.status == "TimedOut"
    assert run.reason == "exit 3; no time was left of its timeout of 90 s to try again"


def test_two_runs_of_a_job_never_overlap(site: Site) -> None:
    (site.gates / "hold").touch()
    site.deploy(schedule=Schedule("@every 10s"))
    due = site.look(MIDNIGHT)
    assert due is not None
    for second in (0, 10, 20):
        site.look(due + second)
    with pytest.raises(ConflictError, match="runs already"):
        site.jobs.run_now(KEY)
    eventually(lambda: len(site.started) == 1)
    assert [(r.status, r.skipped) for r in site.runs] == [("Running", 2)]
    (site.gates / "hold").unlink()
    site.ended()
    site.look(due + 30)
    site.ended()
    assert [(r.status, r.skipped) for r in site.runs] == [("Succeeded", 2), ("Succeeded", 0)]


def test_a_job_that_was_never_deployed_cannot_be_run(site: Site) -> None:
    with pytest.raises(NotFoundError, match="never deployed"):
        site.jobs.run_now(KEY)


def test_what_was_missed_is_noted_once_and_not_made_up_for(site: Site) -> None:
    site.deploy()
    due = site.look(MIDNIGHT)
    assert due is not None
    site.now = due + 5 * DAY + 1
    site.restart()
    assert [(r.status, r.due_at, r.reason) for r in site.runs] == [("Missed", due, "no server ran when it was due")]
    assert site.look(site.now) == due + 6 * DAY
    site.look(due + 6 * DAY + jobs.LATEST + 1)
    assert [(r.status, r.reason) for r in site.runs[1:]] == [("Missed", "this machine did not run when it was due")]
    assert site.started == []


def test_a_run_goes_on_when_the_server_is_killed_and_is_not_made_twice(site: Site) -> None:
    (site.gates / "hold").touch()
    (site.gates / "exit").write_text("4")
    site.deploy()
    site.jobs.run_now(KEY)
    eventually(lambda: len(site.started) == 1)
    pid = site.engine.runtime.pid(site.task())
    site.restart()
    assert site.engine.runtime.pid(site.task()) == pid
    assert [r.status for r in site.runs] == ["Running"]
    (site.gates / "hold").unlink()
    run = site.ended()
    assert (run.status, run.reason) == ("Failed", "exit 4")
    assert len(site.started) == 1


def test_a_run_that_ends_while_no_server_runs_is_recorded(site: Site) -> None:
    (site.gates / "hold").touch()
    site.deploy()
    site.jobs.run_now(KEY)
    eventually(lambda: len(site.started) == 1)
    task = site.task()
    site.jobs.close()
    (site.gates / "hold").unlink()
    eventually(lambda: site.engine.runtime.pid(task) is None)
    site.restart()
    assert (site.ended().status, len(site.started)) == ("Succeeded", 1)


class KilledError(BaseException):
    """Ends a run's thread as the end of the server's process would."""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("when", ["before the task starts", "after the task started", "after the task ended"])
def test_killed_at_the_start_of_an_attempt(site: Site, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    start = site.engine.runtime.start

    def die(spec: TaskSpec) -> NoReturn:
        if when != "before the task starts":
            start(spec)
        if when == "after the task ended":
            eventually(lambda: site.engine.runtime.pid(spec.id) is None)
        raise KilledError

    site.deploy()
    monkeypatch.setattr(site.engine.runtime, "start", die)
    site.jobs.run_now(KEY)
    eventually(lambda: not site.jobs._carriers)
    assert site.runs[0].ended_at is None
    site.restart()
    assert site.ended().status == "Succeeded"
    assert len(site.started) == 1


def test_a_task_that_cannot_be_started_fails_its_attempt(site: Site) -> None:
    site.engine.secrets["late"] = "value"
    site.deploy(secrets={"LATE": "late"})
    site.jobs._deployer._secret = lambda name: None
    site.jobs.run_now(KEY)
    run = site.ended()
    assert run.status == "Failed"
    assert run.reason is not None
    assert "`late`" in run.reason


def test_a_killed_program_fails_its_run(site: Site) -> None:
    (site.gates / "hold").touch()
    site.deploy()
    site.jobs.run_now(KEY)
    eventually(lambda: len(site.started) == 1)
    os.kill(site.engine.runtime.pid(site.task()) or 0, signal.SIGKILL)
    assert site.ended().reason == "killed by SIGKILL"


def test_only_the_last_runs_and_their_logs_are_kept(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "KEPT_RUNS", 2)
    site.deploy()
    for _ in range(4):
        site.jobs.run_now(KEY)
        site.ended(-1)
    assert len(site.runs) == 2
    assert len(list(site.home.logs.glob("task-*"))) == 2
    assert len(site.started) == 4


@pytest.mark.parametrize("retrying", [False, True])
def test_removing_a_job_leaves_nothing(site: Site, retrying: bool) -> None:
    if retrying:
        (site.gates / "exit").write_text("1")
    else:
        (site.gates / "hold").touch()
    site.deploy(schedule=Schedule("@every 10s", retries=3), grace_period=1.0)
    site.jobs.run_now(KEY)
    eventually(lambda: site.runs[0].retry_at is not None if retrying else len(site.started) == 1)
    site.jobs.remove_all("shop", "test")
    site.engine.deployer.remove_environment("shop", "test")
    assert site.engine.runtime.task_ids() == []
    assert list(site.home.logs.glob("task-*")) == []
    assert site.runs == []
    assert site.look(MIDNIGHT + DAY) is None
    assert len(site.started) == 1


def test_a_run_that_cannot_be_stopped_is_still_seen_through(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(task_id: str, grace_period: float) -> NoReturn:
        raise EngineUnavailableError("the container engine does not answer")

    (site.gates / "hold").touch()
    site.deploy()
    site.jobs.run_now(KEY)
    eventually(lambda: len(site.started) == 1)
    with monkeypatch.context() as patch:
        patch.setattr(site.engine.runtime, "stop", refuse)
        with pytest.raises(EngineUnavailableError):
            site.jobs.remove("shop", "test", "report")
    (site.gates / "hold").unlink()
    assert site.ended().status == "Succeeded"


def test_the_thread_runs_what_is_due_by_the_real_clock(site: Site) -> None:
    site.jobs = Jobs(site.home, site.engine.store, site.engine.deployer, {"host": site.engine.runtime})
    site.jobs.start()
    site.deploy(schedule=Schedule("@every 1s"))
    eventually(lambda: len([r for r in site.runs if r.status == "Succeeded"]) >= 2)
    first, second = site.runs[:2]
    assert first.due_at is not None
    assert second.due_at == first.due_at + 1
    assert first.started_at - first.due_at < 0.5
