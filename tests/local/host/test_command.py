from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.errors import DeploymentError
from copilot.local.host.command import Command, combine, localise, localise_list, localise_script, prepare
from copilot.local.host.images import ImageConfig
from copilot.local.runtime import TaskSpec
from copilot.release.description import ReleaseDescription

MACHINE = {"PATH": "/usr/bin:/bin", "HOME": "/home/ana", "LANG": "C.UTF-8", "SECRET": "x"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "app/bin").mkdir(parents=True)
    (root / "app/run.py").touch()
    (root / "app/bin/tool").touch(mode=0o755)
    return root


def config(
    entrypoint: tuple[str, ...] | None = None, command: tuple[str, ...] | None = None, env: dict[str, str] | None = None
) -> ImageConfig:
    return ImageConfig("python:3", env or {}, {}, "/app", entrypoint, command, (), "SIGTERM")


def described(**fields: object) -> ReleaseDescription:
    return ReleaseDescription("shop", "test", "web", "Backend Service", "sha256:0", **fields)  # type: ignore[arg-type] # a test's shorthand


def prepared(image: ImageConfig, root: Path, task_variables: dict[str, str] | None = None, **fields: object) -> Command:
    return prepare(image, root, TaskSpec("t1", described(**fields), 8000, task_variables or {}), MACHINE, Path("/tools"))


@pytest.mark.parametrize(
    ("image", "release", "argv"),
    [
        ((("e",), ("c",)), {}, ("e", "c")),
        ((("e",), ("c",)), {"command": ("x",)}, ("e", "x")),
        ((("e",), ("c",)), {"entrypoint": ("x",)}, ("x",)),
        ((("e",), ("c",)), {"entrypoint": ("x",), "command": ("y",)}, ("x", "y")),
        ((None, ("c",)), {}, ("c",)),
        ((("e",), None), {}, ("e",)),
        ((None, None), {}, ()),
    ],
)
def test_entrypoint_and_command_combine_as_in_docker(
    image: tuple[tuple[str, ...], tuple[str, ...]], release: dict[str, object], argv: tuple[str, ...]
) -> None:
    assert combine(config(*image), described(**release)) == argv


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("/app/run.py", "{root}/app/run.py"),
        ("/app", "{root}/app"),
        ("/", "/"),
        ("//", "//"),
        ("/other", "/other"),
        ("app", "app"),
        ("/app\0", "/app\0"),
    ],
)
def test_paths_of_the_image_become_real(root: Path, before: str, after: str) -> None:
    assert localise(before, root) == after.format(root=root)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("/app:/usr/lib", "{root}/app:/usr/lib"),
        (":/app", ":{root}/app"),
        ("http://host/app", "http://host/app"),
        ("host:/app", "host:/app"),
    ],
)
def test_lists_of_paths_become_real(root: Path, before: str, after: str) -> None:
    assert localise_list(before, root) == after.format(root=root)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("python /app/run.py", "python {root}/app/run.py"),
        ("cd /app && ./x;/app/bin/tool>/app/log", "cd {root}/app && ./x;{root}/app/bin/tool>/app/log"),
        ("python \"/app/run.py\" '/app/run.py'", "python \"{root}/app/run.py\" '{root}/app/run.py'"),
        ("curl http://h/app $X/app ./app a/app", "curl http://h/app $X/app ./app a/app"),
        ("--c=/app/run.py", "--c={root}/app/run.py"),
        ("echo / \\/app", "echo / \\/app"),
    ],
)
def test_paths_in_a_script_become_real(root: Path, before: str, after: str) -> None:
    assert localise_script(before, root) == after.format(root=root)


def test_a_script_survives_a_folder_with_blanks(tmp_path: Path) -> None:
    root = tmp_path / "Application Support"
    (root / "app").mkdir(parents=True)
    assert localise_script("cd /app", root) == f"cd '{root}/app'"
    assert localise_script('cd "/app"', root) == f'cd "{root}/app"'


@given(st.text("ab /'\"\\$", max_size=20))
def test_a_script_without_paths_of_the_image_stays(text: str) -> None:
    assert localise_script(text, Path("/nonexistent-root")) == text


def test_the_whole_command(root: Path) -> None:
    image = config(
        ("tool",), ("/app/run.py", "--root=/app", "/etc"), {"PATH": "/app/bin:/usr/bin", "LIB": "/app", "LEVEL": "info"}
    )
    found = prepared(
        image,
        root,
        {"LEVEL": "debug", "DATA": "/app", "TOKEN": "/app", "COPILOT_X": "/app"},
        variables={"DATA": "/app"},
        secrets={"TOKEN": "name"},
    )
    assert found.argv == (f"{root}/app/bin/tool", f"{root}/app/run.py", f"--root={root}/app", "/etc")
    assert found.workdir == root / "app"
    assert found.environment == {
        "HOME": "/home/ana",
        "LANG": "C.UTF-8",
        "PATH": f"{root}/app/bin:/usr/bin:/bin:/tools",
        "LIB": f"{root}/app",
        "LEVEL": "debug",
        "DATA": f"{root}/app",
        "TOKEN": "/app",
        "COPILOT_X": "/app",
        "PORT": "8000",
        "COPILOT_TASK_ID": "t1",
    }
    assert "TOKEN" not in repr(found)


@pytest.mark.parametrize(
    ("program", "found"),
    [
        ("/app/bin/tool", "{root}/app/bin/tool"),
        ("bin/tool", "{root}/app/bin/tool"),
        ("./bin/tool", "{root}/app/bin/tool"),
        ("sh", "/usr/bin/sh"),
        ("/usr/local/bin/sh", "/usr/bin/sh"),
    ],
)
def test_where_a_program_is_found(root: Path, program: str, found: str) -> None:
    real = prepared(config(None, (program,)), root).argv[0]
    assert Path(real).resolve() == Path(found.format(root=root)).resolve()


@pytest.mark.parametrize("program", ["nosuch", "./nosuch", "bin/nosuch", "/nosuch", "../sh", "./bin"])
def test_a_program_that_is_not_there(root: Path, program: str) -> None:
    with pytest.raises(DeploymentError) as raised:
        prepared(config(None, (program,)), root)
    assert raised.value.message == f"no such command `{program}`"
