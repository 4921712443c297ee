from __future__ import annotations

from copilot.cli.pipeline import failure
from copilot.cli.pipeline._text import Look, plain
from copilot.cli.pipeline.failure import StillRuns
from tests.cli.pipeline.values import BUILD, PROD_PENDING, SOURCE, action, execution, stage

TESTS = action(
    "TestCommands",
    "Failed",
    20,
    5,
    kind="commands",
    summary="exit 1",
    details=("$ make test", "FAILED tests/test_cart.py::test_total - assert 41 == 42"),
)
FAILED = execution(SOURCE, BUILD, stage("DeployTo-test", "Failed", TESTS), PROD_PENDING, status="Failed")


def test_the_first_cause_its_tail_what_is_safe_and_what_to_do() -> None:
    safe = [StillRuns("prod", "9e8d7c6" + "0" * 33, "13")]
    assert plain(failure.render(FAILED, safe, Look())) == (
        "✗ TestCommands in DeployTo-test: exit 1 after 5.0 s\n"
        "    $ make test\n"
        "    FAILED tests/test_cart.py::test_total - assert 41 == 42\n"
        "  prod still runs 9e8d7c6 (#13); nothing was promoted\n"
        "  copilot pipeline logs TestCommands   copilot pipeline retry"
    )
    assert failure.not_reached(FAILED) == ["test", "prod"]


def test_an_environment_without_a_release_is_said_to_have_none() -> None:
    assert "nothing was deployed to prod" in plain(failure.render(FAILED, [StillRuns("prod")], Look()))


def test_environments_that_run_the_same_share_a_sentence() -> None:
    safe = [StillRuns("eu", "9e8d7c6", "13"), StillRuns("us", "9e8d7c6", "13")]
    assert "eu and us still run 9e8d7c6 (#13)" in plain(failure.render(FAILED, safe, Look()))


def test_of_several_failures_the_first_in_time_is_the_cause() -> None:
    first, second = action("b", "Failed", 20, 1), action("a", "Failed", 20, 9)
    shown = plain(failure.render(execution(stage("DeployTo-test", "Failed", second, first), status="Failed"), [], Look()))
    assert shown.startswith("✗ b in DeployTo-test: failed after 1.0 s")
    assert "failed too: a" in shown


def test_an_action_name_that_two_stages_share_is_told_apart() -> None:
    other = stage("DeployTo-prod", "Pending", action("TestCommands", kind="commands"))
    shown = plain(failure.render(execution(stage("DeployTo-test", "Failed", TESTS), other, status="Failed"), [], Look()))
    assert "copilot pipeline logs TestCommands --stage DeployTo-test" in shown


def test_a_rejected_approval_offers_no_log() -> None:
    approval = action("ApprovePromotionTo-prod", "Failed", 9, 1, kind="approval", summary="rejected by Ana: wrong day")
    shown = plain(failure.render(execution(stage("DeployTo-prod", "Failed", approval), status="Failed"), [], Look()))
    assert shown.splitlines()[0] == "✗ ApprovePromotionTo-prod in DeployTo-prod: rejected by Ana: wrong day"
    assert "logs" not in shown


def test_nothing_failed_nothing_said() -> None:
    assert failure.render(execution(SOURCE, BUILD), [], Look()) == []
    assert failure.not_reached(execution(SOURCE)) == []


def test_a_reason_that_says_how_long_it_took_is_not_told_twice() -> None:
    tests = TESTS.model_copy(update={"summary": "`make test` in phase build: exit 1 after 4.9 s"})
    shown = plain(failure.render(execution(stage("DeployTo-test", "Failed", tests), status="Failed"), [], Look()))
    assert shown.startswith("✗ TestCommands in DeployTo-test: `make test` in phase build: exit 1 after 4.9 s\n")


def test_where_to_look_follows_what_was_printed() -> None:
    page = "https://console.aws.amazon.com/codebuild/home?region=us-east-1#/builds/b:1/view/new"
    stage_ = FAILED.stages[-2]
    actions = tuple(a.model_copy(update={"url": page if a.status == "Failed" else None}) for a in stage_.actions)
    stages = tuple(s.model_copy(update={"actions": actions}) if s is stage_ else s for s in FAILED.stages)
    lines = plain(failure.render(FAILED.model_copy(update={"stages": stages}), [], Look())).splitlines()
    assert lines[3] == f"    {page}"
