"""What needs no container engine: command lines, names, logs, and what failures are made of."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.errors import EngineUnavailableError
from copilot.local.docker import command, logs
from copilot.local.docker.failures import failure, is_conflict
from copilot.local.docker.logs import Cursor, Line
from copilot.local.docker.names import Names, tags
from copilot.local.docker.trouble import explain
from copilot.local.home import Home
from copilot.release.description import ContainerCheck
from tests import strategies  # noqa: F401 - registers the profile of hypothesis


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (
            "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get ...",
            "this user may not use the container engine: permission denied on its socket",
        ),
        (
            "Cannot connect to the Docker daemon at unix:///x.sock. Is the docker daemon running?",
            "no container engine answers at unix:///x.sock",
        ),
        (
            "failed to connect to the docker API at unix:///x.sock; check if the path is correct",
            "no container engine answers at unix:///x.sock",
        ),
        (
            "docker: Error response from daemon: No such image: sha256:00.\n\nRun 'docker run --help' for more information",
            "image `sha256:00.` is not on this machine",
        ),
        (
            "Error response from daemon: driver failed on endpoint x: Bind for 127.0.0.1:8080 failed: port is already allocated.",
            "port 8080 is taken by another program",
        ),
        (
            "Error starting userland proxy: listen tcp4 127.0.0.1:29998: bind: address already in use",
            "port 29998 is taken by another program",
        ),
        ("write /var/lib/docker/tmp/x: no space left on device", "the disk of the container engine is full"),
        (
            "pull access denied for acme/web, repository does not exist or may require 'docker login'",
            "image `acme/web` does not exist, or may not be read",
        ),
        (
            "Error response from daemon: manifest for nginx:nope not found: manifest unknown",
            "image `nginx:nope` does not exist, or may not be read",
        ),
        (
            "image with reference sha256:1 was found but does not match the specified platform: wanted linux/arm64",
            "the image is not made for the platform",
        ),
        (
            "Error response from daemon: all predefined address pools have been fully subnetted",
            "the container engine has no addresses left",
        ),
        (
            "docker: Error response from daemon: something new.\n\nRun 'docker run --help' for more information",
            "the container engine refused: something new",
        ),
        ("", "the container engine refused: no reason given"),
    ],
)
def test_failures_are_sentences(output: str, message: str) -> None:
    error = failure(output)
    assert error.message.startswith(message)
    assert not error.message.endswith(".") or "00." in message


def test_no_access_is_no_engine() -> None:
    assert isinstance(
        failure("permission denied while trying to connect to the docker API at unix:///var/run/docker.sock"),
        EngineUnavailableError,
    )
    assert is_conflict('Conflict. The container name "/copilot-1-t1" is already in use by container "8c"')


BUILDKIT = """\
#5 [2/3] COPY busybox /bin/busybox
#5 DONE 0.1s
#6 [3/3] RUN make all
#6 0.210 make: *** No rule to make target 'all'.  Stop.
#6 ERROR: process "/bin/sh -c make all" did not complete successfully: exit code: 2
------
 > [3/3] RUN make all:
0.210 make: *** No rule to make target 'all'.  Stop.
------
Dockerfile:4
--------------------
   2 |     COPY busybox /bin/busybox
   3 |
   4 | >>> RUN make all
   5 |
--------------------
ERROR: failed to solve: process "/bin/sh -c make all" did not complete successfully: exit code: 2
"""


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (BUILDKIT, "api/Dockerfile:4: `RUN make all` failed: exit 2"),
        (
            'Dockerfile:2\n   2 | >>> COPY nope /\nERROR: failed to calculate checksum of ref a::b: "/nope": not found',
            "api/Dockerfile:2: `nope` is not in the build context",
        ),
        (
            "ERROR: failed to solve: dockerfile parse error on line 3: unknown instruction: COPI (did you mean COPY?)",
            "api/Dockerfile:3: unknown instruction: COPI (did you mean COPY?)",
        ),
        ('ERROR: failed to solve: target stage "nah" could not be found', "api/Dockerfile has no stage `nah`"),
        (
            "ERROR: failed to build: failed to solve: failed to read dockerfile: open Dockerfile: no such file or directory",
            "`api/Dockerfile` cannot be read",
        ),
        (
            "Step 1/2 : FROM scratch\nError processing tar file(exit status 1): write /x: no space left on device",
            "api/Dockerfile: the disk is full",
        ),
        (
            "ERROR: failed to solve: nginx:nope: pull access denied for nginx, repository does not exist",
            "api/Dockerfile: image `nginx` does not exist, or may not be read",
        ),
        ("", "api/Dockerfile: no reason given"),
    ],
)
def test_why_a_build_failed(tmp_path: Path, output: str, message: str) -> None:
    error = explain(tmp_path / "Dockerfile", "api/Dockerfile", output.splitlines(), 1)
    assert error.message == message
    if output is BUILDKIT:
        assert any("No rule to make target" in line for line in error.details)


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
        mounts=(command.Mount("v", "/data", True, {"k": "l"}),),
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
        "--mount type=volume,source=v,target=/data,volume-label=k=l,readonly",
        "--health-cmd true",
        "--entrypoint sh",
    ):
        assert part in joined
    beside = " ".join(command.run(command.Container("s", "i", "container:n", {})))
    assert "--add-host" not in beside
    assert "--no-healthcheck" in beside


@given(st.text(st.characters(blacklist_categories=["Cs", "Cc"])))
def test_mounts_are_read_as_they_were_written(text: str) -> None:
    mount = command._mount(command.Mount(text, "/d", False, {}))
    assert next(csv.reader([mount]))[1] == f"source={text}"


@given(st.lists(st.sampled_from([f"2026-01-01T00:00:0{n}.{f:09}" for n in range(3) for f in (0, 1)])), st.data())
def test_a_log_read_in_parts_is_the_whole_log(times: list[str], data: st.DataObject) -> None:
    lines = [Line(time, str(number)) for number, time in enumerate(sorted(times))]
    cut = data.draw(st.integers(0, len(lines)))
    first, cursor = logs.after(lines[:cut], Cursor())
    second, _ = logs.after(lines, Cursor.parse(str(cursor)))
    assert first + second == lines


def test_lines_have_exact_times(tmp_path: Path) -> None:
    text = "2026-01-01T00:00:00.5Z one\n2026-01-01T00:00:00.51Z \nnonsense\n2026-01-01T00:00:01Z half"
    assert logs.parse(text) == [Line("2026-01-01T00:00:00.500000000", "one"), Line("2026-01-01T00:00:00.510000000", "")]
    assert logs.parse(text, "x: ", whole=False)[-1] == Line("2026-01-01T00:00:01.000000000", "x: half")
    file = tmp_path / "log"
    logs.append(file, logs.parse(text, whole=False))
    assert list(logs.kept(file)) == logs.parse(text, whole=False)
    assert list(logs.kept(tmp_path / "none")) == []
