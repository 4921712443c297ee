"""Logins to a real registry, with the user's own configuration left as it is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from copilot.docker.logins import Credentials, Logins
from copilot.errors import CopilotError
from tests.docker import DockerEngine
from tests.registry import Registry, serve

LOGIN = ("AWS", "of-a-test")
HASHED = "$2b$04$0tHQjswfRzOxrXuUNVKI8Oj6ZR5F/pSddF3BgNmfw.wX0T6xL11zm"
GOOD = Credentials(*LOGIN)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with serve(tmp_path / "registry", login=LOGIN, hashed=HASHED) as registry:
        yield registry


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's configuration."""
    folder = tmp_path / "own"
    folder.mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    return folder


def program(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}")
    (folder / name).chmod(0o755)


def test_a_login_reaches_no_keeper_of_passwords(
    registry: Registry, own: Path, docker: DockerEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "bin", "docker-credential-spy", f'echo "$@" >>{tmp_path}/asked\ncat >>{tmp_path}/asked\necho "{{}}"\n')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/local/bin:/usr/bin:/bin")
    config = {
        "credsStore": "spy",
        "credHelpers": {"other.example": "spy", registry.host: "spy"},
        "auths": {"kept.example": {}},
        "currentContext": "default",
        "detachKeys": "ctrl-e,e",
    }
    (own / "config.json").write_text(json.dumps(config))
    (own / "contexts").mkdir()
    before = (own / "config.json").read_text()
    with Logins() as logins:
        logins.log_in(registry.host, lambda: GOOD)
        folder = Path(logins.docker._configuration["DOCKER_CONFIG"])
        written = json.loads((folder / "config.json").read_text())
        assert (folder / "config.json").stat().st_mode & 0o077 == 0
        assert registry.host in written["auths"]
        assert written["credHelpers"]["other.example"] == written["credsStore"] == "spy"
        assert written["detachKeys"] == config["detachKeys"]
        assert (folder / "contexts").samefile(own / "contexts")
    assert not folder.exists()
    assert (own / "config.json").read_text() == before
    asked = tmp_path / "asked"
    assert not asked.exists() or (LOGIN[1] not in asked.read_text() and registry.host not in asked.read_text())


def test_the_password_is_in_no_argument(
    registry: Registry, own: Path, docker: DockerEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "bin", "docker", f'echo "$@" >>{tmp_path}/arguments\nexec {shutil.which("docker")} "$@"\n')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/local/bin:/usr/bin:/bin")
    times = 0

    def credentials() -> Credentials:
        nonlocal times
        times += 1
        return GOOD

    with Logins() as logins:
        for _ in range(3):
            logins.log_in(registry.host, credentials)
    assert (tmp_path / "arguments").read_text() == f"login --username AWS --password-stdin {registry.host}\n"
    assert times == 1
    assert LOGIN[1] not in repr(GOOD)


def test_logins_that_fail(registry: Registry, own: Path, docker: DockerEngine, tmp_path: Path) -> None:
    with Logins() as logins:
        with pytest.raises(CopilotError, match=f"`docker login` to `{registry.host}` failed: .*(?i:unauthorized)") as caught:
            logins.log_in(registry.host, lambda: Credentials("AWS", "wrong-one"))
        assert "wrong-one" not in f"{caught.value.message} {caught.value.details}"
        with pytest.raises(CopilotError, match=r"`docker login` to `127\.0\.0\.1:1` failed: .*connection refused"):
            logins.log_in("127.0.0.1:1", lambda: GOOD)
        with pytest.raises(CopilotError, match="`--help` is no name of a registry"):
            logins.log_in("--help", lambda: GOOD)
        logins.log_in(registry.host, lambda: GOOD)


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_configuration_that_cannot_be_read(own: Path, text: str) -> None:
    (own / "config.json").write_text(text)
    with pytest.raises(CopilotError, match=r"`.*own/config\.json` cannot be read: "), Logins():
        pass
