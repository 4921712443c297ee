"""The rules of phases, in every shell."""

from __future__ import annotations

from typing import Any

import pytest

from copilot.local.buildspec import commands_buildspec
from tests.local.buildspec.conftest import Builds

FOUR = ("install", "pre_build", "build", "post_build")


def spec(**phases: Any) -> dict[str, Any]:
    """Four phases that print their names; those given are put over them."""
    return {"phases": {name: {"commands": [f"echo {name} $CODEBUILD_BUILD_SUCCEEDING"]} | phases.get(name, {}) for name in FOUR}}


def test_all_phases_run_in_order(any_shell: Builds) -> None:
    outcome = any_shell.run(spec())
    assert outcome.printed == ["install 1", "pre_build 1", "build 1", "post_build 1"]
    assert outcome.phases == dict.fromkeys(["INSTALL", "PRE_BUILD", "BUILD", "POST_BUILD"], "SUCCEEDED")
    assert outcome.result.status == "SUCCEEDED"
    assert outcome.result.summary == ""
    assert outcome.result.cause is None


@pytest.mark.parametrize("phase", ["install", "pre_build"])
def test_a_failed_preparation_ends_the_build(any_shell: Builds, phase: str) -> None:
    outcome = any_shell.run(spec(**{phase: {"commands": ["exit 7", "echo no"], "finally": ["echo finally"]}}))
    assert outcome.result.status == "FAILED"
    assert outcome.printed[-1] == "finally"
    assert list(outcome.phases) == [p.upper() for p in FOUR[: FOUR.index(phase) + 1]]
    assert outcome.summary == f"`exit 7` in phase {phase}: exit 7 after 0.0 s"


def test_post_build_follows_a_failed_build_and_the_first_cause_is_reported(any_shell: Builds) -> None:
    outcome = any_shell.run(
        spec(build={"commands": ["exit 3"]}, post_build={"commands": ["echo $CODEBUILD_BUILD_SUCCEEDING", "exit 4"]})
    )
    assert outcome.printed == ["install 1", "pre_build 1", "0"]
    assert outcome.phases == {"INSTALL": "SUCCEEDED", "PRE_BUILD": "SUCCEEDED", "BUILD": "FAILED", "POST_BUILD": "FAILED"}
    assert outcome.result.summary.startswith("`exit 3` in phase build: exit 3 after")


def test_an_explicit_abort_ends_the_build(any_shell: Builds) -> None:
    outcome = any_shell.run(spec(build={"commands": ["false"], "on-failure": "ABORT"}) | {"artifacts": {"files": ["*"]}})
    assert list(outcome.phases) == ["INSTALL", "PRE_BUILD", "BUILD"]
    assert outcome.result.artifact is None


def test_continue_goes_on_but_the_build_has_failed(any_shell: Builds) -> None:
    outcome = any_shell.run(spec(install={"commands": ["false"], "on-failure": "CONTINUE"}) | {"artifacts": {"files": ["*"]}})
    assert outcome.printed == ["pre_build 0", "build 0", "post_build 0"]
    assert outcome.result.status == "FAILED"
    assert outcome.result.cause is not None
    assert outcome.result.cause.phase == "install"
    assert outcome.result.artifact is not None


def test_finally_always_runs_and_counts(any_shell: Builds) -> None:
    outcome = any_shell.run(spec(build={"commands": ["true"], "finally": ["echo one", "exit 5", "echo no"]}))
    assert "one" in outcome.printed
    assert "no" not in outcome.printed
    assert outcome.phases["BUILD"] == "FAILED"
    assert outcome.summary == "`exit 5` in `finally` of phase build: exit 5 after 0.0 s"


def test_a_phase_of_only_finally(any_shell: Builds) -> None:
    outcome = any_shell.run({"phases": {"build": {"finally": ["echo one"]}}})
    assert outcome.printed == ["one"]
    assert outcome.result.status == "SUCCEEDED"


def test_a_retry_that_works_out_is_a_success(any_shell: Builds) -> None:
    count = "n=$(cat n 2>/dev/null || echo 0); n=$((n + 1)); echo $n > n"
    outcome = any_shell.run(
        spec(build={"commands": ["echo build", count, "test $n = 3"], "finally": ["echo finally"], "on-failure": "RETRY"})
    )
    assert outcome.printed == ["install 1", "pre_build 1", *["build", "finally"] * 3, "post_build 1"]
    assert outcome.result.status == "SUCCEEDED"
    assert outcome.result.cause is None
    assert outcome.phases["BUILD"] == "SUCCEEDED"


@pytest.mark.parametrize(("on_failure", "times"), [("RETRY", 4), ("RETRY-1", 2), ("RETRY-0", 1)])
def test_retries_end(any_shell: Builds, on_failure: str, times: int) -> None:
    outcome = any_shell.run(spec(build={"commands": ["echo try", "false"], "on-failure": on_failure}))
    assert outcome.printed.count("try") == times
    assert outcome.result.status == "FAILED"
    assert outcome.printed[-1] == "post_build 0"


def test_a_retry_starts_from_where_the_phase_began(any_shell: Builds) -> None:
    outcome = any_shell.run(
        spec(
            install={"commands": ["A=1; mkdir d"]},
            build={"commands": ["echo $A $CODEBUILD_BUILD_SUCCEEDING", "cd d", "A=2", "false"], "on-failure": "RETRY-1"},
        )
    )
    assert outcome.printed.count("1 1") == 2


@pytest.mark.parametrize(
    ("on_failure", "times"),
    [
        (r"RETRY-2-time\w* out: \d+", 3),
        ("RETRY-time", 4),
        ("RETRY-30-time", 31),
        ("RETRY-2-nothing like it", 1),
        ("RETRY-2-earlier", 1),
        ("RETRY-2-later", 1),
    ],
)
def test_a_pattern_is_asked_of_what_the_failed_command_printed(any_shell: Builds, on_failure: str, times: int) -> None:
    outcome = any_shell.run(
        spec(
            build={
                "commands": ["echo earlier", "echo try; echo 'timed out: 7'; false"],
                "finally": ["echo later"],
                "on-failure": on_failure,
            }
        )
    )
    assert outcome.printed.count("try") == times


def test_a_big_output_does_not_break_the_question(builds: Builds) -> None:
    command = "echo try; seq 300000; echo needle; false"
    outcome = builds.run(spec(build={"commands": [command], "on-failure": "RETRY-1-needle"}))
    assert outcome.printed.count("try") == 2
    assert outcome.printed.count("300000") == 2


def test_commands_for_a_test_action() -> None:
    buildspec = commands_buildspec(["make test", "true"])
    assert buildspec.phases.build is not None
    assert buildspec.phases.build.commands == ("make test", "true")
    assert buildspec.artifacts is None
