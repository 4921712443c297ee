from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path

import pytest

from copilot.errors import EngineUnavailableError
from copilot.local.home import Home


def listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
    path.unlink()
    return True


def test_a_socket_is_in_the_home_where_its_path_is_short_enough(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        assert Home(Path(folder)).socket("caddy") == Path(folder, "caddy.sock")


@pytest.mark.parametrize("temporary", ["short", "long"])
def test_a_socket_of_a_home_far_down_is_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, temporary: str) -> None:
    deep = tmp_path / ("x" * 60) / ("y" * 60)
    deep.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(deep) if temporary == "long" else None)
    path = Home(deep / "home").socket("caddy")
    assert len(os.fsencode(path)) <= 100
    assert path == Home(deep / "home").socket("caddy")
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert listens(path)
    path.parent.rmdir()


def test_a_folder_of_somebody_else_is_not_used(tmp_path: Path) -> None:
    home = Home(tmp_path / ("x" * 60) / ("y" * 60))
    folder = home.socket("caddy").parent
    folder.rmdir()
    folder.symlink_to(tmp_path)
    try:
        with pytest.raises(EngineUnavailableError, match="belongs to somebody else"):
            home.socket("caddy")
    finally:
        folder.unlink()
