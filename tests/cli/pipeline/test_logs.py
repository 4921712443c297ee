from __future__ import annotations

import pytest

from copilot.cli.pipeline.logs import choose_action, choose_stage, newest_place
from copilot.errors import NotFoundError, UsageError
from tests.cli.pipeline.values import BUILD, PROD, SOURCE, TEST, action, execution, stage

WAITING = execution(SOURCE, BUILD, TEST, PROD)
OTHER_TESTS = stage("DeployTo-prod", "InProgress", action("TestCommands", "InProgress", 1, kind="commands"))


def test_an_action_is_found_whatever_the_case_of_its_letters() -> None:
    assert choose_action(WAITING, "testcommands", None) == ("DeployTo-test", "TestCommands")
    assert choose_action(WAITING, "Build", None) == ("Build", "Build")


def test_a_misspelt_action_is_answered_with_a_suggestion() -> None:
    with pytest.raises(NotFoundError, match="no action `TestComands`") as caught:
        choose_action(WAITING, "TestComands", None)
    assert caught.value.hint == "did you mean `TestCommands`?"
    with pytest.raises(NotFoundError) as unknown:
        choose_action(WAITING, "zzz", "Build")
    assert unknown.value.hint == "there is: Build"


def test_of_two_actions_with_one_name_the_one_that_has_begun_is_meant() -> None:
    pending = stage("DeployTo-prod", "Pending", action("TestCommands", kind="commands"))
    assert choose_action(execution(SOURCE, BUILD, TEST, pending), "TestCommands", None) == ("DeployTo-test", "TestCommands")


def test_two_actions_with_one_name_need_the_stage_without_a_terminal() -> None:
    both = execution(SOURCE, BUILD, TEST, OTHER_TESTS)
    with pytest.raises(UsageError, match="--stage") as caught:
        choose_action(both, "TestCommands", None)
    assert caught.value.hint == "it is in: DeployTo-test, DeployTo-prod"
    assert choose_action(both, "TestCommands", choose_stage(both, "prod")) == ("DeployTo-prod", "TestCommands")


def test_a_stage_is_found_by_its_environment_too() -> None:
    assert choose_stage(WAITING, "Test") == "DeployTo-test"
    assert choose_stage(WAITING, "deployto-prod") == "DeployTo-prod"
    with pytest.raises(NotFoundError, match="no stage `staging`"):
        choose_stage(WAITING, "staging")


def test_without_a_name_the_failed_action_is_read_or_the_running_or_the_last() -> None:
    failed = stage("DeployTo-test", "Failed", action("a", "Failed", 9, 2), action("b", "Failed", 9, 1))
    assert newest_place(execution(SOURCE, failed), None) == ("DeployTo-test", "b")
    assert newest_place(execution(SOURCE, BUILD, TEST, OTHER_TESTS), None) == ("DeployTo-prod", "TestCommands")
    assert newest_place(WAITING, None) == ("DeployTo-test", "TestCommands")
    assert newest_place(WAITING, "Build") == ("Build", "Build")
    assert newest_place(execution(stage("Source", "Pending", action("s"))), None) is None
