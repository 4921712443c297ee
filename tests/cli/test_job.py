"""``copilot job``."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import pytest

from copilot.cli.job._manifest import JobAnswers, manifest_text
from copilot.cli.job._target import result
from copilot.engine import JobAttempt, JobRun
from copilot.local.client import connect, server_status
from copilot.local.home import Home
from copilot.manifest.loader import SourceText
from copilot.manifest.workload import ScheduledJob, parse_workload
from tests.cli.conftest import Cli, LocalEngine, Terminals
from tests.local.harness import eventually

# While there is a file `hold`, it goes on.
_PROGRAM = """\
import os, pathlib, sys, time
print("hello", os.environ["COPILOT_ENVIRONMENT_NAME"], flush=True)
gates = pathlib.Path(os.environ["GATES"])
while (gates / "hold").exists():
    time.sleep(0.01)
print("bye")
sys.exit(int((gates / "exit").read_text()) if (gates / "exit").exists() else 0)
"""


def write_job(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "job.py").write_text(_PROGRAM)
    (folder / "Dockerfile").write_text(f'FROM python:3.12\nCOPY job.py /app/\nWORKDIR /app\nCMD ["{sys.executable}", "job.py"]\n')


@pytest.fixture
def gates(tmp_path: Path) -> Path:
    folder = tmp_path / "gates"
    folder.mkdir()
    return folder


@pytest.fixture
def job(cli: Cli, app: str, gates: Path) -> str:
    """A job that is deployed to `test`."""
    write_job(Path("report"))
    cli.ok("env", "init", "-n", "test", "--runtime", "host")
    cli.ok("job", "init", "-n", "report", "-s", "@daily")
    with Path("copilot/report/manifest.yml").open("a") as manifest:
        manifest.write(f"variables:\n  GATES: {gates}\n")
    cli.ok("job", "deploy", "-n", "report", "-e", "test", "--detach", "--tag", "v1")
    return "report"


def test_init_with_flags(cli: Cli, app: str, local: LocalEngine) -> None:
    write_job(Path("report"))
    flags = ("-s", "@every 30m", "-d", "report/Dockerfile", "--retries", "3", "--timeout", "1h30m", "-t", "Scheduled Job")
    done = cli.ok("job", "init", "-n", "report", *flags)
    assert f"Added job report to application {app}" in done.stderr
    text = Path("copilot/report/manifest.yml").read_text()
    for line in ('schedule: "@every 30m"', "retries: 3", "timeout: 1h30m", "build: report/Dockerfile"):
        assert line in text
    assert [(w.name, w.type) for w in local.engine.workloads(app)] == [("report", "Scheduled Job")]
    assert "nothing to do" in cli.ok("job", "init", "-n", "report").stderr
    local.engine.delete_workload(app, "report")
    assert "as copilot/report/manifest.yml describes it" in cli.ok("job", "init", "-n", "report").stderr
    assert Path("copilot/report/manifest.yml").read_text() == text


def test_init_asks_for_what_is_missing(app: str, terminal: Terminals) -> None:
    write_job(Path("report"))
    screen = terminal("job", "init")
    screen.wait_for("What is the job called?")
    screen.type("report\r")
    screen.wait_for("When does report run?")
    screen.type("\x1b[A\r")
    screen.wait_for("Schedule, such as")
    screen.type("daily\r")
    screen.wait_for("It ")
    screen.type("\x150 9 * * 1-5\r")
    assert screen.finish() == 0, screen.screen
    assert 'schedule: "0 9 * * 1-5"' in Path("copilot/report/manifest.yml").read_text()


def test_bad_answers_change_nothing(cli: Cli, app: str, local: LocalEngine) -> None:
    for args, part, code in (
        ((), "`--name` is missing", 2),
        (("-n", "report"), "`--schedule` is missing", 2),
        (("-n", "report", "-s", "@dayly"), "did you mean `@daily`?", 2),
        (("-n", "report", "-s", "@daily"), "there is no Dockerfile", 1),
        (("-n", "report", "-s", "@daily", "--timeout", "soon"), "`--timeout` must be a duration", 2),
        (("-n", "report", "-s", "@daily", "--timeout", "0s"), "`--timeout` must be a duration", 2),
        (("-n", "report", "-s", "@daily", "--retries", "-1"), "retries", 2),
        (("-n", "report", "-t", "Backend Service"), "`--job-type` must be", 2),
        (("-n", "report", "-d", "Dockerfile", "-i", "busybox"), "cannot be used together", 2),
    ):
        done = cli("job", "init", *args)
        assert (done.exit_code, part in done.stderr) == (code, True), done.stderr
    local.engine.register_workload(app, "web", "Backend Service")
    done = cli("job", "init", "-n", "web", "-s", "@daily")
    assert done.exit_code == 1
    assert "`web` exists already and is a Backend Service" in done.stderr
    assert [p.name for p in Path("copilot").iterdir()] == [".workspace"]


def test_a_job_of_an_image(cli: Cli, app: str) -> None:
    cli.ok("job", "init", "-n", "report", "-s", "none", "--image", "busybox:1.36")
    assert "location: busybox:1.36" in Path("copilot/report/manifest.yml").read_text()


def test_whatever_is_answered_the_manifest_says_the_same() -> None:
    for answers in (
        JobAnswers("a", "0 9 * * *", "Dockerfile", None, 0, "90s"),
        JobAnswers("a", "cron(0 9 ? * MON-FRI *)", "a b/#x.Dockerfile", None, None, None),
        JobAnswers("a", "none", None, "registry:5000/x@sha256:" + "0" * 64, 100, "1h"),
    ):
        manifest = parse_workload(SourceText(Path("m.yml"), "m.yml", manifest_text(answers))).model
        assert isinstance(manifest, ScheduledJob)
        assert (manifest.on.schedule, manifest.retries) == (answers.schedule, answers.retries or 0)
        assert manifest.image.location == answers.image
        assert manifest.image.build is None or manifest.image.build.dockerfile == answers.dockerfile


def test_how_a_run_did_in_words() -> None:
    attempt = JobAttempt(number=1, task="t", started_at=10.0, ended_at=12.0, reason="exit 3")
    run = JobRun(
        id=1,
        app="a",
        environment="e",
        workload="w",
        release=1,
        trigger="manual",
        status="Failed",
        due_at=None,
        started_at=10.0,
        ended_at=12.0,
        retry_at=None,
        skipped=0,
        reason="exit 3",
        attempts=(attempt,),
    )
    assert "exit 3 after 2.0 s" in result(run)
    assert "succeeded in 2.0 s" in result(run.model_copy(update={"status": "Succeeded"}))
    assert "missed: asleep" in result(run.model_copy(update={"status": "Missed", "reason": "asleep"}))
    waiting = run.model_copy(update={"status": "Running", "ended_at": None, "retry_at": 13.0})
    assert "waits for attempt 2" in result(waiting)


def test_run_follows_to_the_end_and_tells_failure(cli: Cli, job: str, gates: Path) -> None:
    done = cli.ok("job", "run")
    assert done.stdout == "hello test\nbye\n"
    assert "succeeded in" in done.stderr
    (gates / "exit").write_text("3")
    done = cli("job", "run", "-n", job, "-e", "test")
    assert done.exit_code == 1
    assert done.stdout == "hello test\nbye\n"
    assert "of `report` in `test` failed: exit 3" in done.stderr


def test_ctrl_c_leaves_the_run_to_the_server(cli: Cli, job: str, gates: Path, terminal: Terminals, local: LocalEngine) -> None:
    (gates / "hold").touch()
    screen = terminal("job", "run", env={"COPILOT_HOME": str(local.home.root)})
    screen.wait_for("hello test")
    done = cli("job", "run")
    assert done.exit_code == 1
    assert "runs already in environment `test`" in done.stderr
    screen.interrupt()
    screen.wait_for("goes on")
    assert screen.finish() == 130
    assert "running for" in cli.ok("job", "ls").stdout
    follower = terminal("job", "logs", "--follow", env={"COPILOT_HOME": str(local.home.root)})
    follower.wait_for("hello test")
    (gates / "hold").unlink()
    follower.wait_for("succeeded in")
    cli.ok("job", "run")
    follower.wait_for("succeeded in")
    follower.interrupt()
    assert follower.finish() == 130


def test_logs(cli: Cli, app: str, job: str, gates: Path, local: LocalEngine) -> None:
    assert "has not run in environment `test` yet" in cli("job", "logs").stderr
    cli.ok("job", "run")
    (gates / "exit").write_text("3")
    cli("job", "run")
    second, first = local.engine.job_runs(app, job, "test")
    assert cli.ok("job", "logs", "--include-state-machine").stdout == "hello test\nbye\n"
    assert cli.ok("job", "logs", "--last", "2").stdout == "hello test\nbye\n" * 2
    assert cli.ok("job", "logs", "--since", "1h", "--limit", "3").stdout == "bye\nhello test\nbye\n"
    task = first.attempts[0].task
    lines = [json.loads(line) for line in cli.ok("job", "logs", "--tasks", task, "--json").stdout.splitlines()]
    assert lines == [{"run": first.id, "attempt": 1, "task": task, "message": text} for text in ("hello test", "bye")]
    assert f"run {second.id}" in cli.ok("job", "logs").stderr
    assert cli("job", "logs", "--end-time", "2020-01-01T00:00:00Z").exit_code == 1
    assert cli("job", "logs", "--since", "1h", "--start-time", "2020-01-01T00:00:00Z").exit_code == 2
    assert cli("job", "logs", "--follow", "--tasks", "x").exit_code == 2


def test_ls(cli: Cli, app: str, job: str, local: LocalEngine) -> None:
    local.engine.register_workload(app, "elsewhere", "Scheduled Job")
    local.engine.register_workload(app, "web", "Backend Service")
    text = cli.ok("job", "ls").stdout
    assert "never ran" in text
    assert "elsewhere  not deployed" in text
    cli.ok("job", "run", "-n", job)
    found = json.loads(cli.ok("job", "ls", "--local", "--json").stdout)["jobs"]
    assert [(j["name"], j["type"]) for j in found] == [("report", "Scheduled Job")]
    (state,) = found[0]["environments"]
    assert state["lastRun"]["status"] == "Succeeded"
    assert state["schedule"]["expression"] == "@daily"
    assert state["nextRunAt"] is not None
    assert "succeeded in" in cli.ok("job", "ls").stdout
    assert "@daily" in cli.ok("env", "show").stdout
    assert "Scheduled Job" in cli.ok("app", "show").stdout
    assert "Scheduled Job" not in cli.ok("svc", "ls").stdout


def test_package_says_what_would_be_deployed(cli: Cli, job: str, tmp_path: Path) -> None:
    printed = json.loads(cli.ok("job", "package", "--upload-assets").stdout)
    assert printed["schedule"]["expression"] == "@daily"
    assert printed["image"].startswith("sha256:")
    cli.ok("job", "package", "-n", job, "-e", "test", "--output-dir", str(tmp_path / "out"))
    (written,) = (tmp_path / "out").iterdir()
    assert json.loads(written.read_text()) == printed


def test_deploying_it_as_any_workload(cli: Cli, job: str) -> None:
    done = cli.ok("deploy", "--name", job)
    assert "copilot job run --name report --env test" in done.stderr
    manifest = Path("copilot/report/manifest.yml")
    manifest.write_text(manifest.read_text() + "secrets:\n  TOKEN: nothing\n")
    done = cli("job", "deploy")
    assert done.exit_code == 1
    assert "needs a secret that does not exist" in done.stderr
    assert "is the same as before; see `copilot job ls`" in done.stderr


def test_delete(cli: Cli, app: str, job: str, gates: Path, local: LocalEngine) -> None:
    (gates / "hold").touch()
    local.engine.start_job(app, job, "test")
    assert cli("job", "delete").exit_code == 2
    assert cli("job", "delete", "--env", "staging", "--yes").exit_code == 1
    cli.ok("job", "delete", "--env", "test", "--yes")
    assert "never deployed" in cli("job", "run").stderr
    assert f"Deleted job report from application {app}" in cli.ok("job", "delete", "--yes").stderr
    assert "has no jobs yet" in cli.ok("job", "ls").stderr
    assert Path("copilot/report/manifest.yml").exists()


def test_a_run_outlives_a_killed_server(cli: Cli, home: Path, gates: Path) -> None:
    write_job(Path("report"))
    cli.ok("app", "init", "shop")
    cli.ok("env", "init", "-n", "test", "--runtime", "host")
    cli.ok("job", "init", "-n", "report", "-s", "@daily")
    with Path("copilot/report/manifest.yml").open("a") as manifest:
        manifest.write(f"variables:\n  GATES: {gates}\n")
    cli.ok("job", "deploy")
    (gates / "hold").touch()
    begun = connect(Home(home)).start_job("shop", "report", "test")
    eventually(lambda: "hello" in cli.ok("job", "logs").stdout)
    server = server_status(Home(home))
    assert server is not None
    os.kill(server.pid, signal.SIGKILL)
    (gates / "hold").unlink()
    eventually(lambda: server_status(Home(home)) is None)
    engine = connect(Home(home))
    eventually(lambda: engine.job_run(begun.id).status == "Succeeded")
    assert cli.ok("job", "logs").stdout == "hello test\nbye\n"
    assert len(engine.job_runs("shop", "report", "test")) == 1
    cli.ok("app", "delete", "--yes")
    assert list((home / "tasks").iterdir()) == []
