"""Shell completion: what a shell asks, and what bash makes of the code we print."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Cli


def completed(*words: str) -> list[str]:
    """What is offered for the last of the words."""
    env = {"_COPILOT_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(["copilot", *words]), "COMP_CWORD": str(len(words))}
    command = [sys.executable, "-m", "copilot"]
    result = subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True, check=False)
    assert result.stderr == ""
    return [line.partition(",")[2] for line in result.stdout.splitlines() if line]


def test_commands_groups_and_flags() -> None:
    assert completed("pipe") == ["pipeline"]
    assert {"app", "env", "svc", "pipeline"} <= set(completed(""))
    assert completed("server", "st") == ["start", "stop", "status"]
    assert completed("app", "ls", "--j") == ["--json"]
    assert completed("completion", "b") == ["bash"]
    assert completed("nonsense", "x") == []


def test_hidden_flags_are_not_offered() -> None:
    assert "--default-config" not in completed("env", "init", "--")
    assert "--port" in completed("env", "init", "--")


def test_asking_imports_no_command() -> None:
    code = (
        "import sys\n"
        "from copilot.cli._root import root\n"
        "from click.shell_completion import ShellComplete\n"
        "found = ShellComplete(root, {}, 'copilot', 'X').get_completions(['server'], 'st')\n"
        "sys.exit(0 if found and 'copilot.cli.server' not in sys.modules else 1)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_code_names_our_variable(cli: Cli, shell: str) -> None:
    assert "_COPILOT_COMPLETE" in cli.ok("completion", shell).stdout


def test_another_shell_is_a_usage_error(cli: Cli) -> None:
    assert cli("completion", "tcsh").exit_code == 2


def test_bash_completes_with_it(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    program = tmp_path / "copilot"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m copilot "$@"\n')
    program.chmod(0o755)
    ask = "COMP_WORDS=(copilot pipeline appr); COMP_CWORD=2; _copilot_completion copilot"
    script = f'source <(copilot completion bash); {ask}; echo "${{COMPREPLY[@]}}"'
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    result = subprocess.run([bash, "-c", script], env=env, capture_output=True, text=True, check=False)
    assert result.stdout == "approve\n", result.stderr
