"""What people get wrong, one by one: each is told in a few words with its place, and changes nothing.

`Shop.refused` holds every answer to the same rules: the right exit code, what is wrong and where, no traceback, no secret.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import gitrepo
from tests.cli.conftest import Cli, LocalEngine, Terminals, write_service
from tests.local.githttp import git_server

SECRET = "hunter2-is-secret"
LOAD_BALANCED = "Load Balanced Web Service"
PIPELINE = Path("copilot/pipeline.yml")
BUILDSPEC = Path("copilot/buildspec.yml")
DOCKERFILE = Path("api/Dockerfile")


class Shop:
    """An application with the services api and web and the environments test and prod, in a repository with a remote.

    It has a pipeline's files but no pipeline: whatever makes one has changed something.
    """

    def __init__(self, cli: Cli, local: LocalEngine, app: str, folder: Path) -> None:
        self._cli = cli
        self.local = local
        self.app = app
        self.folder = folder

    def edit(self, path: Path, old: str, new: str) -> None:
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    def state(self) -> object:
        """All that a command may not change when it fails."""
        engine = self.local.engine
        known = [w.name for w in engine.workloads(self.app)]
        deployed = [engine.service(self.app, name).environments for name in known]
        names = [e.name for e in engine.environments(self.app)], known, [p.name for p in engine.pipelines(self.app)]
        files = {path: path.read_bytes() for path in Path("copilot").rglob("*") if path.is_file()}
        return names, deployed, engine.secrets(), files

    def refused(self, *arguments: str, code: int = 1) -> str:
        """What a command says that must fail without changing anything."""
        before = self.state()
        result = self._cli(*arguments)
        check_refusal(result.exit_code, code, result.stderr + result.stdout)
        assert self.state() == before
        return result.stderr


def check_refusal(exit_code: int, expected: int, said: str) -> None:
    assert exit_code == expected, said
    assert "error: " in said
    assert "Traceback" not in said
    assert "defect" not in said
    assert SECRET not in said


@pytest.fixture(scope="module")
def made(shared_engine: LocalEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path, Path]]:
    """The application, its repository, and a copy of its files as they were."""
    folder = tmp_path_factory.mktemp("bad-input")
    repository, app, cli = folder / "repository", "bad-input", Cli()
    repository.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COPILOT_HOME", str(shared_engine.home.root))
        patch.chdir(repository)
        gitrepo.run(repository, "init", "--quiet", ".")
        gitrepo.run(folder, "init", "--quiet", "--bare", "shop.git")
        gitrepo.run(repository, "remote", "add", "origin", str(folder / "shop.git"))
        cli.ok("app", "init", app)
        for environment in ("test", "prod"):
            cli.ok("env", "init", "--name", environment)
        for service in ("api", "web"):
            write_service(repository / service)
            cli.ok("svc", "init", "--name", service, "--svc-type", LOAD_BALANCED, "--dockerfile", f"{service}/Dockerfile")
        cli.ok("pipeline", "init", "--environments", "test,prod")
        gitrepo.run(repository, "add", ".")
        gitrepo.run(repository, "commit", "--quiet", "--message", "Sell things")
        gitrepo.push(repository, "main")
    shutil.copytree(repository, folder / "kept")
    yield app, repository, folder / "kept"
    if app in {a.name for a in shared_engine.engine.applications()}:
        shared_engine.engine.delete_application(app)


@pytest.fixture
def shop(cli: Cli, local: LocalEngine, made: tuple[str, Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    app, folder, kept = made
    monkeypatch.chdir(folder)
    yield Shop(cli, local, app, folder)
    for entry in folder.iterdir():
        shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    shutil.copytree(kept, folder, dirs_exist_ok=True)


# -- manifests -------------------------------------------------------------------------------------------------

PROD = "    requires_approval: true   #"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param(PROD, "    require_approval: true   #", "did you mean `requires_approval`?", id="unknown key"),
        pytest.param("version: 1", "version: one", "`version` must be a whole number, not text", id="wrong type"),
        pytest.param("  - name: test", "  - test", "must be a mapping", id="wrong type of a stage"),
        pytest.param("source:", "saurce:", "unknown key `saurce`", id="misspelt source"),
        pytest.param("    branch: main\n", "", "`branch` is missing", id="missing branch"),
        pytest.param("    repository: ", "    # ", "`repository` is missing", id="missing repository"),
        pytest.param("stages:\n", "stages: []\nx:\n", "`stages` must not be empty", id="empty stages"),
        pytest.param("  - name: prod", "  - name: test", "stage `test` is there twice", id="the same stage twice"),
        pytest.param("  - name: prod", "  - name: staging", "environment `staging` does not exist", id="unknown environment"),
        pytest.param(PROD, "    deployments: {apo: }   #", "did you mean `api`?", id="unknown workload"),
        pytest.param(PROD, "    deployments: {api: {depends_on: [db]}}   #", "`api` depends on `db`", id="unknown dependency"),
        pytest.param(PROD, "    deployments: {api: {depends_on: [api]}}   #", "`api` depends on itself", id="cycle of 1"),
        pytest.param(
            PROD,
            "    deployments: {api: {depends_on: [web]}, web: {depends_on: [api]}}   #",
            "in a circle: `api` → `web` → `api`",
            id="cycle of 2",
        ),
        pytest.param(
            PROD,
            "    post_deployments:\n"
            "      a: {buildspec: copilot/buildspec.yml, depends_on: [b]}\n"
            "      b: {buildspec: copilot/buildspec.yml, depends_on: [c]}\n"
            "      c: {buildspec: copilot/buildspec.yml, depends_on: [a]}\n    #",
            "in a circle: `a` → `b` → `c` → `a`",
            id="cycle of 3",
        ),
        pytest.param(
            PROD,
            "    test_commands: [make]\n    post_deployments: {a: {buildspec: copilot/buildspec.yml}}\n    #",
            "`test_commands` and `post_deployments` cannot be used together",
            id="test_commands and post_deployments",
        ),
        pytest.param("buildspec: copilot/", "buildspec: copilot/x", "the buildspec `copilot/xbuildspec.yml`", id="no buildspec"),
        pytest.param("buildspec: copilot", "buildspec: ../copilot", "outside of the repository", id="buildspec elsewhere"),
        pytest.param("stages:\n", "stages: [\n", "copilot/pipeline.yml:", id="bad YAML"),
        pytest.param("version: 1\n", "version: 1\n\tx: 1\n", "a tab cannot be used here", id="a tab"),
        pytest.param("version: 1\n", "version: 1\nversion: 1\n", "the key `version` is there twice", id="duplicate key"),
        pytest.param("    branch: main", "    branch: --upload-pack=x", "must not begin with a hyphen", id="option as branch"),
        pytest.param("    branch: main", '    branch: "$(touch x)"', "must not contain spaces", id="command as branch"),
        pytest.param("    branch: main", '    branch: "a\\nb"', "must not contain spaces or control", id="newline in a branch"),
        pytest.param("    branch: main", "    branch: a..b", "cannot be the name of a branch", id="no branch of git"),
        pytest.param(
            "    repository: ", "    repository: --upload-pack=x #", "not begin with a hyphen", id="option as repository"
        ),
        pytest.param("    repository: ", '    repository: "ext::sh -c x" #', "runs a program", id="command as repository"),
        pytest.param(
            "    repository: ",
            f"    repository: https://ana:{SECRET}@example.com/shop.git #",
            "must not hold a user or a token",
            id="token in the repository",
        ),
    ],
)
def test_a_pipeline_manifest(shop: Shop, old: str, new: str, said: str) -> None:
    shop.edit(PIPELINE, old, new)
    for command in ("update", "validate"):
        message = shop.refused("pipeline", command)
        assert said in message
        assert "copilot/pipeline.yml:" in message
        assert "in copilot/pipeline.yml; nothing was changed" in message


def test_every_mistake_is_told_at_once(shop: Shop) -> None:
    shop.edit(PIPELINE, "version: 1", "version: one")
    shop.edit(PIPELINE, "    branch: main", "    brunch: main")
    shop.edit(PIPELINE, "  - name: prod", "  - name: Prod")
    said = shop.refused("pipeline", "update")
    assert said.count("error: copilot/pipeline.yml:") == 3
    assert "3 errors in copilot/pipeline.yml; nothing was changed" in said


@pytest.mark.parametrize("key", ["source", "stages"])
def test_a_pipeline_manifest_without_a_section(shop: Shop, key: str) -> None:
    sections = {
        "source": "source: {provider: Git, properties: {repository: /srv/x, branch: main}}",
        "stages": "stages: [{name: test}]",
    }
    PIPELINE.write_text("\n".join(["name: p", *(text for name, text in sections.items() if name != key)]))
    assert f"`{key}` is missing" in shop.refused("pipeline", "update")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        pytest.param(lambda path: path.write_bytes(b""), "the file is empty", id="empty"),
        pytest.param(lambda path: path.write_text("# nothing\n"), "the file is empty", id="only a comment"),
        pytest.param(lambda path: path.write_text("- a\n- b\n"), "not a list", id="a list"),
        pytest.param(lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n\xff\xfe\x00"), "not a text file in UTF-8", id="binary"),
        pytest.param(lambda path: path.write_text("x" * 2_000_000), "larger than 1 MB", id="too large"),
        pytest.param(lambda path: path.mkdir(), "this is a folder, not a file", id="a folder"),
        pytest.param(os.mkfifo, "this is a pipe, not a file", id="a pipe"),
        pytest.param(lambda path: path.symlink_to("/nowhere"), "there is no pipeline here yet", id="a broken link"),
    ],
)
def test_something_else_instead_of_a_pipeline_manifest(shop: Shop, make: Callable[[Path], None], said: str) -> None:
    PIPELINE.unlink()
    make(PIPELINE)
    assert said in shop.refused("pipeline", "update")
    if PIPELINE.exists():
        assert "already says something else" in shop.refused("pipeline", "init", "-e", "test")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("count: 1", "cuont: 1", "did you mean `count`?"),
        ("count: 1", "count: many", "`count` must be a whole number"),
        ("name: api", "name: apo", "the workload is called `apo`, but its folder `api`"),
        ("  build: api/Dockerfile", "  build: [", "copilot/api/manifest.yml:"),
        ("type: Load", "type: Lode", "did you mean `Load Balanced Web Service`?"),
    ],
)
def test_a_service_manifest(shop: Shop, old: str, new: str, said: str) -> None:
    shop.edit(Path("copilot/api/manifest.yml"), old, new)
    for arguments in (("deploy", "--name", "api", "--env", "test"), ("pipeline", "update")):
        assert said in shop.refused(*arguments)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("phases:", "fases:", "did you mean `phases`?"),
        ("version: 0.2", "version: 9", "`version` must be"),
        ("    commands:\n", "    commands: nothing\n    x:\n", "copilot/buildspec.yml:"),
    ],
)
def test_a_buildspec(shop: Shop, old: str, new: str, said: str) -> None:
    shop.edit(BUILDSPEC, old, new)
    assert said in shop.refused("pipeline", "update")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_one_character_of_a_generated_file(shop: Shop, cli: Cli, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from([PIPELINE, BUILDSPEC, Path("copilot/api/manifest.yml")]))
    text = path.read_text()
    lines = [i for i, line in enumerate(text.splitlines()) if line.strip() and not line.strip().startswith("#")]
    starts = [sum(len(line) + 1 for line in text.splitlines()[:i]) for i in lines]
    begin = data.draw(st.sampled_from(starts))
    at = data.draw(st.integers(begin, text.index("\n", begin)))
    other = data.draw(st.sampled_from(["", " ", ":", "-", "x", "\t", "[", '"', "#", "&", "\x00", "é", "\n"]))
    path.write_text(text[:at] + other + text[at + 1 :])
    try:
        result = cli("pipeline", "validate")
    finally:
        path.write_text(text)
    if result.exit_code:
        check_refusal(result.exit_code, 1, result.stderr)


# -- names and places ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "",
        "x" * 300,
        "Shop",
        "1shop",
        "a b",
        "a_b",
        "a--b",
        "a-",
        "é",
        "../x",
        "a/b",
        "a\nb",
        "--help-me",
        "$(touch x)",
        "a;ls",
        "`x`",
    ],
)
def test_names(shop: Shop, name: str) -> None:
    assert "the environment name" in shop.refused("env", "init", f"--name={name}", code=2)
    service = ("--svc-type", "Backend Service", "--dockerfile", str(DOCKERFILE))
    assert "the workload name" in shop.refused("svc", "init", f"--name={name}", *service, code=2)
    if name not in {"Shop", "1shop", "a_b", "a--b", "a-"}:
        assert "the pipeline name" in shop.refused("pipeline", "init", "-e", "test", f"--name={name}", code=2)
    Path("copilot/.workspace").unlink()
    assert "the application name" in shop.refused("app", "init", "--", name, code=2)
    assert not Path("x").exists()


def test_not_in_a_workspace(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments in (["deploy"], ["svc", "init"], ["pipeline", "init"], ["pipeline", "update"], ["pipeline", "validate"]):
        assert "is in no application" in shop.refused(*arguments)
    for arguments in (["env", "ls"], ["svc", "ls"], ["pipeline", "status"], ["secret", "ls"]):
        assert "`--app` is missing" in shop.refused(*arguments, code=2)


def test_not_in_a_git_repository(shop: Shop) -> None:
    shutil.rmtree(".git")
    PIPELINE.unlink()
    assert "is not in a git repository" in shop.refused("pipeline", "init", "-e", "test")


def test_no_remote(shop: Shop) -> None:
    gitrepo.run(shop.folder, "remote", "remove", "origin")
    assert "has no remote to push to" in shop.refused("pipeline", "init", "-e", "test")


@pytest.mark.parametrize(
    "url",
    ["", "--upload-pack=x", "-x", "ext::sh -c x", "a\nb", "$(touch x)", "ssh://-oProxyCommand=x/y", "https://a b/c", "/nowhere"],
)
def test_urls_and_branches(shop: Shop, url: str) -> None:
    said = shop.refused("pipeline", "init", "-e", "test", f"--url={url}", "--overwrite")
    assert "repository" in said
    if url not in {"/nowhere", "https://a b/c", "ssh://-oProxyCommand=x/y"}:
        assert "branch" in shop.refused("pipeline", "init", "-e", "test", f"--git-branch={url}", "--overwrite")
    assert not Path("x").exists()


def test_a_port_that_is_taken(shop: Shop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        assert f"port {port} is taken" in shop.refused("env", "init", "--name", "stage", "--port", port)
    used = str(shop.local.engine.environment(shop.app, "test").port)
    assert "is taken by environment `test`" in shop.refused("env", "init", "--name", "stage", "--port", used)


@pytest.mark.parametrize(
    "line",
    [
        "pipeline statsu",
        "pipeline status --wacth",
        "pipeline status one",
        "pipeline status --json --watch",
        "env init --name",
        "env init --name a --port 0",
        "env init --name a --runtime vm",
        "deploy --all --name api",
        "deploy api",
        "svc init --name x --svc-type Lambda",
        "app init a b",
        "server start --port many",
        "completion tcsh",
        "secret init --name A --values test",
    ],
)
def test_the_command_line_itself(shop: Shop, line: str) -> None:
    shop.refused(*line.split(), code=2)


@pytest.mark.parametrize(
    "line",
    ["env init", "svc init", "secret init", "deploy", "env delete", "svc show", "app delete", "pipeline init --name other"],
)
def test_nobody_to_ask(shop: Shop, line: str) -> None:
    said = shop.refused(*line.split(), code=2)
    assert "is missing" in said
    assert "--" in said


# -- repositories ----------------------------------------------------------------------------------------------


def test_a_repository_that_is_not_there(shop: Shop, tmp_path: Path) -> None:
    remote = gitrepo.run(shop.folder, "remote", "get-url", "origin")
    shop.edit(PIPELINE, remote, str(tmp_path / "gone.git"))
    assert "gone.git` does not exist" in shop.refused("pipeline", "update")


def test_a_branch_that_is_not_there(shop: Shop) -> None:
    shop.edit(PIPELINE, "    branch: main", "    branch: release")
    said = shop.refused("pipeline", "update")
    assert "has no branch `release`" in said
    assert "`main`" in said


@pytest.mark.parametrize("token", [None, SECRET])
def test_a_repository_that_needs_a_password(shop: Shop, token: str | None, tmp_path: Path) -> None:
    gitrepo.repository_with_checkout(tmp_path)
    with git_server(tmp_path, password="another") as server:
        remote = gitrepo.run(shop.folder, "remote", "get-url", "origin")
        shop.edit(PIPELINE, remote, f"{server.url}/shop.git")
        if token is not None:
            shop.local.engine.put_secret("bad-input-token", token, overwrite=True)
            shop.edit(PIPELINE, "    # access_token_secret: my-token", "    access_token_secret: bad-input-token")
        assert "shop.git" in shop.refused("pipeline", "update")


def test_a_token_in_a_manifest_that_names_no_secret(shop: Shop) -> None:
    shop.edit(PIPELINE, "    # access_token_secret: my-token", "    access_token_secret: there-is-none")
    shop.edit(PIPELINE, "    repository: ", "    repository: https://127.0.0.1:1/shop #")
    assert "there-is-none" in shop.refused("pipeline", "update")


# -- what is deployed ------------------------------------------------------------------------------------------

DEPLOY = ("deploy", "--name", "api", "--env", "test")


@pytest.mark.parametrize(
    ("dockerfile", "said"),
    [
        pytest.param("FROM x\nRUN pip install flask\nCMD x\n", "RUN is not supported by the host runtime", id="RUN"),
        pytest.param("FROM x\nFROM y\nCMD x\n", "a Dockerfile with several stages", id="several stages"),
        pytest.param("FROM x\nCOPY nowhere /x\nCMD x\n", "`nowhere` does not exist", id="COPY of nothing"),
        pytest.param("FROM x\nCOPPY . .\n", "unknown instruction `COPPY`", id="unknown instruction"),
        pytest.param("", "the Dockerfile is empty", id="empty"),
        pytest.param("FROM x\nCOPY server.py .\n", "says no command to run", id="no command"),
        pytest.param('FROM x\nCMD ["no-such-program-7"]\n', "no such command `no-such-program-7`", id="no such program"),
        pytest.param("FROM x\nCMD echo why; exit 3\n", "`api` exited at once: exit 3", id="exits at once"),
    ],
)
def test_a_dockerfile(shop: Shop, dockerfile: str, said: str) -> None:
    DOCKERFILE.write_text(dockerfile)
    message = shop.refused(*DEPLOY)
    assert said in message
    assert "why" in message or "exit 3" not in dockerfile


def test_no_dockerfile(shop: Shop) -> None:
    DOCKERFILE.unlink()
    assert "`api/Dockerfile` does not exist" in shop.refused(*DEPLOY)


@pytest.mark.parametrize(
    ("program", "said"),
    [
        pytest.param("import time; time.sleep(3600)", "nothing listens on port", id="ignores PORT"),
        pytest.param(
            "import http.server as h, os\n"
            "h.HTTPServer(('127.0.0.1', int(os.environ['PORT'])), h.BaseHTTPRequestHandler).serve_forever()",
            "GET / answered 501",
            id="never healthy",
        ),
    ],
)
def test_a_service_that_never_becomes_healthy(shop: Shop, program: str, said: str) -> None:
    Path("api/server.py").write_text(program)
    healthcheck = "healthcheck: {grace_period: 0s, interval: 1s, unhealthy_threshold: 2}"
    shop.edit(Path("copilot/api/manifest.yml"), "# healthcheck: /healthz", healthcheck)
    message = shop.refused(*DEPLOY)
    assert "did not become healthy" in message
    assert said in message


def test_a_secret_that_does_not_exist(shop: Shop) -> None:
    shop.edit(Path("copilot/api/manifest.yml"), "# Environment variables.", "secrets: {PASSWORD: /copilot/nowhere}\n#")
    message = shop.refused(*DEPLOY)
    assert "a secret that does not exist: `/copilot/nowhere`" in message
    assert "copilot secret init" in message


# -- this machine ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("home", ["/dev/null/home", "/etc/hostname", "/tmp/" + "x" * 300])
def test_a_home_that_cannot_be_used(cli: Cli, home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COPILOT_HOME", home)
    for arguments in (["server", "start"], ["app", "ls"]):
        result = cli(*arguments)
        check_refusal(result.exit_code, 1, result.stderr)
        assert home[:40] in result.stderr


def test_the_server_killed_while_a_command_uses_it(home: Path, cli: Cli) -> None:
    """In a home of its own, so that the other tests keep their server."""
    write_service(Path("api"))
    Path("api/server.py").write_text("import time; time.sleep(3600)")
    cli.ok("app", "init", "shop")
    cli.ok("env", "init", "--name", "test")
    cli.ok("svc", "init", "--name", "api", "--svc-type", LOAD_BALANCED)
    process = subprocess.Popen(
        [sys.executable, "-m", "copilot", "deploy"], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    with process:
        assert process.stderr is not None
        said = ""
        while "sha256:" not in said:
            line = process.stderr.readline()
            assert line, said
            said += line
        while not any((home / "tasks").iterdir()):
            assert process.poll() is None
        os.kill(json.loads((home / "server.json").read_text())["pid"], signal.SIGKILL)
        said += process.communicate(timeout=20)[1]
    check_refusal(process.returncode, 1, said)
    assert "the server stopped answering" in said
    assert "copilot server start" in said
    cli.ok("app", "delete", "--yes")


# -- terminals -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "question"),
    [
        ("env init", "What is the environment called?"),
        ("svc init", "What is the service called?"),
        ("secret init", "What is the secret called?"),
        ("pipeline init --name new", "Which environments should a push release to"),
        ("app delete", "Delete application"),
        ("deploy", "Which service?"),
    ],
)
def test_ctrl_c_at_a_question(shop: Shop, terminal: Terminals, line: str, question: str) -> None:
    before = shop.state()
    screen = terminal(*line.split())
    screen.wait_for(question)
    screen.type("\x03")
    assert screen.finish() == 130
    assert "Stopped." in screen.screen
    assert "Traceback" not in screen.screen
    assert shop.state() == before


@pytest.mark.parametrize("env", [{"TERM": "dumb"}, {"NO_COLOR": "1"}, {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}])
def test_a_modest_terminal(shop: Shop, terminal: Terminals, env: dict[str, str]) -> None:
    shop.edit(PIPELINE, "version: 1", "version: one")
    screen = terminal("pipeline", "update", env=env, columns=40)
    assert screen.finish() == 1
    assert "`version` must be a whole number, not text" in " ".join(screen.screen.split())
    assert all(len(row) <= 40 for row in screen.screen.splitlines())
    if "TERM" in env or "NO_COLOR" in env:
        assert "\x1b[31m" not in screen.raw
    if "PYTHONIOENCODING" in env:
        assert screen.screen.isascii()
