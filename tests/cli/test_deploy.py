"""``copilot deploy``: from a checkout to an environment that answers."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

from copilot.cli.deploy import in_order
from copilot.errors import UsageError
from tests.cli.conftest import DEADLINE, Cli, Terminals, write_service


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as response:
        return str(response.read().decode())


@pytest.fixture
def service(cli: Cli, app: str) -> None:
    write_service(Path("api"))
    cli.ok("env", "init", "-n", "test")
    cli.ok("svc", "init", "-n", "api", "-t", "Load Balanced Web Service")


@pytest.mark.usefixtures("service")
def test_what_is_deployed_answers_at_the_url(cli: Cli) -> None:
    result = cli.ok("deploy", "--name", "api", "--env", "test", "--tag", "v1", "--detach=false")
    url = result.stdout.strip()
    assert "Deployed api to test in" in result.stderr
    assert get(url) == "hello from /"
    state = json.loads(cli.ok("svc", "show", "--json").stdout)["environments"][0]
    assert [t["status"] for t in state["tasks"]] == ["Healthy"]
    assert "1/1" in cli.ok("svc", "show").stdout
    assert "1/1" in cli.ok("env", "show").stdout
    cli.ok("svc", "delete", "-n", "api", "--env", "test", "--yes")
    assert json.loads(cli.ok("svc", "show", "--json").stdout)["environments"][0]["release"] is None


@pytest.mark.usefixtures("service")
def test_a_service_that_exits_leaves_the_old_one_serving(cli: Cli) -> None:
    url = cli.ok("deploy").stdout.strip()
    Path("api/server.py").write_text("print('this is why'); raise SystemExit(3)")
    result = cli("deploy", "--all", "--env", "test")
    assert result.exit_code == 1
    assert "error:" in result.stderr
    assert "this is why" in result.stderr
    assert "what served test before still does" in result.stderr
    assert get(url) == "hello from /"


@pytest.mark.usefixtures("service")
def test_a_first_deployment_that_fails_leaves_nothing(cli: Cli) -> None:
    Path("api/server.py").write_text("raise SystemExit(3)")
    result = cli("deploy")
    assert result.exit_code == 1
    assert "nothing of it serves test yet" in result.stderr


@pytest.mark.usefixtures("service")
def test_a_dockerfile_with_run_is_refused_before_anything_is_deployed(cli: Cli) -> None:
    with Path("api/Dockerfile").open("a") as file:
        file.write("RUN pip install flask\n")
    result = cli("deploy")
    assert result.exit_code == 1
    assert "RUN" in result.stderr
    assert json.loads(cli.ok("svc", "show", "--json").stdout)["environments"][0]["release"] is None


@pytest.mark.usefixtures("service")
def test_ctrl_c_leaves_the_deployment_to_the_server(cli: Cli, terminal: Terminals) -> None:
    started = Path("started").absolute()
    slow = f"open({str(started)!r}, 'w').close(); import time; time.sleep(3600)"
    Path("api/server.py").write_text(slow)
    manifest = Path("copilot/api/manifest.yml")
    manifest.write_text(manifest.read_text().replace("# healthcheck: /healthz", "healthcheck: {grace_period: 1s, interval: 1s}"))
    screen = terminal("deploy")
    screen.wait_for("in 0.")
    deadline = time.monotonic() + DEADLINE
    while not started.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    screen.interrupt()
    assert screen.finish() == 130
    assert "The deployment of api to test goes on" in screen.screen
    assert "Traceback" not in screen.screen


@pytest.mark.usefixtures("service")
def test_the_revision_is_the_commit_and_whether_the_files_differ(cli: Cli) -> None:
    def git(*args: str) -> str:
        options = ("-c", "user.name=Ana", "-c", "user.email=ana@example.com")
        return subprocess.run(["git", *options, *args], check=True, capture_output=True, text=True).stdout

    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "-m", "First")
    head = git("rev-parse", "HEAD").strip()
    cli.ok("deploy")
    assert json.loads(cli.ok("svc", "show", "--json").stdout)["environments"][0]["revision"] == head
    Path("api/notes.txt").write_text("x")
    cli.ok("deploy")
    assert json.loads(cli.ok("svc", "show", "--json").stdout)["environments"][0]["revision"] == f"{head}-dirty"


@pytest.mark.usefixtures("service")
def test_bad_answers(cli: Cli) -> None:
    for args, part, code in (
        (("--name", "nonsense"), "service `nonsense` does not exist", 1),
        (("--env", "staging"), "environment `staging` does not exist", 1),
        (("--name", "api", "--all"), "cannot be used together", 2),
    ):
        result = cli("deploy", *args)
        assert (result.exit_code, part in result.stderr) == (code, True), result.stderr


@pytest.mark.usefixtures("service")
def test_a_mistake_in_the_manifest_is_shown_with_its_place(cli: Cli) -> None:
    manifest = Path("copilot/api/manifest.yml")
    manifest.write_text(manifest.read_text().replace("count: 1", "cuont: 1"))
    result = cli("deploy")
    assert result.exit_code == 1
    assert "error: copilot/api/manifest.yml:" in result.stderr
    assert "did you mean `count`?" in result.stderr


def test_order_tags() -> None:
    assert in_order(["web/2", "api/1", "jobs"]) == ["api", "web", "jobs"]
    assert in_order(["b", "a"]) == ["b", "a"]
    with pytest.raises(UsageError):
        in_order(["api/x"])
