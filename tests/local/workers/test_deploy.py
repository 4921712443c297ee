from __future__ import annotations

import io
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from copilot.errors import CopilotError, NotFoundError
from copilot.local.artifacts import ArtifactStore
from copilot.local.workers.deploy import _DESCRIPTION, read_description
from copilot.release.description import ReleaseDescription
from copilot.release.plan import release_path

DESCRIPTION = ReleaseDescription("shop", "test", "web", "Backend Service", "sha256:" + "0" * 64, variables={"A": "ü"})


def packed(folder: Path, content: bytes) -> tuple[ArtifactStore, str]:
    path = folder / "made.tar"
    with tarfile.open(path, "w") as tar:
        member = tarfile.TarInfo(release_path("web", "test"))
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    store = ArtifactStore(folder)
    return store, store.adopt(path)


def test_what_the_build_wrote_is_read(tmp_path: Path) -> None:
    store, digest = packed(tmp_path, _DESCRIPTION.dump_json(DESCRIPTION))
    assert read_description(store, digest, "shop", "web", "test") == DESCRIPTION


def test_what_the_build_did_not_write_is_named(tmp_path: Path) -> None:
    store, digest = packed(tmp_path, b"{}")
    with pytest.raises(
        NotFoundError, match=r"no release of `api` for `test` \(`infrastructure/api-test.release.json`\)"
    ) as caught:
        read_description(store, digest, "shop", "api", "test")
    assert "copilot/api/manifest.yml" in (caught.value.hint or "")


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"null", b"\xff", b'{"application": 1}'])
def test_what_is_no_description_is_refused(tmp_path: Path, content: bytes) -> None:
    store, digest = packed(tmp_path, content)
    with pytest.raises(CopilotError, match=r"`infrastructure/web-test.release.json` is not a release description: \d+ problem"):
        read_description(store, digest, "shop", "web", "test")


@pytest.mark.parametrize("other", [{"workload": "api"}, {"environment": "prod"}, {"application": "other"}])
def test_the_description_of_something_else_is_refused(tmp_path: Path, other: dict[str, str]) -> None:
    store, digest = packed(tmp_path, _DESCRIPTION.dump_json(replace(DESCRIPTION, **other)))  # type: ignore[arg-type] # a test's shorthand
    with pytest.raises(CopilotError, match="describes"):
        read_description(store, digest, "shop", "web", "test")
