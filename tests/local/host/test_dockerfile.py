from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.errors import BuildError, CopilotError, UnsupportedError
from copilot.local.host.dockerfile import Dockerfile, load_dockerfile, parse_dockerfile
from copilot.local.host.steps import Copy, Folder


def read(text: str, **args: str) -> Dockerfile:
    return parse_dockerfile(text, "Dockerfile", args)


def copies(text: str, **args: str) -> list[tuple[list[str], str]]:
    return [([s.path for s in step.sources], step.destination) for step in read(text, **args).steps if isinstance(step, Copy)]


def test_a_whole_dockerfile() -> None:
    found = read(
        """\
# syntax=docker/dockerfile:1

ARG VERSION=3.13
FROM --platform=linux/amd64 python:${VERSION}-slim AS app
LABEL org.team="the shop" version=1
ARG MODE=dev
ENV MODE=$MODE LEVEL="a b"
WORKDIR /srv
WORKDIR app
COPY --chmod=0640 --chown=me:us a b/ ./
ADD ["with blank", "/data/"]
EXPOSE 8080/tcp 9000-9001
STOPSIGNAL int
ENTRYPOINT ["python"]
CMD ["-u", "server.py"]
""",
        MODE="live",
    )
    assert found.base == "python:3.13-slim"
    assert found.labels == {"org.team": "the shop", "version": "1"}
    assert found.env == {"MODE": "live", "LEVEL": "a b"}
    assert found.workdir == "/srv/app"
    assert (found.entrypoint, found.command) == (("python",), ("-u", "server.py"))
    assert found.exposed == (8080, 9000, 9001)
    assert found.stop_signal == "SIGINT"
    assert found.notes == ()
    first, second, copy, add = found.steps
    assert isinstance(first, Folder)
    assert isinstance(second, Folder)
    assert (first.path, second.path) == ("/srv", "/srv/app")
    assert isinstance(copy, Copy)
    assert ([s.path for s in copy.sources], copy.destination, copy.into_folder) == (["a", "b/"], "/srv/app", True)
    assert (copy.mode, copy.unpack) == (0o640, False)
    assert isinstance(add, Copy)
    assert ([s.path for s in add.sources], add.destination, add.unpack) == (["with blank"], "/data", True)


@pytest.mark.parametrize(
    ("lines", "env"),
    [
        ("ENV A=1\nENV B=$A-${A}", {"A": "1", "B": "1-1"}),
        ("ENV A=1\nENV A=2 B=$A", {"A": "2", "B": "1"}),
        ("ENV A  two words", {"A": "two words"}),
        ("ENV A='$B' B=\\$A", {"A": "$B", "B": "$A"}),
        ("ENV A=${NONE:-x} B=${NONE}", {"A": "x", "B": ""}),
        ("ARG X=1\nENV A=$X", {"A": "1"}),
        ("ARG X\nENV A=${X:-unset}", {"A": "unset"}),
        ("ARG G\nENV A=$G", {"A": "global"}),
        ("ENV A=$G", {"A": ""}),
        ("ARG G=own\nENV A=$G", {"A": "own"}),
        ("ENV X=env\nARG X=arg\nENV A=$X", {"X": "env", "A": "env"}),
        ("ARG X=1 Y=2\nENV A=$X$Y", {"A": "12"}),
        ("env a=1 \\\n\n  # comment\n   b=2\\\n3", {"a": "1", "b": "23"}),
        ("ENV A=1\\\r\n B=2\r", {"A": "1", "B": "2"}),
    ],
)
def test_variables(lines: str, env: dict[str, str]) -> None:
    assert read(f"ARG G=global\nFROM x\n{lines}\n").env == env
    assert read(f"ARG G=global\nFROM x\n{lines}").env == env


def test_build_arguments_win_over_defaults_and_unused_ones_are_named() -> None:
    found = read("ARG TAG=1\nFROM x:$TAG\nARG A=default\nENV A=$A", TAG="2", A="given", NONE="y")
    assert (found.base, found.env) == ("x:2", {"A": "given"})
    assert found.notes == ("Dockerfile: no ARG uses the build argument `NONE`",)


@pytest.mark.parametrize(
    ("lines", "entrypoint", "command"),
    [
        ('CMD ["a", "b c"]', None, ("a", "b c")),
        ("CMD a 'b  c' $X", None, ("/bin/sh", "-c", "a 'b  c' $X")),
        ('ENTRYPOINT ["a"]\nCMD ["b"]', ("a",), ("b",)),
        ('CMD ["b"]\nENTRYPOINT exec a', ("/bin/sh", "-c", "exec a"), ("b",)),
        ('CMD ["a"]\nCMD ["b"]', None, ("b",)),
        ('SHELL ["/bin/bash", "-ec"]\nCMD a', None, ("/bin/bash", "-ec", "a")),
        ("CMD []\nENTRYPOINT []", (), ()),
    ],
)
def test_how_it_is_started(lines: str, entrypoint: tuple[str, ...] | None, command: tuple[str, ...] | None) -> None:
    found = read(f"FROM x\n{lines}")
    assert (found.entrypoint, found.command) == (entrypoint, command)


def test_a_json_list_that_is_none_is_said() -> None:
    found = read("FROM x\nCMD ['python', 'x.py']")
    assert found.command == ("/bin/sh", "-c", "['python', 'x.py']")
    assert found.notes == ("Dockerfile:2:1: CMD is not a JSON list of strings, so the shell runs it as it stands",)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("COPY a /x", (["a"], "/x")),
        ("COPY a b ../x/", (["a", "b"], "/w/x")),
        ("COPY $S/a ./", (["src/a"], "/w/v")),
        ('COPY ["a b", "$S"]', (["a b"], "/w/v/src")),
        ("COPY 'a b' x\\ y", (["a b"], "/w/v/x y")),
        ("COPY --link a .", (["a"], "/w/v")),
        ("COPY a /../../x", (["a"], "/x")),
        ("COPY a \\\n  b \\\n  /x/", (["a", "b"], "/x")),
    ],
)
def test_copy(lines: str, expected: tuple[list[str], str]) -> None:
    assert copies(f"FROM x\nENV S=src\nWORKDIR /w/v\n{lines}") == [expected]


def test_what_is_not_used_is_said_with_its_place() -> None:
    found = read("FROM x\nUSER bob\n HEALTHCHECK CMD true\nVOLUME /data\nONBUILD RUN x\nMAINTAINER me\n")
    assert [note.split(":")[1] for note in found.notes] == ["2", "3", "4", "5"]
    assert found.notes[0] == "Dockerfile:2:1: USER is not used by the host runtime: tasks run as the user who runs copilot"


def test_another_escape_character() -> None:
    found = read("# escape=`\nFROM x\nENV A=1 `\n B=c:\\x")
    assert found.env == {"A": "1", "B": "c:\\x"}


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("FROM x\nRUN make", "2:1", "RUN is not supported by the host runtime"),
        ("FROM x\n  run make", "2:3", "RUN is not supported by the host runtime"),
        ("FROM x AS a\nFROM y", "2:1", "several stages"),
        ("FROM x\nCOPY --from=a b c", "2:1", "`--from=a` cannot be done"),
        ("FROM x\nADD https://example.com/a.tgz /", "2:1", "ADD of a URL"),
        ("FROM x\nADD git@example.com:a/b.git /", "2:1", "ADD of a URL"),
    ],
)
def test_what_needs_a_container_is_refused_with_a_way_out(text: str, place: str, says: str) -> None:
    with pytest.raises(UnsupportedError) as raised:
        read(text)
    assert raised.value.message.startswith(f"Dockerfile:{place}: ")
    assert says in raised.value.message
    assert raised.value.hint == "Do the work in the `build` phase of the buildspec and COPY its result"
    assert text.splitlines()[1] in raised.value.details[0]


def test_run_is_refused_with_the_reason() -> None:
    with pytest.raises(UnsupportedError) as raised:
        read("FROM node\nRUN npm ci")
    assert raised.value.message == (
        "Dockerfile:2:1: RUN is not supported by the host runtime: the host runtime runs the files on this machine as they are; "
        "it has no container to run commands in"
    )
    assert raised.value.details == ("    2 | RUN npm ci", "      | ^^^")


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("FROM x\nCOPY <<EOF /x\nhello\nEOF", "2:1", "heredoc"),
        ("FROM x\nCOPY --parents a b", "2:6", "`--parents` is not supported"),
        ("", "1:1", "the Dockerfile is empty"),
        ("# only a comment\n\n", "1:1", "the Dockerfile is empty"),
        ("ARG A=1\n", "1:1", "there is no `FROM`"),
        ("COPY a b\nFROM x", "1:1", "`COPY` comes before `FROM`"),
        ("FROM x\nCOPPY a b", "2:1", "unknown instruction `COPPY`"),
        ("FROM x\nnonsense", "2:1", "unknown instruction `NONSENSE`"),
        ("FROM", "1:1", "`FROM` needs an argument"),
        ("FROM a b", "1:1", "`FROM` takes an image"),
        ("FROM x AS 9a", "1:11", "`9a` is not a name for a stage"),
        ("FROM $NONE", "1:6", "`$NONE` is empty"),
        ("FROM --flag=1 x", "1:6", "unknown flag `--flag` of FROM"),
        ("FROM x\nCMD", "2:1", "`CMD` needs an argument"),
        ("FROM x\nENV A", "2:5", "`A` has no value"),
        ("FROM x\nENV A=1 B", "2:9", "`B` has no `=`"),
        ("FROM x\nENV A=1 \\\n   B", "3:4", "`B` has no `=`"),
        ("FROM x\nENV =1", "2:5", "`=1` has no name before `=`"),
        ("FROM x\nENV A=${B", "2:5", "no closing `}`"),
        ("FROM x\nCOPY a", "2:1", "`COPY` needs at least one source and a destination"),
        ("FROM x\nCOPY a b c", "2:10", "`c` must be a folder"),
        ("FROM x\nCOPY --chmod=u+x a b", "2:6", "`u+x` is not a mode"),
        ("FROM x\nCOPY --wrong a b", "2:6", "unknown flag `--wrong` of COPY"),
        ("FROM x\nCOPY a $NONE", "2:8", "the destination is empty"),
        ("FROM x\nEXPOSE http", "2:8", "`http` is not a port"),
        ("FROM x\nEXPOSE 70000", "2:8", "`70000` is not a port"),
        ("FROM x\nSTOPSIGNAL NOPE", "2:12", "`NOPE` is not a signal"),
        ("FROM x\nSHELL bash", "2:1", "`SHELL` takes a JSON list"),
        ("FROM x\nWORKDIR $NONE", "2:9", "`$NONE` is empty"),
        ("# escape=x\nFROM x", "1:1", "the escape character must be"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, place: str, says: str) -> None:
    with pytest.raises((BuildError, UnsupportedError)) as raised:
        read(text)
    assert raised.value.message.startswith(f"Dockerfile:{place}: ")
    assert says in raised.value.message


def test_a_close_name_is_suggested() -> None:
    with pytest.raises(BuildError) as raised:
        read("FROM x\nCOPPY a b")
    assert raised.value.hint == "Did you mean `COPY`?"


def test_a_target_must_be_the_one_stage() -> None:
    assert parse_dockerfile("FROM x AS App", "Dockerfile", target="app").base == "x"
    with pytest.raises(BuildError, match="there is no stage `other`"):
        parse_dockerfile("FROM x AS app", "Dockerfile", target="other")


def test_files_that_are_no_dockerfile(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for name, says in (("none", "does not exist"), (".", "is a directory"), ("binary", "not UTF-8 text")):
        with pytest.raises(BuildError, match=says):
            load_dockerfile(tmp_path / name, name)


@given(st.text("FROM x\n\\COPY[]\"'$#{}=ENVARG", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(CopilotError):
        read("FROM x\n" + text)
