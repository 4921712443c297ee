"""Start-up, help, exit codes and errors of the program as a whole."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from copilot import __version__
from copilot.__main__ import quick_answer
from copilot.cli import _root
from copilot.cli._commands import COMMANDS, SECTIONS, Entry, below, find
from copilot.cli._help import group_help
from copilot.cli._options import IGNORED_FLAGS
from copilot.cli._root import Command, load
from copilot.errors import ConflictError, Diagnostic, ManifestError
from tests.cli.conftest import Cli, Terminals

GROUPS = [entry.path for entry in COMMANDS if entry.is_group]
LEAVES = [entry for entry in COMMANDS if not entry.is_group]


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def program(*args: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "copilot", *args]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **(env or {})})


@pytest.mark.parametrize("line", [[], ["--help"], ["--version"], ["version"], ["pipeline", "--help"], ["app"]])
def test_help_and_version_import_nothing_slow(line: list[str]) -> None:
    code = (
        f"import sys; sys.argv = ['copilot', *{line!r}]\n"
        "from copilot.__main__ import main; main()\n"
        "slow = {'click', 'pydantic', 'botocore', 'rich', 'questionary', 'typing', 'dataclasses'} & set(sys.modules)\n"
        "sys.exit(f'imported {slow}' if slow else 0)"
    )
    result = python(code)
    assert result.returncode == 0, result.stderr
    assert result.stdout


@pytest.mark.parametrize("line", [[], ["--help"], ["-h"], ["--version"], ["-v"], ["version"], *([g, "--help"] for g in GROUPS)])
def test_the_quick_answer_is_what_click_answers(cli: Cli, line: list[str]) -> None:
    assert cli.ok(*line).stdout == quick_answer(line)


@pytest.mark.parametrize("entry", LEAVES, ids=lambda e: e.path)
def test_every_command_of_the_table_exists_and_shows_an_example(cli: Cli, entry: Entry) -> None:
    assert isinstance(load(entry), Command)
    assert entry.example
    for flag in ("-h", "--help"):
        text = cli.ok(*entry.path.split(), flag).stdout
        assert all(line in text for line in entry.example.splitlines())
        assert entry.summary in " ".join(text.split())


def test_every_command_at_the_top_has_a_section_and_none_is_listed_twice() -> None:
    assert {entry.section for entry in below("")} == set(SECTIONS)
    paths = [entry.path for entry in COMMANDS]
    assert len(paths) == len(set(paths))
    assert {entry.parent for entry in COMMANDS} - {""} == set(GROUPS)


def test_aliases_lead_to_the_command() -> None:
    assert find("pipeline deploy") is find("pipeline update")


@pytest.mark.parametrize("width", [30, 50, 80, 100])
def test_help_keeps_to_the_width(width: int) -> None:
    examples = {line for entry in COMMANDS for line in entry.example.splitlines()}
    for path in ["", *GROUPS]:
        for line in group_help(path, width).splitlines():
            assert len(line) <= width or line.strip() in examples or line.startswith("  copilot"), line


def test_the_help_of_a_command_keeps_to_the_width(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for columns in ("40", "100"):
        monkeypatch.setenv("COLUMNS", columns)
        widest = max(map(len, cli.ok("env", "delete", "--help").stdout.splitlines()))
        assert int(columns) // 2 < widest <= int(columns)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("many", "invalid value for `--port`: `many` is not a whole number"),
        ("0", "invalid value for `--port`: 0 is not from 1 to 65535"),
    ],
)
def test_a_number_that_is_none(cli: Cli, value: str, message: str) -> None:
    result = cli("env", "init", "--port", value)
    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.parametrize(
    ("line", "suggestion"),
    [(["ap"], "`copilot app`"), (["pipelin"], "`copilot pipeline`"), (["pipeline", "aprove"], "`copilot pipeline approve`")],
)
def test_an_unknown_command_gets_a_suggestion(cli: Cli, line: list[str], suggestion: str) -> None:
    result = cli(*line)
    assert result.exit_code == 2
    assert f"did you mean {suggestion}" in result.stderr
    assert result.stdout == ""


def test_an_unknown_command_like_no_other_points_to_help(cli: Cli) -> None:
    result = cli("zzzzz")
    assert result.exit_code == 2
    assert result.stderr == "error: `copilot` has no command `zzzzz`\n  see `copilot --help`\n"


def test_an_unknown_flag_is_a_usage_error(cli: Cli) -> None:
    result = cli("app", "ls", "--jsn")
    assert result.exit_code == 2
    assert "`--jsn`" in result.stderr
    assert "`copilot app ls --help`" in result.stderr


@pytest.mark.parametrize("path", IGNORED_FLAGS)
def test_flags_that_mean_nothing_here_are_accepted_and_hidden(cli: Cli, path: str) -> None:
    entry = find(path)
    assert entry is not None
    command = load(entry)
    text = cli.ok(*path.split(), "--help").stdout
    for flag in IGNORED_FLAGS[path]:
        name = flag.removesuffix("=")
        assert name not in text.split()
        args = [name, "x"] if flag.endswith("=") else [name]
        context = command.make_context(path, list(args), resilient_parsing=True)
        assert not context.args


class Broken:
    """A command put in the place of `copilot version`, to see how the program deals with what it raises."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def raising(self, error: BaseException) -> None:
        def fail() -> None:
            raise error

        self._monkeypatch.setattr(_root, "load", lambda _entry: click.command("version")(fail))


def fails(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Let `copilot version` raise this."""

    def fail() -> None:
        raise error

    monkeypatch.setattr(_root, "load", lambda _entry: click.command("version")(fail))


def test_an_error_says_what_is_wrong_the_details_and_what_to_do(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    fails(monkeypatch, ConflictError("application `shop` exists already", hint="take another name", details=["one", "two"]))
    result = cli("version")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == "error: application `shop` exists already\n    one\n    two\n  take another name\n"


def test_a_manifest_error_shows_every_diagnostic(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    error = ManifestError(
        [
            Diagnostic("copilot/pipeline.yml", 18, 7, 4, "unknown key `nmae`", "      nmae: prod", "did you mean `name`?"),
            Diagnostic("copilot/pipeline.yml", 21, 3, 1, "wrong", "  x: 1"),
        ]
    )
    fails(monkeypatch, error)
    result = cli("version")
    assert result.exit_code == 1
    assert result.stderr == error.render() + "\n"


def test_a_defect_is_one_sentence_and_debug_shows_the_traceback(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    fails(monkeypatch, ZeroDivisionError("secret words"))
    result = cli("version")
    assert result.exit_code == 1
    assert "this is a defect of copilot" in result.stderr
    assert "--debug" in result.stderr
    assert "Traceback" not in result.stderr
    for line in (["--debug", "version"], ["version", "--debug"]):
        result = cli(*line)
        assert result.exit_code == 1
        assert "Traceback" in result.stderr
        assert "secret words" in result.stderr


def test_a_file_that_cannot_be_used_is_no_defect(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    fails(monkeypatch, PermissionError(13, "Permission denied", "/some/where"))
    result = cli("version")
    assert (result.exit_code, result.stderr) == (1, "error: `/some/where`: Permission denied\n")


def test_debug_shows_the_traceback_of_an_error_too(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    fails(monkeypatch, ConflictError("no"))
    result = cli("version", "--debug")
    assert "Traceback" in result.stderr
    assert result.stderr.endswith("error: no\n")


def test_ctrl_c_is_calm(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    fails(monkeypatch, KeyboardInterrupt())
    result = cli("version")
    assert result.exit_code == 130
    assert result.stderr == "\nStopped.\n"


def test_ctrl_c_while_modules_are_imported_is_calm_too(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGINT)")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "copilot", "app", "ls"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 130
    assert done.stderr == "\nStopped.\n"


def test_a_reader_that_has_enough_is_no_error(tmp_path: Path) -> None:
    command = f"{sys.executable} -m copilot completion bash | true"
    result = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    assert result.stderr == ""


def test_version_goes_to_stdout() -> None:
    result = program("--version")
    assert (result.stdout, result.stderr, result.returncode) == (f"copilot {__version__}\n", "", 0)


def test_colours_on_a_terminal_only(terminal: Terminals) -> None:
    shown = terminal("nonsense")
    assert shown.finish() == 2
    assert "\x1b[31m" in shown.raw
    plain = terminal("nonsense", env={"NO_COLOR": "1"})
    assert plain.finish() == 2
    assert "\x1b[" not in plain.raw
    assert "error:" in plain.raw
    assert "\x1b[" not in program("nonsense").stderr
