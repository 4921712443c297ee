"""Mirrors of real repositories on this disk."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from copilot.errors import NotFoundError, RepositoryError
from copilot.local.git import Mirror, remote_head
from tests.gitrepo import commit, push, repository_with_checkout, run


@pytest.fixture
def repository(tmp_path: Path) -> tuple[Path, Path]:
    folder = tmp_path / "it's a place"
    folder.mkdir()
    return repository_with_checkout(folder)


@pytest.fixture
def mirror(tmp_path: Path, repository: tuple[Path, Path]) -> Mirror:
    return Mirror(tmp_path / "mirrors", str(repository[0]))


def test_fetch_follows_the_branch(mirror: Mirror, repository: tuple[Path, Path]) -> None:
    bare, work = repository
    assert mirror.head("main") is None
    assert not mirror.contains("0" * 40)
    first = run(work, "rev-parse", "HEAD")
    assert mirror.fetch("main") == mirror.head("main") == first
    second = commit(work, "a")
    push(work, "main")
    assert remote_head(str(bare), "main") == second
    assert mirror.fetch("main") == second
    assert mirror.contains(first)
    assert mirror.fetch("main") == second


def test_fetch_brings_one_branch_and_no_tags(mirror: Mirror, repository: tuple[Path, Path]) -> None:
    _, work = repository
    run(work, "tag", "v1")
    run(work, "switch", "-c", "other")
    commit(work, "b")
    push(work, "other", "v1")
    mirror.fetch("main")
    assert run(mirror.path, "for-each-ref", "--format=%(refname)") == "refs/heads/main"


def test_fetch_from_a_shallow_clone(tmp_path: Path, repository: tuple[Path, Path]) -> None:
    bare, work = repository
    head = commit(work, "a")
    push(work, "main")
    run(tmp_path, "clone", "--depth=1", f"file://{bare}", "shallow")
    mirror = Mirror(tmp_path / "mirrors", str(tmp_path / "shallow"))
    assert mirror.fetch("main") == mirror.fetch("main") == head
    mirror.clone(head, tmp_path / "into")
    assert run(tmp_path / "into", "log", "--format=%H") == head


def test_fetch_after_a_forced_push(mirror: Mirror, repository: tuple[Path, Path]) -> None:
    _, work = repository
    old = commit(work, "a")
    push(work, "main")
    assert mirror.fetch("main") == old
    run(work, "reset", "--hard", "HEAD~1")
    new = commit(work, "b")
    push(work, "--force", "main")
    assert mirror.fetch("main") == new
    assert mirror.contains(old)
    assert [r.id for r in mirror.commits(old, new)] == [new]
    assert sorted(mirror.changed_paths(old, new)) == ["a", "b"]


def test_a_branch_may_take_the_place_of_a_folder_of_branches(mirror: Mirror, repository: tuple[Path, Path]) -> None:
    _, work = repository
    push(work, "main:feature")
    mirror.fetch("feature")
    push(work, ":feature", "main:feature/x")
    assert mirror.fetch("feature/x") == mirror.head("feature/x")


@pytest.mark.parametrize("damage", ["objects", "HEAD", "empty", "tree", "refs"])
def test_a_damaged_mirror_is_made_anew(mirror: Mirror, repository: tuple[Path, Path], damage: str) -> None:
    _, work = repository
    head = mirror.fetch("main")
    if damage == "objects":
        shutil.rmtree(mirror.path / "objects")
    elif damage == "HEAD":
        (mirror.path / "HEAD").write_text("nonsense")
    elif damage == "refs":
        (mirror.path / "refs" / "heads" / "main").write_text("f" * 40 + "\n")
    else:
        object_id = run(work, "rev-parse", "HEAD^{tree}" if damage == "tree" else "HEAD")
        file = mirror.path / "objects" / object_id[:2] / object_id[2:]
        file.chmod(0o600)
        file.write_bytes(b"")
    assert mirror.fetch("main") == head
    assert mirror.revision(head).summary == "Change README"
    assert sorted(p.suffix for p in mirror.path.parent.iterdir()) == [".git", ".lock"]


def test_leftovers_of_a_killed_first_fetch_do_not_matter(mirror: Mirror) -> None:
    for suffix in (".new", ".old"):
        mirror.path.with_suffix(suffix).mkdir(parents=True)
        (mirror.path.with_suffix(suffix) / "HEAD").write_text("x")
    mirror.fetch("main")


def test_many_fetch_at_once(mirror: Mirror, repository: tuple[Path, Path]) -> None:
    head = run(repository[1], "rev-parse", "HEAD")
    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(lambda _: mirror.fetch("main"), range(6))) == {head}


def test_a_failed_fetch_leaves_nothing_behind(tmp_path: Path, mirror: Mirror) -> None:
    with pytest.raises(RepositoryError):
        mirror.fetch("nope")
    assert [p.suffix for p in mirror.path.parent.iterdir()] == [".lock"]
    head = mirror.fetch("main")
    with pytest.raises(RepositoryError):
        mirror.fetch("nope")
    assert mirror.head("main") == head


def test_errors_say_what_to_do(tmp_path: Path, repository: tuple[Path, Path]) -> None:
    bare, work = repository
    push(work, "main:develop", "main:release/1", "main:mainline")
    mirrors = tmp_path / "mirrors"

    def failure(url: str, branch: str = "main") -> RepositoryError:
        with pytest.raises(RepositoryError) as fetched:
            Mirror(mirrors, url).fetch(branch)
        with pytest.raises(RepositoryError) as asked:
            remote_head(url, branch)
        assert asked.value.message == fetched.value.message
        return fetched.value

    missing = failure(str(bare), "mian")
    assert missing.message.endswith("shop.git` has no branch `mian`")
    assert missing.hint == "Did you mean `main`?"
    assert failure(str(bare), "zzz").hint == "It has `develop`, `main`, `mainline`, `release/1`"
    assert "does not exist" in failure(str(tmp_path / "gone.git")).message
    assert "is a file, not a git repository" in failure(str(work / "README")).message
    assert "does not exist" in failure(f"{tmp_path}/{'x' * 300}").message
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "is not a git repository" in failure(str(empty)).message
    run(tmp_path, "init", "--bare", "new.git")
    assert "nothing was pushed to it yet" in failure(str(tmp_path / "new.git")).message
    assert "cannot be used as a repository" in failure("ext::sh -c x").message
    assert "cannot be the name of a branch" in failure(str(bare), "--upload-pack=x").message


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder to somebody else")
def test_somebody_elses_repository(tmp_path: Path, repository: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    for path in [repository[0], *repository[0].rglob("*")]:
        os.chown(path, 12345, 12345)
    trusted = subprocess.run(["git", "ls-remote", str(repository[0])], capture_output=True, check=False).returncode == 0
    if trusted:
        pytest.skip("this git lets anybody fetch from a repository that another user owns")
    with pytest.raises(RepositoryError, match="another user owns it"):
        Mirror(tmp_path / "mirrors", str(repository[0])).fetch("main")


def test_revisions(mirror: Mirror, repository: tuple[Path, Path]) -> None:
    _, work = repository
    first = run(work, "rev-parse", "HEAD")
    run(work, "commit", "--allow-empty", "-m", "Fix the cart total \x1b[31mé\n\nbody")
    run(work, "commit", "--allow-empty", "--allow-empty-message", "-m", "", "--author=Bén <b@example.com>")
    push(work, "main")
    head = mirror.fetch("main")
    newest, older = mirror.commits(first, head)
    assert (newest.id, newest.summary, newest.author) == (head, "", "Bén")
    assert (older.summary, older.author) == ("Fix the cart total  [31mé", "Ana")
    assert mirror.revision(older.id) == older
    assert older.committed_at == float(run(work, "log", "-1", "--format=%ct", older.id))
    assert mirror.commits(head, head) == []
    assert mirror.commits("0" * 40, head) == [newest]


def test_at_most_100_commits(mirror: Mirror, repository: tuple[Path, Path]) -> None:
    _, work = repository
    first = run(work, "rev-parse", "HEAD")
    entries = [f"commit refs/heads/main\ncommitter Ana <a@example.com> {n} +0000\ndata 2\nc\n" for n in range(1, 121)]
    stream = f"{entries[0]}from {first}\n{''.join(entries[1:])}"
    subprocess.run(["git", "fast-import", "--quiet"], cwd=work, input=stream.encode(), check=True)
    push(work, "main")
    head = mirror.fetch("main")
    found = mirror.commits(first, head)
    assert len(found) == 100
    assert found[0].id == head


def test_resolve(mirror: Mirror) -> None:
    head = mirror.fetch("main")
    assert mirror.resolve(head) == mirror.resolve(head[:7]) == head
    for wrong in ("0000000", "main", "HEAD", "--all", "", "abc", f"{head}^"):
        with pytest.raises(NotFoundError):
            mirror.resolve(wrong)
    for hostile in ("--output=/tmp/x", "main", head[:10], "HEAD", ""):
        with pytest.raises(RepositoryError, match="not the full id"):
            mirror.revision(hostile)


def test_changed_paths(mirror: Mirror, repository: tuple[Path, Path]) -> None:
    _, work = repository
    first = commit(work, "api/ä b.py")
    run(work, "mv", "api/ä b.py", "api/c.py")
    second = commit(work, "web/new\nline")
    push(work, "main")
    mirror.fetch("main")
    assert mirror.changed_paths(first, second) == ["api/c.py", "api/ä b.py", "web/new\nline"]
    assert mirror.changed_paths("0" * 40, second) == ["README", "api/c.py", "web/new\nline"]


def test_archive_holds_what_was_committed(tmp_path: Path, mirror: Mirror, repository: tuple[Path, Path]) -> None:
    _, work = repository
    (work / "run.sh").write_text("#!/bin/sh\n")
    (work / "run.sh").chmod(0o755)
    (work / "link").symlink_to("run.sh")
    run(work, "add", ".")
    commit(work, "version", "$Format:%H$\n")
    commit(work, "secret", "kept\n")
    commit(
        work,
        ".gitattributes",
        "[attr]hidden export-ignore\nsecret export-ignore\nversion export-subst\nREADME hidden\n*.sh text eol=crlf\n",
    )
    run(work, "-c", "protocol.file.allow=always", "submodule", "add", "--quiet", str(repository[0]), "vendor")
    head = commit(work, "last")
    push(work, "main")
    mirror.fetch("main")
    mirror.archive(head, tmp_path / "one.tar")
    mirror.archive(head, tmp_path / "two.tar")
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()
    with tarfile.open(tmp_path / "one.tar") as tar:
        members = {member.name: member for member in tar}
        assert set(members) == {
            ".gitattributes",
            ".gitmodules",
            "README",
            "last",
            "link",
            "run.sh",
            "secret",
            "vendor",
            "version",
        }
        assert members["vendor"].isdir()
        assert members["link"].linkname == "run.sh"
        assert members["run.sh"].mode == 0o755
        assert members["version"].mode == 0o644
        version = tar.extractfile("version")
        assert version is not None
        assert version.read() == b"$Format:%H$\n"
    with pytest.raises(RepositoryError):
        mirror.archive("0" * 40, tmp_path / "three.tar")
    with pytest.raises(RepositoryError, match="not the full id"):
        mirror.archive("main", tmp_path / "three.tar")


def test_clone_has_the_history(
    tmp_path: Path, mirror: Mirror, repository: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    bare, work = repository
    first = run(work, "rev-parse", "HEAD")
    commit(work, "a")
    push(work, "main")
    head = mirror.fetch("main")
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "post-checkout").write_text(f"#!/bin/sh\ntouch '{tmp_path}/hook-ran'\n")
    (hooks / "post-checkout").chmod(0o755)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.hooksPath")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(hooks))
    shutil.move(bare, tmp_path / "moved.git")
    into = tmp_path / "builds" / "it's here"
    mirror.clone(first, into)
    assert run(into, "rev-parse", "HEAD") == first
    assert run(into, "log", "--format=%H", "origin/main").splitlines() == [head, first]
    assert run(into, "remote", "get-url", "origin") == str(bare)
    assert run(into, "status", "--porcelain") == ""
    assert sorted(p.name for p in into.iterdir()) == [".git", "README"]
    assert not (tmp_path / "hook-ran").exists()
