"""What needs no container engine: command lines, names and logs."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from copilot.local.docker import command, logs
from copilot.local.docker.logs import Cursor, Line
from copilot.local.docker.names import Names, tags
from copilot.local.home import Home
from copilot.release.description import ContainerCheck
from tests import strategies  # noqa: F401 - registers the profile of hypothesis


def test_names_tell_homes_and_things_apart(tmp_path: Path) -> None:
    one, other = (Names.of(Home(tmp_path / name)) for name in ("one", "other"))
    assert one.prefix != other.prefix
    assert one.network("a-b", "c") != one.network("a", "b-c")
    assert one.volume("a", "b", "c", "d") == f"{one.prefix}-a.b.c.d"
    assert one.container("t", "s") == f"{one.prefix}-t.s"


def test_tags() -> None:
    assert tags("a" * 40, "main-14") == ["a" * 12, "main-14"]
    assert tags("a" * 40, "@odd/one-1")[1] == "odd-one-1"
    assert re.fullmatch("a{12}-[0-9a-f]+", tags(f"{'a' * 40}-dirty", "")[0])
    assert re.fullmatch("worktree-[0-9a-f]+", tags("", "")[0])


def test_health_checks_as_shell_lines() -> None:
    assert command.shell_line(("CMD-SHELL", "curl -f localhost || exit 1")) == "curl -f localhost || exit 1"
    assert command.shell_line(("CMD", "test", "-e", "/a b")) == "test -e '/a b'"
    assert command.shell_line(("test", "-e", "/x")) == "test -e /x"


def test_the_command_line_of_a_task() -> None:
    container = command.Container(
        name="n",
        image="sha256:1",
        network="net",
        labels={"a": "b"},
        aliases=("api",),
        publish=(20000, 8080),
        inherited=("SECRET",),
        cpus=0.25,
        memory=512,
        entrypoint=("sh", "-c"),
        command=("x",),
        mounts=(command.Mount("v", "/data", True),),
        check=ContainerCheck(("CMD-SHELL", "true")),
    )
    arguments = command.run(container)
    assert arguments[-3:] == ["sha256:1", "-c", "x"]
    joined = " ".join(arguments)
    for part in (
        "--publish 127.0.0.1:20000:8080",
        "--env SECRET",
        "--cpus 0.250",
        "--memory 512m",
        "--mount type=volume,source=v,target=/data,readonly",
        "--health-cmd true",
        "--entrypoint sh",
    ):
        assert part in joined
    beside = " ".join(command.run(command.Container("s", "i", "container:n", {})))
    assert "--add-host" not in beside
    assert "--no-healthcheck" in beside


@given(st.text(st.characters(blacklist_categories=["Cs", "Cc"])))
def test_mounts_are_read_as_they_were_written(text: str) -> None:
    mount = command._mount(command.Mount(text, "/d", False))
    assert next(csv.reader([mount]))[1] == f"source={text}"


@given(st.lists(st.sampled_from([f"2026-01-01T00:00:0{n}.{f:09}" for n in range(3) for f in (0, 1)])), st.data())
def test_a_log_read_in_parts_is_the_whole_log(times: list[str], data: st.DataObject) -> None:
    lines = [Line(time, str(number)) for number, time in enumerate(sorted(times))]
    cut = data.draw(st.integers(0, len(lines)))
    first, cursor = logs.after(lines[:cut], Cursor())
    second, _ = logs.after(lines, Cursor.parse(str(cursor)))
    assert first + second == lines


def test_lines_of_one_second_stay_in_their_order() -> None:
    kept = logs.parse("2026-01-01T00:00:00Z kept\n")
    printed = logs.parse("2026-01-01T00:00:00Z kept\n2026-01-01T00:00:02Z c\n2026-01-01T00:00:01Z b\n2026-01-01T00:00:01Z a\n")
    assert [line.text for line in logs.newer(printed, kept)] == ["b", "a", "c"]


def test_lines_have_exact_times(tmp_path: Path) -> None:
    text = "2026-01-01T00:00:00.5Z one\n2026-01-01T00:00:00.51Z \nnonsense\n2026-01-01T00:00:01Z half"
    assert logs.parse(text) == [Line("2026-01-01T00:00:00.500000000", "one"), Line("2026-01-01T00:00:00.510000000", "")]
    assert logs.parse(text, "x: ", whole=False)[-1] == Line("2026-01-01T00:00:01.000000000", "x: half")
    file = tmp_path / "log"
    logs.append(file, logs.parse(text, whole=False))
    assert list(logs.kept(file)) == logs.parse(text, whole=False)
    assert list(logs.kept(tmp_path / "none")) == []
