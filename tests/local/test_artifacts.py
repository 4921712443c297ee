"""The artifact store."""

from __future__ import annotations

import io
import os
import socket
import stat
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.errors import ConflictError, NotFoundError, UnsupportedError
from copilot.local.artifacts import ArtifactStore


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "artifacts")


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def tar_of(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for member, content in members:
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def test_what_is_packed_comes_out_again(store: ArtifactStore, tmp_path: Path) -> None:
    tree = write(tmp_path / "tree", {"a.txt": "A", "deep/er/b": "B", "ünï/c d": "C"})
    (tree / "empty").mkdir()
    (tree / "deep/run").write_text("#!/bin/sh\n")
    (tree / "deep/run").chmod(0o755)
    (tree / "link").symlink_to("deep/er/b")
    (tree / "up").symlink_to("deep")
    digest = store.pack_tree(tree)
    out = tmp_path / "out"
    store.unpack(digest, out)
    assert (out / "deep/er/b").read_text() == "B"
    assert (out / "ünï/c d").read_text() == "C"
    assert (out / "empty").is_dir()
    assert stat.S_IMODE((out / "deep/run").stat().st_mode) == 0o755
    assert (out / "link").readlink() == Path("deep/er/b")
    assert store.pack_tree(out) == digest


def test_archives_hold_no_times_or_owners_and_sorted_names(store: ArtifactStore, tmp_path: Path) -> None:
    tree = write(tmp_path / "tree", {"b": "2", "a": "1", "c/d": "3"})
    digest = store.pack_tree(tree)
    with tarfile.open(store.path(digest)) as tar:
        members = tar.getmembers()
    assert [m.name for m in members] == ["a", "b", "c", "c/d"]
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname) for m in members} == {(0, 0, 0, "", "")}
    os.utime(tree / "a", (1, 1))
    assert store.pack_tree(tree) == digest
    (tree / "a").chmod(0o755)
    assert store.pack_tree(tree) != digest


_NAMES = st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=40).filter(
    lambda n: n not in {".", ".."} and len(n.encode()) < 200
)


@given(st.dictionaries(_NAMES, st.binary(max_size=2000), max_size=5))
def test_the_same_content_gives_the_same_digest(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> None:
    base = tmp_path_factory.mktemp("base")
    store = ArtifactStore(base / "store")
    digests = []
    for folder, order in ((base / "one", list(files)), (base / "two", list(reversed(files)))):
        folder.mkdir()
        for name in order:
            (folder / name).write_bytes(files[name])
        digests.append(store.pack_tree(folder))
    digests.append(store.pack(base / "one", [(Path(name), name) for name in files]))
    assert len(set(digests)) == 1
    store.unpack(digests[0], base / "three")
    assert {p.name: p.read_bytes() for p in (base / "three").iterdir()} == files
    assert store.names(digests[0]) == sorted(files)


def test_files_get_the_names_asked_for(store: ArtifactStore, tmp_path: Path) -> None:
    write(tmp_path, {"x/one": "1", "y/two": "2"})
    digest = store.pack(tmp_path, [(Path("x/one"), "./first"), (tmp_path / "y/two", "in/second")])
    assert store.names(digest) == ["first", "in/second"]
    assert store.read(digest, "first") == b"1"
    assert store.read(digest, "./in/second") == b"2"


def test_two_files_of_one_name_are_refused(store: ArtifactStore, tmp_path: Path) -> None:
    write(tmp_path, {"x/one": "1", "y/one": "2"})
    with pytest.raises(ConflictError, match="would both be `one`"):
        store.pack(tmp_path, [(Path("x/one"), "one"), (Path("y/one"), "one")])
    assert not (tmp_path / "artifacts").exists()


def test_a_socket_is_refused(store: ArtifactStore, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "tree/s"))
        with pytest.raises(UnsupportedError, match="socket"):
            store.pack_tree(tmp_path / "tree")
    assert list((tmp_path / "artifacts").iterdir()) == []


def test_a_finished_archive_is_moved_in(store: ArtifactStore, tmp_path: Path) -> None:
    made = tar_of(tmp_path / "made.tar", (member("f"), b"F"))
    digest = store.adopt(made)
    assert not made.exists()
    assert store.read(digest, "f") == b"F"
    assert [p.name for p in (tmp_path / "artifacts").iterdir()] == [f"{digest}.tar"]


def test_a_missing_file_is_an_error_that_names_what_is_there(store: ArtifactStore, tmp_path: Path) -> None:
    digest = store.pack_tree(write(tmp_path / "tree", {f"f{i:02}": "" for i in range(12)}))
    with pytest.raises(NotFoundError, match="there is no file `nope` in the artifact") as caught:
        store.read(digest, "nope")
    assert caught.value.hint is not None
    assert "`f00`, `f01`" in caught.value.hint
    assert "and 2 more" in caught.value.hint


@pytest.mark.parametrize("digest", ["0" * 64, "../../etc/passwd", ""])
def test_an_unknown_digest_is_an_error(store: ArtifactStore, tmp_path: Path, digest: str) -> None:
    with pytest.raises(NotFoundError):
        store.path(digest)
    with pytest.raises(NotFoundError):
        store.unpack(digest, tmp_path / "out")


def test_a_folder_in_use_is_not_unpacked_into(store: ArtifactStore, tmp_path: Path) -> None:
    digest = store.pack_tree(write(tmp_path / "tree", {"f": ""}))
    with pytest.raises(ConflictError, match="not empty"):
        store.unpack(digest, tmp_path / "tree")


@pytest.mark.parametrize(
    "members",
    [
        [(member("../evil"), b"x")],
        [(member("/evil"), b"x")],
        [(member("a/../../evil"), b"x")],
        [(member("l", tarfile.SYMTYPE, "/etc/passwd"), b"")],
        [(member("l", tarfile.SYMTYPE, "../evil"), b"")],
        [(member("l", tarfile.LNKTYPE, "../evil"), b"")],
        [(member("deep/a", tarfile.SYMTYPE, ".."), b""), (member("b", tarfile.SYMTYPE, "deep/a/.."), b"")],
        [(member("d", tarfile.FIFOTYPE), b"")],
        [(member("d", tarfile.CHRTYPE), b"")],
    ],
)
def test_an_escape_is_refused(store: ArtifactStore, tmp_path: Path, members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    outside = write(tmp_path / "outside", {"evil": "untouched"})
    digest = store.adopt(tar_of(tmp_path / "made.tar", *members))
    with pytest.raises(UnsupportedError):
        store.unpack(digest, outside / "into")
    assert (outside / "evil").read_text() == "untouched"
    assert sorted(p.name for p in outside.iterdir()) == ["evil", "into"]


def test_nothing_is_written_through_a_link(store: ArtifactStore, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    digest = store.adopt(tar_of(tmp_path / "made.tar", (member("d", tarfile.SYMTYPE, "../outside"), b""), (member("d/f"), b"x")))
    with pytest.raises((UnsupportedError, FileExistsError)):
        store.unpack(digest, tmp_path / "into")
    assert list(outside.iterdir()) == []
