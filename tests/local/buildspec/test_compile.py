"""Buildspecs as shell programs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from copilot.local.buildspec.compile import CommandLine, compile_buildspec
from copilot.manifest.buildspec import Buildspec

SPEC = Buildspec.model_validate(
    {
        "version": "0.2",
        "env": {"exported-variables": ["A"]},
        "phases": {
            "install": {
                "commands": ['it\'s; "odd" ) fi ` $(', "a\nb\n"],
                "finally": ["-n '"],
                "on-failure": "RETRY-2-it's (odd|not)",
            },
            "build": {"commands": ["true"], "on-failure": "CONTINUE"},
        },
    }
)


@pytest.mark.parametrize("shell", ["dash", "bash", "sh"])
def test_the_program_is_valid_whatever_the_commands_are(tmp_path: Path, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    (tmp_path / "program").write_text(compile_buildspec(SPEC, ("note: it's",)).text)
    subprocess.run([shell, "-n", str(tmp_path / "program")], check=True)


def test_the_same_buildspec_gives_the_same_program() -> None:
    assert compile_buildspec(SPEC) == compile_buildspec(SPEC)


def test_commands_are_numbered_in_order() -> None:
    program = compile_buildspec(SPEC)
    assert [(c.phase, c.cleanup) for c in program.commands] == [
        ("INSTALL", False),
        ("INSTALL", False),
        ("INSTALL", True),
        ("BUILD", False),
    ]
    assert program.talks
    assert program.shell == "sh"


def test_a_command_of_several_lines_is_echoed_with_its_lines_indented() -> None:
    assert CommandLine("BUILD", "\nif a; then\n  b\nfi\n\n").echo == "$ if a; then\n    b\n  fi"
