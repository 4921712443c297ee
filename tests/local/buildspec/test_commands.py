"""What passes from command to command, and what does not, in every shell."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.local.buildspec.conftest import Builds

ODD = {
    "QUOTES": """it's "quoted" `so` $HOME \\ end""",
    "LINES": "one\n  two\n\nthree\n",
    "UNICODE": "žluťoučký 日本語 🎉 \u0081\u0088",
    "CONTROL": "\x01\x02\x7f\x81\t",
    "OPTION": "-n -e",
    "EMPTY": "",
    "SPACES": "   ",
    "GLOB": "* ? [a-z] ~ {a,b} !x",
    "ASSIGN": "A=B; exit 3 #",
}


def test_variables_and_the_folder_persist(any_shell: Builds) -> None:
    outcome = any_shell.commands(
        "mkdir -p one/two && cd one",
        "export A=1; B=2",
        "cd two",
        'echo "$(basename "$PWD") $A $B"; sh -c \'echo "${A-no} ${B-no}"\'',
    )
    assert outcome.printed == ["two 1 2", "1 no"]
    assert outcome.result.status == "SUCCEEDED"


def test_they_persist_from_phase_to_phase(any_shell: Builds) -> None:
    outcome = any_shell.run(
        {
            "phases": {
                "install": {"commands": ["A=1"], "finally": ["A=${A}2"]},
                "build": {"commands": ["A=${A}3", "mkdir d; cd d"]},
                "post_build": {"commands": ["echo $A $(basename $PWD)"]},
            }
        }
    )
    assert outcome.printed == ["123 d"]


def test_odd_values_survive(any_shell: Builds) -> None:
    assign = [f"{name}={shlex.quote(value)}" for name, value in ODD.items()]
    write = [f"printf %s \"${name}\" > '{name}'" for name in ODD]
    request = any_shell.start({"phases": {"build": {"commands": [*assign, "true", *write]}}})
    any_shell.wait(request)
    assert {name: (any_shell.source(request) / name).read_text() for name in ODD} == ODD


def test_given_variables_are_literal_and_exact(any_shell: Builds) -> None:
    request = any_shell.start(
        {"env": {"variables": {"PATHS": "$PATH:/x"}}, "phases": {"build": {"commands": ["true", "env -0 > all"]}}}, variables=ODD
    )
    any_shell.wait(request)
    content = (any_shell.source(request) / "all").read_text()
    environment = dict(entry.split("=", 1) for entry in content.split("\0")[:-1])
    assert environment["PATHS"] == "$PATH:/x"
    assert {name: environment[name] for name in ODD} == ODD


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("A=2; mkdir d; cd d; exit 3", 3),
        ("A=2\nmkdir d\ncd d\nset -e\nfalse\necho not here", 1),
        ("A=2; mkdir d; cd d; set -u; echo $nothing", None),
        ("A=2; mkdir d; cd d\n(exit 4)", 4),
        ("A=2; mkdir d; cd d; : ${nothing?}", None),
        ("A=2; mkdir d; cd d; return 5", None),
        ("trap : EXIT; A=2; mkdir d; cd d; false", 1),
    ],
)
def test_they_persist_however_a_command_ends(any_shell: Builds, command: str, code: int | None) -> None:
    outcome = any_shell.run(
        {"phases": {"build": {"commands": ["A=1", command, "echo no"], "finally": ["echo $A $(basename $PWD)"]}}}
    )
    assert "2 d" in outcome.printed
    assert "no" not in outcome.printed
    assert "not here" not in outcome.printed
    assert outcome.result.status == "FAILED"
    assert outcome.result.cause is not None
    assert code is None or outcome.result.cause.exit_code == code


def test_a_command_that_exits_well_does_not_end_the_build(any_shell: Builds) -> None:
    assert any_shell.commands("A=1; exit 0; A=2", "echo $A").printed == ["1"]


def test_a_syntax_error_fails_its_command_only(any_shell: Builds) -> None:
    outcome = any_shell.run({"phases": {"build": {"commands": ["A=1", "A=2; if then", "echo no"], "finally": ["echo A is $A"]}}})
    assert outcome.result.status == "FAILED"
    assert outcome.result.cause is not None
    assert outcome.result.cause.command == "A=2; if then"
    assert outcome.printed[-1] == "A is 1"


def test_an_unset_variable_stays_unset(any_shell: Builds) -> None:
    outcome = any_shell.commands(
        "unset GIVEN CI; A=1", "unset A", 'echo "${GIVEN-no} ${CI-no} ${A-no}"', variables={"GIVEN": "1"}
    )
    assert outcome.printed == ["no no no"]


def test_the_previous_folder_is_known(any_shell: Builds) -> None:
    assert any_shell.commands("mkdir d; cd d", "cd - >/dev/null", "basename $PWD").printed == ["src"]


def test_a_folder_that_is_gone_is_said_so(any_shell: Builds) -> None:
    outcome = any_shell.commands("mkdir d; cd d; rmdir ../d", "echo no")
    assert outcome.result.status == "FAILED"
    assert "is gone" in outcome.log
    assert "no" not in outcome.printed


def test_options_functions_and_redirections_do_not_persist(any_shell: Builds) -> None:
    outcome = any_shell.commands(
        "set -efux; f() { echo f; }; exec >/dev/null 2>&1; echo hidden", "echo ${nothing-x} *.txt; false; f || echo none"
    )
    assert "x hello.txt" in outcome.printed
    assert "none" in outcome.printed
    assert "hidden" not in outcome.printed
    assert outcome.result.status == "SUCCEEDED"


def test_a_multi_line_command_reports_its_last_line_unless_it_sets_e(any_shell: Builds) -> None:
    assert any_shell.commands("false\ntrue\n").result.status == "SUCCEEDED"
    assert any_shell.commands("set -e\nfalse\ntrue\n").result.status == "FAILED"


def test_tracing_shows_the_command_and_nothing_of_ours(any_shell: Builds) -> None:
    outcome = any_shell.commands("set -x; echo one", "echo two")
    assert "_copilot" not in outcome.log
    assert [line.lstrip("+ ") for line in outcome.printed] == ["echo one", "one", "two"]


def test_a_commands_own_exit_trap_runs(any_shell: Builds) -> None:
    outcome = any_shell.commands("trap 'echo cleaned up' EXIT; A=1; false; true", "echo $A", "trap 'echo again' EXIT; exit 2")
    assert outcome.printed == ["cleaned up", "1", "again"]
    assert outcome.result.cause is not None
    assert outcome.result.cause.exit_code == 2


def test_a_command_may_replace_its_shell(any_shell: Builds) -> None:
    outcome = any_shell.commands("A=1", "exec echo replaced", "echo $A")
    assert outcome.printed == ["replaced", "1"]


def test_a_readonly_variable_and_a_changed_separator_do_no_harm(any_shell: Builds) -> None:
    outcome = any_shell.commands("readonly A=1; export A; IFS=:; X='a:b'", 'for i in $X; do echo "$A $i"; done', "A=2; echo $A")
    assert outcome.printed[:2] == ["1 a", "1 b"]


def test_commands_get_no_input_and_no_positional_parameters(any_shell: Builds) -> None:
    assert any_shell.commands('cat; echo "$# $*"').printed == ["0 "]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs Linux")
def test_commands_inherit_none_of_our_descriptors(any_shell: Builds) -> None:
    outcome = any_shell.commands("ls /proc/self/fd")
    inherited = subprocess.run(["ls", "/proc/self/fd"], close_fds=False, stdout=subprocess.PIPE, check=True, text=True).stdout
    assert set(outcome.printed) <= {*inherited.split(), "0", "1", "2", "3"}


def test_in_bash_an_array_does_not_persist(builds: Builds) -> None:
    builds.shell = "bash"
    outcome = builds.commands("a=(one two); declare -A m=([k]=v); n=1", 'echo "${#a[@]} ${m[k]-none} $n"')
    assert outcome.printed == ["1 none 1"]


def test_the_log_survives_a_command_that_opens_its_output_anew(any_shell: Builds) -> None:
    outcome = any_shell.commands("echo first", "echo second > /dev/stderr; echo third > /dev/stdout")
    assert outcome.printed == ["first", "second", "third"]


def test_commands_are_echoed_and_phases_are_timed(any_shell: Builds) -> None:
    log = any_shell.run(
        {
            "phases": {
                "install": {"commands": ["echo 'a  b'", "-n x || true"]},
                "build": {"commands": ["if true; then\n  sleep 0.2\nfi\nfalse\n"]},
            }
        }
    ).log
    assert "$ echo 'a  b'\na  b\n$ -n x || true\n" in log
    assert "$ if true; then\n    sleep 0.2\n  fi\n  false\n" in log
    assert re.search(r"^\[INSTALL\] succeeded after \d+\.\d s$", log, re.MULTILINE)
    assert re.search(r"^exit 1 after (?!0\.[01])\d+\.\d s\n\[BUILD\] failed after (?!0\.[01])\d+\.\d s\n\Z", log, re.MULTILINE)
