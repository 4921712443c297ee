"""Questions: on a terminal they are answered with keys; without one a missing answer names its flag."""

from __future__ import annotations

import sys

import pytest

from copilot.cli import _ask
from copilot.errors import NotFoundError, UsageError
from tests.cli.conftest import Terminals

DOWN = "\x1b[B"
ENTER = "\r"
CTRL_C = "\x03"


@pytest.mark.parametrize(
    "question",
    [
        lambda: _ask.text("Name?", flag="--name"),
        lambda: _ask.password("Token:", flag="--name"),
        lambda: _ask.confirm("Sure?", flag="--name"),
        lambda: _ask.select("Which?", ["a", "b"], flag="--name"),
        lambda: _ask.select_in_order("Which?", ["a", "b"], flag="--name"),
        lambda: _ask.choose("environment", ["a", "b"], None, owner="x", create="y"),
    ],
)
def test_without_a_terminal_a_missing_answer_names_its_flag(question: object) -> None:
    assert callable(question)
    with pytest.raises(UsageError, match="`--name` is missing"):
        question()


def test_choosing_what_is_given_or_the_only_one(capsys: pytest.CaptureFixture[str]) -> None:
    owner = "application `shop`"
    assert _ask.choose("environment", ["test", "prod"], "prod", owner=owner, create="copilot env init") == "prod"
    assert _ask.choose("environment", ["test"], None, owner=owner, create="copilot env init") == "test"
    assert "the only one" in capsys.readouterr().err
    with pytest.raises(NotFoundError, match="environment `tset` does not exist in application `shop`") as caught:
        _ask.choose("environment", ["test", "prod"], "tset", owner=owner, create="copilot env init")
    assert caught.value.hint == "it has: test, prod"
    with pytest.raises(NotFoundError, match="application `shop` has no environment"):
        _ask.choose("environment", [], None, owner=owner, create="copilot env init")


def asking(question: str) -> str:
    return f"from copilot.cli import _ask\nprint('answer', repr({question}))"


def test_picking_environments_keeps_the_order(terminal: Terminals) -> None:
    screen = terminal.script(asking("_ask.select_in_order('Release to?', ['dev', 'prod', 'test'], flag='--environments')"))
    screen.wait_for("» dev")
    screen.type(DOWN + DOWN + ENTER)
    screen.wait_for("test →")
    screen.wait_for("» dev")
    screen.type(DOWN + ENTER)
    screen.wait_for("test → prod →")
    screen.wait_for("» dev")
    screen.type(DOWN + ENTER)
    assert screen.finish() == 0
    assert "answer ('test', 'prod')" in screen.screen


def test_text_is_checked_while_it_is_typed(terminal: Terminals) -> None:
    check = "lambda v: None if v.isdecimal() else 'A number, please'"
    screen = terminal.script(asking(f"_ask.text('Port?', flag='--port', default='x', check={check})"))
    screen.wait_for("Port?")
    screen.type(ENTER)
    screen.wait_for("A number, please")
    screen.type("\x7f8080" + ENTER)
    assert screen.finish() == 0
    assert "answer '8080'" in screen.screen


def test_a_password_is_not_shown(terminal: Terminals) -> None:
    screen = terminal.script("from copilot.cli import _ask\nprint('length', len(_ask.password('Token:', flag='--token')))")
    screen.wait_for("Token:")
    screen.type("hunter2" + ENTER)
    assert screen.finish() == 0
    assert "length 7" in screen.screen
    assert "hunter2" not in screen.raw


def test_yes_and_no(terminal: Terminals) -> None:
    screen = terminal.script(asking("_ask.confirm('Sure?', flag='--yes')"))
    screen.wait_for("Sure?")
    screen.type("y")
    assert screen.finish() == 0
    assert "answer True" in screen.screen


def test_ctrl_c_in_a_question_stops(terminal: Terminals) -> None:
    screen = terminal.script(
        "import sys\nfrom copilot.cli import _ask\n"
        "try:\n    _ask.select('Which?', ['a', 'b'], flag='--x')\nexcept KeyboardInterrupt:\n    sys.exit(130)"
    )
    screen.wait_for("» a")
    screen.type(CTRL_C)
    assert screen.finish() == 130
    assert "Traceback" not in screen.screen


def test_questions_go_to_stderr(terminal: Terminals) -> None:
    code = asking("_ask.text('Name?', flag='--name')")
    screen = terminal.run("bash", "-c", f'{sys.executable} -c "{code}" > answer.txt; cat answer.txt')
    screen.wait_for("Name?")
    screen.type("shop" + ENTER)
    assert screen.finish() == 0
    assert "answer 'shop'" in screen.screen
