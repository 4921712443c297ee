"""The post-receive hook: real pushes to real repositories, told to a real HTTP server."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from copilot.errors import ConflictError, RepositoryError
from copilot.local import hook, notify
from copilot.local.home import Home
from tests.gitrepo import commit, push, repository_with_checkout, run

TOKEN = "s3cret"
DEADLINE = 10.0


class Server(ThreadingHTTPServer):
    """Answers /v1/push as the engine's server does, and keeps what it was told."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.told: list[dict[str, Any]] = []
        self.executions: list[dict[str, Any]] = [{"app": "shop", "pipeline": "shop-main", "number": 14}]
        self.status = 200
        self.hang: Event | None = None


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.hang:
            self.server.hang.wait(30)
        allowed = self.path == "/v1/push" and self.headers["Authorization"] == f"Bearer {TOKEN}"
        if allowed:
            self.server.told.append(body)
        with suppress(ConnectionError):  # the notifier has not waited for a server that hangs
            self.send_response(self.server.status if allowed else 401)
            self.end_headers()
            self.wfile.write(json.dumps({"executions": self.server.executions}).encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        pass


@contextmanager
def serving(home: Home) -> Iterator[Server]:
    home.create()
    with Server() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        announce(home, server.server_address[1])
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def announce(home: Home, port: int) -> None:
    home.server_file.write_text(json.dumps({"pid": os.getpid(), "port": port, "token": TOKEN, "version": "0"}))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / 'home of "Ana" & it\'s')


@pytest.fixture
def server(home: Home) -> Iterator[Server]:
    with serving(home) as server:
        yield server


@pytest.fixture
def place(tmp_path: Path) -> tuple[Path, Path]:
    folder = tmp_path / 'it\'s a "place" $HOME'
    folder.mkdir()
    return repository_with_checkout(folder)


def change(work: Path, *refs: str) -> tuple[str, str]:
    """Commit and push. The answers are the commit and what the pusher saw."""
    head = commit(work, "file", str(time.monotonic_ns()))
    return head, push(work, *(refs or ("main",)))


def script(path: Path, body: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def test_a_push_is_told_and_the_pusher_hears_of_it(place: tuple[Path, Path], home: Home, server: Server) -> None:
    bare, work = place
    before = run(work, "rev-parse", "HEAD")
    assert not hook.installed(bare, home)
    hook.install(bare, home)
    assert hook.installed(bare, home)
    head, seen = change(work)
    assert server.told == [{"repository": str(bare), "updates": [{"ref": "refs/heads/main", "old": before, "new": head}]}]
    assert f"remote: copilot: shop-main will release {head[:7]}; follow it with copilot pipeline status --watch" in seen
    assert seen.count("copilot:") == 1

    hook.remove(bare, home)
    assert not hook.installed(bare, home)
    assert "copilot" not in change(work)[1]
    assert not (bare / "hooks" / "post-receive").exists()
    assert len(server.told) == 1


def test_only_branches_with_commits_are_told(place: tuple[Path, Path], home: Home, server: Server) -> None:
    bare, work = place
    hook.install(bare, home)
    run(work, "tag", "v1")
    assert "copilot" not in push(work, "v1")
    change(work, "main", "main:a", "main:b")
    assert [update["ref"] for update in server.told[0]["updates"]] == ["refs/heads/main", "refs/heads/a", "refs/heads/b"]
    push(work, ":a", ":v1")
    server.executions = []
    assert "copilot" not in change(work)[1]
    assert len(server.told) == 2


def test_installing_again_changes_nothing(place: tuple[Path, Path], home: Home, server: Server) -> None:
    bare, work = place
    script(bare / "hooks" / "post-receive", "echo older hook")
    hook.install(bare, home)
    files = {path: path.read_text() for path in (bare / "hooks").glob("post-receive*") if path.suffix != ".sample"}
    for _ in range(2):
        hook.install(bare, home)
    assert files == {path: path.read_text() for path in (bare / "hooks").glob("post-receive*") if path.suffix != ".sample"}
    change(work)
    assert len(server.told) == 1


def test_several_homes_share_a_hook(tmp_path: Path, place: tuple[Path, Path], home: Home, server: Server) -> None:
    bare, work = place
    other = Home(tmp_path / "other")
    with serving(other) as second, ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda h: hook.install(bare, h), [home, other] * 4))
        change(work)
        assert (len(server.told), len(second.told)) == (1, 1)
        hook.remove(bare, home)
        assert (hook.installed(bare, home), hook.installed(bare, other)) == (False, True)
        hook.remove(bare, home)
        change(work)
        assert (len(server.told), len(second.told)) == (1, 2)
        hook.remove(bare, other)
        assert not (bare / "hooks" / "post-receive").exists()


def test_an_existing_hook_still_runs(tmp_path: Path, place: tuple[Path, Path], home: Home, server: Server) -> None:
    bare, work = place
    theirs = bare / "hooks" / "post-receive"
    script(theirs, f'cat > "{tmp_path}/stdin"; . "$(dirname "$0")/next to it"; exit 3')
    script(theirs.with_name("next to it"), "echo theirs in $(pwd)")
    original = theirs.read_text()
    hook.install(bare, home)
    before = run(work, "rev-parse", "HEAD")
    head, seen = change(work)
    assert f"remote: theirs in {bare}" in seen
    assert (tmp_path / "stdin").read_text() == f"{before} {head} refs/heads/main\n"
    assert len(server.told) == 1
    direct = subprocess.run(
        [str(theirs)], cwd=bare, input=b"", env={**os.environ, "GIT_DIR": "."}, check=False, capture_output=True
    )
    assert direct.returncode == 3
    hook.remove(bare, home)
    assert theirs.read_text() == original
    assert stat.S_IMODE(theirs.stat().st_mode) == 0o755
    assert not (bare / "hooks" / hook.BEFORE).exists()


def test_an_existing_hook_that_reads_nothing_or_may_not_run(place: tuple[Path, Path], home: Home, server: Server) -> None:
    bare, work = place
    theirs = bare / "hooks" / "post-receive"
    script(theirs, "exec <&-; echo theirs")
    hook.install(bare, home)
    run(work, "branch", "x")
    refs = [f"main:many/{n}" for n in range(300)]
    seen = push(work, *refs)
    assert "remote: theirs" in seen
    assert "roken pipe" not in seen
    (bare / "hooks" / hook.BEFORE).chmod(0o644)
    assert "theirs" not in change(work)[1]
    hook.remove(bare, home)
    assert stat.S_IMODE(theirs.stat().st_mode) == 0o644


def test_a_hook_that_is_a_link(tmp_path: Path, place: tuple[Path, Path], home: Home, server: Server) -> None:
    bare, work = place
    shared = bare / "common" / "hook.sh"
    script(shared, "echo shared")
    theirs = bare / "hooks" / "post-receive"
    theirs.symlink_to("../common/hook.sh")
    hook.install(bare, home)
    assert shared.read_text() == "#!/bin/sh\necho shared\n"
    assert "remote: shared" in change(work)[1]
    hook.remove(bare, home)
    assert theirs.readlink() == Path("../common/hook.sh")
    assert len(server.told) == 1


def test_a_hook_that_a_tool_writes_again(place: tuple[Path, Path], home: Home, server: Server) -> None:
    bare, work = place
    hook.install(bare, home)
    script(bare / "hooks" / "post-receive", "echo tool")
    assert not hook.installed(bare, home)
    hook.remove(bare, home)
    assert "remote: tool" in change(work)[1]
    hook.install(bare, home)
    assert "remote: tool" in change(work)[1]
    assert len(server.told) == 1
    script(bare / "hooks" / "post-receive", "echo tool again")
    with pytest.raises(ConflictError, match="are both there"):
        hook.install(bare, home)
    assert "remote: tool again" in change(work)[1]


@pytest.mark.parametrize("path", ["my hooks", "/absolute"])
def test_hooks_path(tmp_path: Path, place: tuple[Path, Path], home: Home, server: Server, path: str) -> None:
    bare, work = place
    hooks = f"{tmp_path}/shared hooks" if path == "/absolute" else path
    run(bare, "config", "core.hooksPath", hooks)
    hook.install(bare, home)
    assert ((bare / hooks) / "post-receive").is_file()
    change(work)
    assert len(server.told) == 1

    other = tmp_path / "other"
    other.mkdir()
    other_bare, other_work = repository_with_checkout(other)
    run(other_bare, "config", "core.hooksPath", hooks)
    assert "copilot" not in change(other_work)[1]
    assert len(server.told) == 1


def test_a_checkout_with_a_tools_hooks_path(tmp_path: Path, home: Home, server: Server) -> None:
    """For a push, git looks for a relative core.hooksPath inside .git, not in the working tree where the tool's hooks are."""
    bare, work = repository_with_checkout(tmp_path)
    checkout = tmp_path / "checkout"
    run(tmp_path, "clone", str(bare), str(checkout))
    run(checkout, "config", "receive.denyCurrentBranch", "updateInstead")
    run(checkout, "config", "core.hooksPath", ".husky")
    run(work, "remote", "set-url", "origin", str(checkout))
    hook.install(checkout, home)
    head, seen = change(work)
    assert head[:7] in seen
    assert server.told[0]["repository"] == str(checkout)
    assert run(checkout, "status", "--porcelain") == ""


def test_a_working_tree_of_a_repository(tmp_path: Path, home: Home, server: Server) -> None:
    bare, work = repository_with_checkout(tmp_path)
    checkout, tree = tmp_path / "checkout", tmp_path / "tree"
    run(tmp_path, "clone", str(bare), str(checkout))
    run(checkout, "worktree", "add", str(tree), "-b", "other")
    hook.install(tree, home)
    assert hook.installed(tree, home)
    for target in (tree, checkout):
        run(work, "remote", "set-url", "origin", str(target))
        change(work, f"main:from-{target.name}")
    assert [told["repository"] for told in server.told] == [str(tree)] * 2


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[str]]]:
    """Hooks of this test start something that reports itself instead of a server. The answer waits for its lines."""
    starter, report = tmp_path / "python that starts", tmp_path / "started"
    # The notifier runs in the real interpreter, which takes this file for itself, so that what it starts is this file too.
    (tmp_path / "run.py").write_text(
        f"import runpy, sys\n"
        f"sys.executable, sys.argv = {str(starter)!r}, sys.argv[1:]\n"
        f"runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    script(
        starter,
        f'if [ "$1" = -I ]; then shift 2; exec "{sys.executable}" -I -S "{tmp_path}/run.py" "$@"; fi\n'
        f'{{ echo $$; echo "$@"; pwd; env; echo ready; }} > "{report}"; exec sleep 60',
    )
    monkeypatch.setattr(sys, "executable", str(starter))

    def lines() -> list[str]:
        deadline = time.monotonic() + DEADLINE
        while not report.exists() or "ready\n" not in report.read_text():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return report.read_text().splitlines()

    yield lines
    os.kill(int(lines()[0]), signal.SIGKILL)


@pytest.mark.parametrize("file", ["missing", "of a dead server"])
def test_no_server_starts_one_without_waiting(
    place: tuple[Path, Path], home: Home, started: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    bare, work = place
    monkeypatch.setenv("GIT_SSL_NO_VERIFY", "kept")
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY_X", "dropped")
    home.create()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        if file != "missing":
            announce(home, closed.getsockname()[1])
        hook.install(bare, home)
        begin = time.monotonic()
        seen = change(work)[1]
        assert time.monotonic() - begin < 30, "the push waited for what it started"
    assert "remote: copilot: its server is starting; follow the release with copilot pipeline status --watch" in seen
    lines = started()
    assert lines[1:3] == ["-P -m copilot server start", "/"]
    assert f"COPILOT_HOME={home.root}" in lines
    assert "GIT_SSL_NO_VERIFY=kept" in lines
    assert [line for line in lines if line.startswith("GIT_") and "SSL" not in line] == []


def test_a_server_that_hangs_holds_a_push_for_two_seconds(place: tuple[Path, Path], home: Home, server: Server) -> None:
    bare, work = place
    hook.install(bare, home)
    server.hang = Event()
    started = time.monotonic()
    seen = change(work)[1]
    assert time.monotonic() - started < notify.TIMEOUT + 2
    assert "the server is busy" in seen
    server.hang.set()


@pytest.mark.parametrize("trouble", ["status", "token", "file", "python", "executions"])
def test_no_trouble_makes_a_push_fail(place: tuple[Path, Path], home: Home, server: Server, trouble: str) -> None:
    bare, work = place
    hook.install(bare, home)
    if trouble == "status":
        server.status = 500
    elif trouble == "token":
        home.server_file.write_text(home.server_file.read_text().replace(TOKEN, "other"))
    elif trouble == "file":
        home.server_file.write_text("[]")
    elif trouble == "executions":
        server.executions = ["\x1b[31m"]  # type: ignore[list-item] # what is wrong with it is the point
    else:
        file = bare / "hooks" / "post-receive"
        file.write_text(file.read_text().replace(sys.executable, "/nowhere/python"))
    head, seen = change(work)
    assert run(bare, "rev-parse", "main") == head
    assert "Traceback" not in seen
    assert TOKEN not in seen
    assert ("could not be told" in seen) is (trouble != "python")


def test_what_is_no_repository(tmp_path: Path, home: Home) -> None:
    bare, work = repository_with_checkout(tmp_path)
    (work / "folder").mkdir()
    for wrong in (tmp_path, work / "folder", tmp_path / "missing", tmp_path / ("x" * 300)):
        with pytest.raises(RepositoryError):
            hook.install(wrong, home)
    (bare / "hooks").chmod(0o755)
    for sample in (bare / "hooks").iterdir():
        sample.unlink()
    (bare / "hooks").rmdir()
    (bare / "hooks").write_text("a file")
    with pytest.raises(RepositoryError, match="cannot be written"):
        hook.install(bare, home)
    with pytest.raises(RepositoryError, match="cannot hold"):
        hook.install(work, Home(tmp_path / "a\nb"))
