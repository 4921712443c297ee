"""``copilot svc``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, LocalEngine, Terminals, write_service

LOAD_BALANCED = "Load Balanced Web Service"
BACKEND = "Backend Service"


def test_init_with_flags(cli: Cli, app: str, local: LocalEngine) -> None:
    write_service(Path("api"))
    result = cli.ok("svc", "init", "-n", "api", "-t", LOAD_BALANCED, "-d", "api/Dockerfile")
    assert f"Added service api to application {app}" in result.stderr
    assert "copilot/api/manifest.yml" in result.stderr
    assert "Next   copilot env init --name test" in result.stderr
    text = Path("copilot/api/manifest.yml").read_text()
    assert "path: '/'" in text
    assert "port: 8080" in text
    assert "build: api/Dockerfile" in text
    assert [(w.name, w.type) for w in local.engine.workloads(app)] == [("api", LOAD_BALANCED)]


def test_the_second_load_balanced_service_gets_its_name_as_path(cli: Cli, app: str) -> None:
    write_service(Path("api"))
    cli.ok("svc", "init", "-n", "jobs", "-t", BACKEND, "-d", "api/Dockerfile")
    cli.ok("svc", "init", "-n", "web", "-t", LOAD_BALANCED, "-d", "api/Dockerfile")
    cli.ok("svc", "init", "-n", "api", "-t", LOAD_BALANCED, "-d", "api/Dockerfile", "--port", "9000")
    assert "path: '/'" in Path("copilot/web/manifest.yml").read_text()
    text = Path("copilot/api/manifest.yml").read_text()
    assert "path: 'api'" in text
    assert "port: 9000" in text
    assert "http:" not in Path("copilot/jobs/manifest.yml").read_text()


def test_the_only_dockerfile_is_taken(cli: Cli, app: str) -> None:
    write_service(Path())
    result = cli.ok("svc", "init", "-n", "api", "-t", LOAD_BALANCED)
    assert "Dockerfile (the only one of this repository)" in result.stderr
    assert "Port 8080 (EXPOSE in the Dockerfile)" in result.stderr


def test_everything_is_asked_on_a_terminal(cli: Cli, app: str, terminal: Terminals) -> None:
    for folder in ("api", "web"):
        write_service(Path(folder))
    Path("web/Dockerfile").write_text('FROM scratch\nCOPY . /\nCMD ["x"]\n')
    screen = terminal("svc", "init")
    screen.wait_for("What is the service called?")
    screen.type("Web\r")
    screen.wait_for("The name")
    screen.type("\x15web\r")
    screen.wait_for("What kind of service is web?")
    screen.type("\r")
    screen.wait_for("Which Dockerfile?")
    screen.type("\x1b[B\r")
    screen.wait_for("Which port does web listen on?")
    screen.type("\x155000\r")
    assert screen.finish() == 0, screen.screen
    text = Path("copilot/web/manifest.yml").read_text()
    assert "build: web/Dockerfile" in text
    assert "port: 5000" in text


def test_a_manifest_that_is_there_is_kept(cli: Cli, app: str, local: LocalEngine) -> None:
    write_service(Path("api"))
    cli.ok("svc", "init", "-n", "api", "-t", BACKEND, "-d", "api/Dockerfile")
    manifest = Path("copilot/api/manifest.yml")
    text = manifest.read_text() + "# mine\n"
    manifest.write_text(text)
    assert "nothing to do" in cli.ok("svc", "init", "-n", "api", "-t", BACKEND).stderr
    result = cli("svc", "init", "-n", "api", "-t", LOAD_BALANCED)
    assert result.exit_code == 1
    assert f"`api` is a {BACKEND}, not a {LOAD_BALANCED}" in result.stderr
    local.engine.delete_workload(app, "api")
    assert "as copilot/api/manifest.yml describes it" in cli.ok("svc", "init", "-n", "api").stderr
    assert manifest.read_text() == text


def test_bad_answers_change_nothing(cli: Cli, app: str, local: LocalEngine) -> None:
    for args, part, code in (
        ((), "`--name` is missing", 2),
        (("-n", "Api"), "the workload name", 2),
        (("-n", "api"), "`--svc-type` is missing", 2),
        (("-n", "api", "-t", "nonsense"), "`--svc-type` must be", 2),
        (("-n", "api", "-t", "Worker Service"), "not part of this release yet", 1),
        (("-n", "api", "-t", BACKEND), "there is no Dockerfile", 1),
        (("-n", "api", "-t", BACKEND, "-d", "nowhere"), "`nowhere` is not there", 1),
        (("-n", "api", "-t", BACKEND, "--image", "nginx"), "cannot run an image of a registry", 1),
        (("-n", "api", "-t", BACKEND, "--port", "0"), "port", 2),
    ):
        result = cli("svc", "init", *args)
        assert (result.exit_code, part in result.stderr) == (code, True), result.stderr
    assert [p.name for p in Path("copilot").iterdir()] == [".workspace"]
    assert local.engine.workloads(app) == []


@pytest.mark.parametrize("name", ["pipelines", "environments"])
def test_a_name_whose_folder_holds_something_else(cli: Cli, app: str, local: LocalEngine, name: str) -> None:
    write_service(Path.cwd())
    refused = cli("svc", "init", "--name", name, "--svc-type", "Backend Service")
    assert refused.exit_code == 2
    assert f"copilot/{name} holds something else" in refused.stderr
    assert not (Path.cwd() / "copilot" / name).exists()
    assert local.engine.workloads(app) == []


def test_a_dockerfile_the_host_runtime_cannot_run_is_warned_about(cli: Cli, app: str) -> None:
    Path("Dockerfile").write_text("FROM python:3.12\nRUN pip install flask\nEXPOSE 5000\n")
    result = cli.ok("svc", "init", "-n", "api", "-t", LOAD_BALANCED)
    assert "warning:" in result.stderr
    assert "RUN" in result.stderr
    assert "port: 5000" in Path("copilot/api/manifest.yml").read_text()


def test_ls(cli: Cli, app: str, local: LocalEngine) -> None:
    assert "has no services yet" in cli.ok("svc", "ls").stderr
    write_service(Path("api"))
    cli.ok("svc", "init", "-n", "api", "-t", BACKEND)
    local.engine.register_workload(app, "elsewhere", BACKEND)
    local.engine.register_workload(app, "nightly", "Scheduled Job")
    assert json.loads(cli.ok("svc", "ls", "--json").stdout) == {
        "services": [{"app": app, "name": name, "type": BACKEND} for name in ("api", "elsewhere")]
    }
    assert [s["name"] for s in json.loads(cli.ok("svc", "ls", "--local", "--json").stdout)["services"]] == ["api"]
    assert "elsewhere" in cli.ok("svc", "ls").stdout
    assert cli("svc", "status", "--name", "nightly").exit_code == 1, "a job is no service"


def test_show_of_one_that_was_never_deployed(cli: Cli, app: str) -> None:
    write_service(Path("api"))
    cli.ok("svc", "init", "-n", "api", "-t", BACKEND)
    cli.ok("env", "init", "-n", "test")
    assert "not deployed" in cli.ok("svc", "show").stdout
    shown = json.loads(cli.ok("svc", "show", "-n", "api", "--json").stdout)
    assert shown["environments"][0]["release"] is None
    assert cli("svc", "show", "-n", "nonsense").exit_code == 1


def test_show_the_manifest_as_it_counts_in_an_environment(cli: Cli, app: str) -> None:
    write_service(Path("api"))
    cli.ok("svc", "init", "-n", "api", "-t", BACKEND)
    cli.ok("env", "init", "-n", "prod")
    with Path("copilot/api/manifest.yml").open("a") as file:
        file.write("environments:\n  prod:\n    count: 3\n")
    text = cli.ok("svc", "show", "--manifest", "prod").stdout
    assert "count: 3" in text
    assert "environments" not in text
    assert cli("svc", "show", "--manifest", "staging").exit_code == 1


def test_delete(cli: Cli, app: str) -> None:
    write_service(Path("api"))
    cli.ok("svc", "init", "-n", "api", "-t", BACKEND)
    assert cli("svc", "delete", "-n", "api").exit_code == 2
    assert cli("svc", "delete", "-n", "api", "--env", "staging", "--yes").exit_code == 1
    assert f"Deleted service api from application {app}" in cli.ok("svc", "delete", "-n", "api", "--yes").stderr
    assert Path("copilot/api/manifest.yml").exists()
    assert cli("svc", "delete", "-n", "api", "--yes").exit_code == 1
