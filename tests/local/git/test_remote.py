"""Fetching over http: tokens, redirects, and every way it can fail."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Timer

import pytest

from copilot.errors import RepositoryError
from copilot.local.git import Mirror, remote_head
from tests.gitrepo import commit, push, repository_with_checkout, run
from tests.local.githttp import GitServer, git_server

TOKEN = "ghp_S3cretS3cretS3cretS3cret"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    (tmp_path / "repos").mkdir()
    repository_with_checkout(tmp_path / "repos")
    with git_server(tmp_path / "repos", TOKEN) as server:
        yield server


def failure(tmp_path: Path, url: str, token: str | None = None, branch: str = "main") -> RepositoryError:
    """The error of asking for the head, the same as that of fetching. No part of it holds the token."""
    with pytest.raises(RepositoryError) as asked:
        remote_head(url, branch, token, timeout=10.0)
    with pytest.raises(RepositoryError) as fetched:
        Mirror(tmp_path / "mirrors", url).fetch(branch, token)
    assert fetched.value.message == asked.value.message
    for error in (asked.value, fetched.value):
        text = f"{error.message} {error.hint} {error.details} {error!r} {error.__cause__!r} {error.__context__!r}"
        assert token is None or token not in text
    return asked.value


def test_fetch_with_a_token(tmp_path: Path, server: GitServer, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = tmp_path / "trace"
    for variable in ("GIT_TRACE", "GIT_TRACE_SETUP", "GIT_TRACE_CURL", "GIT_TRACE2_EVENT", "GIT_TRACE_PACKET"):
        monkeypatch.setenv(variable, str(trace))
    kept = tmp_path / "kept-credentials"
    config = tmp_path / "gitconfig"
    config.write_text(
        f'[credential]\n\thelper = store --file={kept}\n[credential "{server.url}"]\n\thelper = store --file={kept}\n'
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))

    url = f"{server.url}/shop.git"
    mirror = Mirror(tmp_path / "mirrors", url)
    head = mirror.fetch("main", TOKEN)
    work = tmp_path / "repos" / "work"
    assert head == run(work, "rev-parse", "HEAD") == remote_head(url, "main", TOKEN)
    commit(work, "a")
    push(work, "main")
    assert mirror.fetch("main", TOKEN) == remote_head(url, "main", TOKEN) != head

    assert set(server.authorizations) == {f"copilot:{TOKEN}"}
    assert not any(TOKEN in path for path in server.requests)
    traced = trace.read_text(errors="replace")
    assert "git-remote-http" in traced
    assert TOKEN not in traced
    assert not kept.exists(), "the user's credential helper was handed our token"
    for path in mirror.path.rglob("*"):
        assert path.is_dir() or TOKEN.encode() not in path.read_bytes()


def test_wrong_and_missing_tokens(tmp_path: Path, server: GitServer) -> None:
    url = f"{server.url}/shop.git"
    refused = failure(tmp_path, url, "ghp_wrongwrongwrongwrongwrong")
    assert "refused the token" in refused.message
    assert "--github-access-token" in (refused.hint or "")
    assert "asks who you are" in failure(tmp_path, url).message
    server.status = 403
    assert "refused the token" in failure(tmp_path, url, TOKEN).message


def test_a_token_with_shell_characters(tmp_path: Path, server: GitServer) -> None:
    server.password = "a'b\"c $(touch owned) `x` %s \\n"
    assert remote_head(f"{server.url}/shop.git", "main", server.password)


def test_a_redirect_to_another_host_never_gets_the_token(tmp_path: Path, server: GitServer) -> None:
    with git_server(tmp_path / "repos", TOKEN) as thief:
        server.redirect_to = thief.url
        assert "refused the token" in failure(tmp_path, f"{server.url}/shop.git", TOKEN).message
        assert thief.requests
        assert thief.authorizations == []


def test_what_the_server_does_not_have(tmp_path: Path, server: GitServer) -> None:
    missing = failure(tmp_path, f"{server.url}/nope.git", TOKEN)
    assert "was not found: it does not exist, or the token may not see it" in missing.message
    assert failure(tmp_path, f"{server.url}/shop.git", TOKEN, "mian").hint == "Did you mean `main`?"
    server.status = 503
    assert "cannot be reached: " in failure(tmp_path, f"{server.url}/shop.git", TOKEN).message


def test_hosts_that_do_not_answer(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        refused = failure(tmp_path, f"http://127.0.0.1:{port}/x")
        assert "cannot be reached: " in refused.message
        assert f"127.0.0.1:{port}" in (refused.hint or "")
        assert "the host `nowhere.invalid` is not known" in failure(tmp_path, "https://nowhere.invalid/x").message
        assert "cannot be reached: " in failure(tmp_path, f"git://127.0.0.1:{port}/x").message


def test_not_a_git_server(tmp_path: Path, server: GitServer) -> None:
    server.status = 200
    assert "is not a git repository" in failure(tmp_path, f"{server.url}/shop.git").message


def test_a_host_that_hangs() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/x"
        with pytest.raises(RepositoryError, match="did not answer in time"):
            remote_head(url, "main", timeout=0.5)
        cancel = Event()
        timer = Timer(0.2, cancel.set)
        timer.start()
        with pytest.raises(RepositoryError):
            remote_head(url, "main", timeout=30.0, cancel=cancel)
        timer.join()


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("git@github.com: Permission denied (publickey).", "refused your ssh key"),
        ("Host key verification failed.", "ssh does not know the host"),
        ("ERROR: Repository not found.", "was not found"),
        ("ssh: Could not resolve hostname nowhere: Name or service not known", "is not known"),
        ("ssh: connect to host example.com port 22: Connection refused", "cannot be reached"),
    ],
)
def test_ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, printed: str, expected: str) -> None:
    ssh = tmp_path / "ssh"
    ssh.write_text(f"#!/bin/sh\necho '{printed}' >&2\nexit 255\n")
    ssh.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(ssh))
    assert expected in failure(tmp_path, "git@example.com:owner/repo.git").message
