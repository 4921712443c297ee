from __future__ import annotations

import os
import subprocess
from pathlib import Path

from copilot import __version__
from copilot.local.program import install_program


def test_builds_find_this_very_program_under_both_names(tmp_path: Path) -> None:
    folder = tmp_path / "a b'$(c)"
    folder.mkdir()
    install_program(folder)
    assert sorted(p.name for p in folder.iterdir()) == ["copilot", "copilot-pipelines"]
    path = f"{folder}:{os.environ['PATH']}"
    done = subprocess.run(
        ["copilot", "--version"], env={**os.environ, "PATH": path}, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["copilot", __version__]


def test_a_program_that_is_there_already_is_left_alone(tmp_path: Path) -> None:
    install_program(tmp_path)
    before = (tmp_path / "copilot").stat()
    install_program(tmp_path)
    assert (tmp_path / "copilot").stat().st_ino == before.st_ino


def test_what_was_damaged_or_is_of_another_version_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "copilot").write_bytes(b"\xff\xfe no text")
    (tmp_path / "copilot-pipelines").write_text("#!/bin/sh\nexec /gone/python -m copilot\n")
    install_program(tmp_path)
    for name in ("copilot", "copilot-pipelines"):
        assert subprocess.run([tmp_path / name, "--version"], check=True, capture_output=True).stdout.startswith(b"copilot ")
    assert len(list(tmp_path.iterdir())) == 2
