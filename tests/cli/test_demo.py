"""``copilot demo``, from beginning to end and interrupted in the middle."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from copilot.local.docker.names import Names
from copilot.local.home import Home
from tests.docker import DockerEngine

MINUTE = 60.0


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the demo makes its folder. In the end nothing is there, and nothing that the demo started runs."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    yield folder
    assert [path for path in folder.iterdir() if path.name.startswith("copilot-demo")] == []
    assert [process.cmdline() for process in psutil.process_iter() if _works_in(process, folder)] == []


def _works_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return process.environ().get("COPILOT_HOME", "").startswith(f"{folder}/copilot-demo")
    except psutil.Error:
        return False


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "copilot", "demo", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for(process: subprocess.Popen[str], text: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return
    raise AssertionError(f"{text!r} was not shown")


@pytest.mark.usefixtures("folder")
def test_it_shows_the_whole_way_and_leaves_nothing_behind() -> None:
    with start() as process:
        shown, said = process.communicate(timeout=2 * MINUTE)
    assert process.returncode == 0, shown + said
    for command in (
        "copilot app init shop",
        "copilot pipeline update",
        "copilot pipeline status --watch",
        "copilot pipeline approve",
    ):
        assert command in shown
    first, second = shown.split("5. Version 2.0 has a mistake", 1)
    assert first.count(" shows version 1.0") == 2
    assert "#1  succeeded" in first
    assert "WRONG  two mugs" in second
    assert "prod still runs" in second
    assert second.count(" shows version 2.0") == second.count(" shows version 1.0") == 1
    assert len(shown.splitlines()) < 85
    assert "Traceback" not in said


def test_it_plays_in_containers_too(folder: Path, docker: DockerEngine) -> None:
    with start("--runtime", "docker") as process:
        shown, said = process.communicate(timeout=5 * MINUTE)
    assert process.returncode == 0, shown + said
    assert "nothing is pulled" in shown
    assert shown.count(" shows version 1.0") == 3
    assert shown.count(" shows version 2.0") == 1
    made = re.search(rf"{folder}/copilot-demo-\w+", shown)
    assert made is not None
    home = Home(Path(made.group()) / "home")
    assert docker.left(home) == []
    assert docker.run("image", "ls", "--quiet", "--filter", f"reference={Names.of(home).prefix}/*/*") == ""


def test_it_says_so_when_no_container_engine_answers(folder: Path) -> None:
    del folder
    with start("--runtime", "docker") as process:
        _, said = process.communicate(timeout=MINUTE)
    assert process.returncode == 1
    assert "error: no container engine answers" in said


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("moment", "number"),
    [("$ copilot app init", signal.SIGTERM), ("● Build", signal.SIGINT)],
)
def test_it_cleans_up_when_it_is_interrupted(moment: str, number: int) -> None:
    with start() as process:
        wait_for(process, moment)
        os.killpg(process.pid, number)
        if number == signal.SIGINT:
            os.killpg(process.pid, number)  # impatience changes nothing
        _, said = process.communicate(timeout=MINUTE)
    assert process.returncode == 128 + number
    assert "Traceback" not in said


def test_it_cleans_up_when_a_command_fails(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    del folder
    git = tmp_path / "programs" / "git"
    git.parent.mkdir()
    git.write_text('#!/bin/sh\n[ "$1" != remote ] || { echo "no remotes today" >&2; exit 1; }\nPATH="${PATH#*:}" exec git "$@"\n')
    git.chmod(0o755)
    monkeypatch.setenv("PATH", f"{git.parent}:{os.environ['PATH']}")
    with start() as process:
        _, said = process.communicate(timeout=MINUTE)
    assert process.returncode == 1
    assert "`git remote` failed" in said
    assert "no remotes today" in said
