"""Tables, symbols, colours, JSON, progress."""

from __future__ import annotations

import io
import json
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.cli import _output
from copilot.cli._output import (
    ago,
    bold,
    cell_width,
    duration,
    fields,
    fit,
    has_colour,
    has_symbols,
    out,
    print_json,
    progress,
    red,
    show_error,
    shown_path,
    table,
    wrap,
)
from copilot.engine import Environment
from copilot.errors import Diagnostic, ManifestError
from tests.cli.conftest import DEADLINE, Terminals


class Stream(io.StringIO):
    def __init__(self, encoding: str = "utf-8", terminal: bool = True) -> None:
        super().__init__()
        self._encoding = encoding
        self._terminal = terminal

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a stream with another encoding is what is tested
        return self._encoding

    def isatty(self) -> bool:
        return self._terminal


def test_colours_need_a_terminal_that_wants_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert has_colour(Stream())
    assert not has_colour(Stream(terminal=False))
    monkeypatch.setenv("NO_COLOR", "1")
    assert not has_colour(Stream())
    monkeypatch.setenv("NO_COLOR", "")
    assert has_colour(Stream())
    monkeypatch.setenv("TERM", "dumb")
    assert not has_colour(Stream())


def test_symbols_fall_back_to_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fit("✓ ✗ ◷ · → … é", Stream("utf-8")) == "✓ ✗ ◷ · → … é"
    assert fit("✓ ✗ ◷ · → … é", Stream("ascii")) == "+ x ~ - -> ... ?"
    assert fit("✓ é", Stream("latin-1")) == "+ é"
    monkeypatch.setenv("TERM", "dumb")
    assert not has_symbols(Stream("utf-8"))
    assert fit("✓ a → b", Stream("utf-8")) == "+ a -> b"


def test_writing_to_a_pipe_leaves_colours_out(capsys: pytest.CaptureFixture[str]) -> None:
    out(f"{bold('a')} {red('b')}")
    assert capsys.readouterr().out == "a b\n"


def test_a_table_has_aligned_columns() -> None:
    rows = [("api", red("Load Balanced Web Service")), ("日本", "x")]
    lines = fit(table(rows, ("name", "type")), Stream(terminal=False)).split("\n")
    assert lines == ["name  type", "api   Load Balanced Web Service", "日本  x"]


def test_a_table_on_a_narrow_terminal_keeps_every_cell() -> None:
    text = fit(table([("api", "http://localhost:8081"), ("web", "")], ("name", "url"), width=20), Stream(terminal=False))
    assert text == "name  api\nurl   http://localhost:8081\n\nname  web"


@given(st.lists(st.tuples(st.text("ab é日", max_size=9), st.text("xyz", max_size=9)), min_size=1), st.integers(5, 60))
def test_a_table_loses_nothing_and_keeps_to_the_width_where_it_can(rows: list[tuple[str, str]], width: int) -> None:
    text = table(rows, ("a", "b"), width=width)
    assert all(cell.strip() in text for row in rows for cell in row)
    widths = [max(1, *(cell_width(row[i]) for row in rows)) for i in (0, 1)]
    if sum(widths) + 2 <= width:
        assert all(cell_width(line) <= width for line in text.split("\n"))


def test_long_talk_is_broken_between_words() -> None:
    assert wrap("  the repository has no remote", 20) == "  the repository has\n  no remote"
    assert wrap("✓ Created pipeline shop in /a/long/path", 20) == "✓ Created pipeline\n  shop in\n  /a/long/path"
    assert wrap("short\n\n  short", 20) == "short\n\n  short"


@given(st.text("ab é日\n", max_size=80), st.integers(20, 60))
def test_wrapping_loses_no_word_and_keeps_to_the_width(text: str, width: int) -> None:
    wrapped = wrap(text, width)
    assert wrapped.split() == text.split()
    assert all(cell_width(line) <= width or len(line.split()) == 1 for line in wrapped.split("\n"))


@pytest.mark.parametrize("columns", [40, 60, 200])
def test_a_diagnostic_keeps_to_the_terminal_and_points_at_the_same_word(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line = "    deployments: {api: {depends_on: [web]}, web: {depends_on: [nope]}}   # and a long comment"
    diagnostic = Diagnostic(
        "pipeline.yml", 7, line.index("nope") + 1, 4, "there is no such workload", line, "did you mean `api`?"
    )
    monkeypatch.setattr(_output, "_columns", lambda _: columns)
    show_error(ManifestError([diagnostic]))
    printed = capsys.readouterr().err.split("\n")
    assert all(len(shown) <= columns for shown in printed)
    at = next(i for i, shown in enumerate(printed) if shown.lstrip().startswith("7 |"))
    caret = printed[at + 1].index("^")
    assert printed[at][caret : caret + 4] == "nope"
    assert "did you mean `api`?" in "\n".join(printed)


def test_a_diagnostic_in_a_pipe_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    diagnostic = Diagnostic("pipeline.yml", 7, 3, 4, "something is wrong", "x" * 300, "mend it")
    show_error(ManifestError([diagnostic]))
    assert diagnostic.render() in capsys.readouterr().err


def test_paths_are_shown_as_they_would_be_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "web").mkdir()
    monkeypatch.chdir(tmp_path / "web")
    assert shown_path(tmp_path / "web" / "Dockerfile") == "Dockerfile"
    assert shown_path(tmp_path / "copilot" / "pipeline.yml") == "../copilot/pipeline.yml"
    assert shown_path(Path("/etc")) == "/etc"


def test_fields_are_aligned() -> None:
    assert fit(fields({"Name": "api", "Port": "8080", "Path": ""}), Stream(terminal=False)) == "Name  api\nPort  8080\nPath"


def test_json_has_camel_case_keys_at_every_depth(capsys: pytest.CaptureFixture[str]) -> None:
    environment = Environment(app="shop", name="test", runtime="host", port=8081, url="http://localhost:8081", created_at=1.5)
    print_json({"environments": [environment], "other": ("é",)})
    printed = json.loads(capsys.readouterr().out)
    assert printed == {
        "environments": [
            {
                "app": "shop",
                "name": "test",
                "runtime": "host",
                "port": 8081,
                "url": "http://localhost:8081",
                "createdAt": "1970-01-01T00:00:01.500000Z",
            }
        ],
        "other": ["é"],
    }


def test_json_of_a_dataclass(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"plan": Point(1, 2)})
    assert json.loads(capsys.readouterr().out) == {"plan": {"x": 1, "y": 2}}


@dataclass(frozen=True)
class Point:
    x: int
    y: int


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (0.42, "0.4 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (185, "3 min 5 s"),
        (3600, "1 h"),
        (7800, "2 h 10 min"),
        (273600, "3 d 4 h"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("passed", "text"), [(3, "just now"), (30, "30 s ago"), (250, "4 min ago"), (7300, "2 h ago"), (200000, "2 d ago")]
)
def test_how_long_ago(passed: float, text: str) -> None:
    assert ago(1000.0, 1000.0 + passed) == text


def test_progress_of_something_quick_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("Working"):
        pass
    assert capsys.readouterr().err == ""


def test_progress_in_a_pipe_is_one_plain_line(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = threading.Event()

    class Told(Stream):
        def write(self, text: str) -> int:
            shown.set()
            return super().write(text)

    stream = Told(terminal=False)
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(_output, "_PLAIN_PROGRESS_DELAY", 0.01)
    with progress("Working"):
        assert shown.wait(DEADLINE)
    assert stream.getvalue() == "Working …\n"


def test_progress_inside_of_other_progress_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = threading.Event()

    class Told(Stream):
        def write(self, text: str) -> int:
            shown.set()
            return super().write(text)

    stream = Told(terminal=False)
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(_output, "_PLAIN_PROGRESS_DELAY", 0.01)
    with progress("Creating"), progress("Connecting"):
        assert shown.wait(DEADLINE)
    assert stream.getvalue() == "Creating …\n"


def test_progress_on_a_terminal_is_gone_in_the_end(terminal: Terminals) -> None:
    screen = terminal.script(
        "import sys\n"
        "from copilot.cli._output import progress, say, out\n"
        "with progress('Working'):\n"
        "    sys.stdin.readline()\n"
        "    say('talk'); out('answer')\n"
    )
    screen.wait_for("Working")
    screen.type("\n")
    assert screen.finish() == 0
    assert "talk" in screen.screen
    assert "answer" in screen.screen
    assert "\x1b[2K" in screen.raw
    assert "\x1b[?25h" in screen.raw
