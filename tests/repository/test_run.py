"""Starting git: time-outs, cancelling, and what is kept out of its errors."""

from __future__ import annotations

import time
from pathlib import Path
from threading import Event, Timer

import psutil
import pytest

from copilot.repository import GitError, git, scrub


def test_output_and_failure(tmp_path: Path) -> None:
    assert git("version").startswith("git version")
    with pytest.raises(GitError, match="`git rev-parse` failed") as caught:
        git("rev-parse", "HEAD", folder=tmp_path)
    assert caught.value.code == 128


def test_a_time_out_kills_the_helpers_too(tmp_path: Path) -> None:
    started = time.monotonic()
    script = tmp_path / "slow"
    script.write_text(f"#!/bin/sh\necho $$ > '{tmp_path}/pid'\nsleep 60\n")
    script.chmod(0o700)
    with pytest.raises(GitError, match="took too long") as caught:
        git("ls-remote", "host:path", environment={"GIT_SSH_COMMAND": f"'{script}'"}, timeout=2.0)
    assert caught.value.timed_out
    assert time.monotonic() - started < 30
    helper = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 10
    while psutil.pid_exists(helper) and psutil.Process(helper).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the helper still runs"
        time.sleep(0.01)


def test_cancelling(tmp_path: Path) -> None:
    cancel = Event()
    timer = Timer(0.2, cancel.set)
    timer.start()
    with pytest.raises(GitError, match="was stopped") as caught:
        git("ls-remote", "host:path", environment={"GIT_SSH_COMMAND": "sleep 60; :"}, cancel=cancel, timeout=30.0)
    timer.join()
    assert not caught.value.timed_out


def test_remote_helpers_are_never_run(tmp_path: Path) -> None:
    with pytest.raises(GitError, match="transport 'ext' not allowed"):
        git("ls-remote", f"ext::touch {tmp_path}/owned", config=["protocol.ext.allow=always"])
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    "text",
    [
        "fatal: https://ana:SECRET0123456789abcdef@host/x",
        "token ghp_SECRET0123456789abcdef refused",
        "github_pat_SECRET0123456789_abcdef",
        "glpat-SECRET0123456789abc",
        "authorization: basic SECRET",
        "it is SECRET",
    ],
)
def test_scrub(text: str) -> None:
    assert "SECRET" not in scrub(text, ["SECRET"] if text == "it is SECRET" else [])


def test_scrub_leaves_words_alone() -> None:
    text = "fatal: couldn't find remote ref refs/heads/attempt-to-fix-the-cart-total of https://example.com/a@b/c"
    assert scrub(text) == text
