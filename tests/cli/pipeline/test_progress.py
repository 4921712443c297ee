from __future__ import annotations

from copilot.cli.pipeline._text import Look, plain
from copilot.cli.pipeline.progress import changes, held_up
from copilot.cli.pipeline.view import Held, Hints
from copilot.engine import ExecutionDetail
from tests.cli.pipeline.values import BUILD, NOW, PROD, PROD_PENDING, SOURCE, TEST, action, execution, stage

WIDE = Look(width=200)


def shown(before: ExecutionDetail | None, after: ExecutionDetail) -> str:
    return plain(changes(before, after, NOW, WIDE, Hints()))


def test_each_change_is_told_once() -> None:
    begun = execution(SOURCE, stage("Build", "InProgress", action("Build", "InProgress", 1, kind="build")))
    assert shown(None, begun) == (
        'shop-main  #14  a1b2c3d "Fix the cart total"  Ana, 2 min ago\n'
        "✓ Source / SourceCodeFor-shop  0.4 s  main @ a1b2c3d\n"
        "● Build"
    )
    assert shown(begun, begun) == ""
    assert shown(begun, execution(SOURCE, BUILD)) == "✓ Build  6.2 s  api sha256:9f2c01…   web unchanged"


def test_a_waiting_approval_names_the_command() -> None:
    before, after = execution(SOURCE, BUILD, TEST, PROD_PENDING), execution(SOURCE, BUILD, TEST, PROD)
    assert shown(before, after) == "◷ DeployTo-prod / ApprovePromotionTo-prod  waiting → copilot pipeline approve"


def test_actions_that_began_and_ended_between_two_looks_are_told_in_their_order() -> None:
    before = execution(SOURCE, BUILD)
    lines = shown(before, execution(SOURCE, BUILD, TEST)).splitlines()
    assert [line.split("  ")[0] for line in lines] == [
        "✓ DeployTo-test / CreateOrUpdate-web-test",
        "✓ DeployTo-test / CreateOrUpdate-api-test",
        "✓ DeployTo-test / TestCommands",
    ]


def test_another_attempt_is_a_change() -> None:
    first = execution(stage("DeployTo-test", "Failed", action("TestCommands", "Failed", 9, 1, summary="exit 1")))
    second = execution(stage("DeployTo-test", "Failed", action("TestCommands", "Failed", 5, 1, summary="exit 1", attempt=2)))
    assert shown(first, second) == "✗ DeployTo-test / TestCommands  1.0 s  exit 1"


def test_the_end_is_told() -> None:
    before, after = execution(SOURCE, BUILD), execution(SOURCE, BUILD, status="Succeeded")
    assert shown(before, after) == "shop-main  #14  succeeded after 1 min 40 s"


def test_waiting_behind_another_execution_is_one_line() -> None:
    line = held_up(Held("DeployTo-prod", "13", approval=True), Look(symbols=False), Hints())
    assert plain([line]) == ". DeployTo-prod  waits for #13, which waits for approval -> copilot pipeline approve"
