from __future__ import annotations

from pathlib import Path

import pytest

from copilot.errors import CopilotError
from copilot.local.context import BuildContext

CONTEXT = BuildContext(
    application="shop",
    pipeline="release",
    execution=3,
    revision="a" * 40,
    targets={"web": ("test", "prod"), "api": ("test",)},
    runtimes={"test": "host", "prod": "host"},
)


def test_what_is_written_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    CONTEXT.write(tmp_path / "context.json")
    monkeypatch.setenv(BuildContext.VARIABLE, str(tmp_path / "context.json"))
    assert BuildContext.from_environment() == CONTEXT


def test_outside_of_a_build_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(BuildContext.VARIABLE, raising=False)
    assert BuildContext.from_environment() is None


@pytest.mark.parametrize("content", [None, b"", b"{}", b"[]", b"\xff", b'{"application": "shop"}'])
def test_what_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None) -> None:
    path = tmp_path / "context.json"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv(BuildContext.VARIABLE, str(path))
    with pytest.raises(CopilotError, match=f"COPILOT_BUILD_CONTEXT names `{path}`, which is not the context of a build"):
        BuildContext.from_environment()
