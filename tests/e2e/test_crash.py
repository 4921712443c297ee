"""The server is killed with -9; nothing is lost, nothing runs twice, and the services never stop answering."""

from __future__ import annotations

import subprocess
import sys

from tests.e2e.conftest import Site, eventually


def test_killed_during_a_build(site: Site) -> None:
    site.release("1")
    (site.gates / "hold-build-2").touch()
    site.push("2")
    site.wait_for(2, "Build", "InProgress")
    eventually(lambda: "2" in site.notes("builds"))
    with site.asked_all_the_time("prod") as answers:
        site.kill_server()
        assert site.served("test") == "1"
        site.start_server()
        (site.gates / "hold-build-2").unlink()
        site.approve(2)
        eventually(lambda: site.execution(2).summary.status == "Succeeded")
    assert site.served("prod") == "2"
    assert set(answers) == {"1", "2"}
    assert site.notes("builds") == ["1", "2"]
    assert site.action(2, "Build").attempt == 1


def test_a_build_that_ends_while_no_server_runs_is_not_repeated(site: Site) -> None:
    (site.gates / "hold-build-1").touch()
    site.push("1")
    site.copilot("pipeline", "update", "--yes")
    eventually(lambda: "1" in site.notes("builds"))
    site.kill_server()
    (site.gates / "hold-build-1").unlink()
    # The build's own program writes its end; nobody is there to read it.
    eventually(lambda: any(b"infrastructure" in log.read_bytes() for log in site.home.logs.glob("attempt-*.log")))
    site.start_server()
    site.wait_for(1, "CreateOrUpdate-web-test", "Succeeded")
    assert site.notes("builds") == ["1"]
    assert site.served("test") == "1"


def test_killed_during_a_deployment(site: Site) -> None:
    site.release("1")
    (site.gates / "hold-2").touch()
    site.push("2")
    site.wait_for(2, "CreateOrUpdate-web-test", "InProgress")
    eventually(lambda: "2" in site.notes("starts"))
    with site.asked_all_the_time("test") as answers:
        site.kill_server()
        assert site.served("test") == "1"
        site.start_server()
        site.wait_for(2, "CreateOrUpdate-web-test", "InProgress")
        (site.gates / "hold-2").unlink()
        site.wait_for(2, "CreateOrUpdate-web-test", "Succeeded")
    assert site.served("test") == "2"
    assert set(answers) == {"1", "2"}
    assert site.notes("starts").count("2") == 1
    assert len(site.engine.service("shop", "web").environments[0].tasks) == 1


def test_killed_while_an_approval_waits(site: Site) -> None:
    site.push("1")
    site.copilot("pipeline", "update", "--yes")
    site.wait_for(1, "ApprovePromotionTo-prod", "InProgress")
    waiting_since = site.action(1, "ApprovePromotionTo-prod").started_at
    site.kill_server()
    assert site.served("test") == "1"
    site.start_server()
    assert site.action(1, "ApprovePromotionTo-prod").started_at == waiting_since
    site.approve(1)
    eventually(lambda: site.execution(1).summary.status == "Succeeded")
    assert site.served("prod") == "1"
    assert site.notes("builds") == ["1"]


def test_a_push_while_no_server_runs_is_noticed_when_one_starts(site: Site) -> None:
    site.release("1")
    site.kill_server()
    # Without a server the hook starts one; remove it to see that starting one is enough.
    (site.remote / "hooks" / "post-receive").unlink()
    site.push("2")
    site.start_server()
    site.wait_for(2, "CreateOrUpdate-web-test", "Succeeded")
    assert site.served("test") == "2"


def test_a_push_starts_the_server_that_was_killed(site: Site) -> None:
    site.release("1")
    site.kill_server()
    site.push("2")
    eventually(lambda: _answers(site))
    site.wait_for(2, "CreateOrUpdate-web-test", "Succeeded")


def test_a_command_says_so_when_the_server_is_killed_under_it(site: Site) -> None:
    (site.gates / "hold-build-1").touch()
    site.push("1")
    site.copilot("pipeline", "update", "--yes")
    watch = subprocess.Popen(
        [sys.executable, "-u", "-m", "copilot", "pipeline", "status", "--watch"],
        cwd=site.checkout,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert watch.stdout is not None
    assert "#1" in watch.stdout.readline()
    site.kill_server()
    _, talk = watch.communicate(timeout=30)
    assert watch.returncode == 1
    assert "error: the server stopped answering" in talk
    assert "copilot server start" in talk
    assert "Traceback" not in talk


def test_a_killed_task_is_started_again(site: Site) -> None:
    site.release("1")
    (task,) = site.engine.service("shop", "web").environments[1].tasks
    assert task.pid is not None
    subprocess.run(["kill", "-9", str(task.pid)], check=True)
    eventually(lambda: site.engine.service("shop", "web").environments[1].tasks[0].restarts == 1)
    eventually(lambda: _serves(site, "prod", "1"))
    assert site.engine.service("shop", "web").environments[1].tasks[0].last_exit == "killed by SIGKILL"


def _answers(site: Site) -> bool:
    from copilot.local.client import server_status

    return server_status(site.home) is not None


def _serves(site: Site, environment: str, version: str) -> bool:
    try:
        return site.served(environment) == version
    except OSError:
        return False
