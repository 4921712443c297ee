"""The checkout a person stands in, with real repositories."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from copilot.errors import RepositoryError
from copilot.repository import Checkout, Remote
from tests.gitrepo import commit, run


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    folder = tmp_path / "it's a checkout"
    folder.mkdir()
    run(folder, "init")
    return Checkout(folder)


def test_find_from_a_folder_inside(checkout: Checkout) -> None:
    inside = checkout.root / "a" / "b"
    inside.mkdir(parents=True)
    assert Checkout.find(inside) == checkout


def test_find_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RepositoryError, match="is not in a git repository") as caught:
        Checkout.find(tmp_path)
    assert "git init" in (caught.value.hint or "")
    with pytest.raises(RepositoryError, match="is not a folder"):
        Checkout.find(tmp_path / "missing")
    run(tmp_path, "init", "--bare", "bare.git")
    with pytest.raises(RepositoryError, match="bare repository"):
        Checkout.find(tmp_path / "bare.git")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RepositoryError, match="`git` was not found"):
        Checkout.find(tmp_path)


def test_find_ignores_the_repository_of_a_calling_hook(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_WORK_TREE", "/")
    assert Checkout.find(checkout.root) == checkout


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder to somebody else")
def test_find_in_somebody_elses(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    for path in [checkout.root, *checkout.root.rglob("*")]:
        os.chown(path, 12345, 12345)
    with pytest.raises(RepositoryError, match="another user owns it") as caught:
        Checkout.find(checkout.root)
    assert "safe.directory" in (caught.value.hint or "")


def test_branch_and_head(checkout: Checkout) -> None:
    assert checkout.branch() == "main"
    with pytest.raises(RepositoryError, match=r"branch `main` of .* has no commits yet"):
        checkout.head()
    first = commit(checkout.root, "a")
    assert checkout.head() == first
    run(checkout.root, "switch", "-c", "feature/x")
    assert checkout.branch() == "feature/x"
    run(checkout.root, "switch", "--detach")
    with pytest.raises(RepositoryError, match="HEAD is detached"):
        checkout.branch()
    assert checkout.head() == first


def test_remotes(checkout: Checkout) -> None:
    assert checkout.remotes() == []
    run(checkout.root, "remote", "add", "backup", "../backup.git")
    run(checkout.root, "remote", "add", "origin", "https://ana:hunter2@github.com/owner/repo.git")
    run(checkout.root, "remote", "add", "odd", "ext::sh -c https://ana:hunter2@x")
    remotes = checkout.remotes()
    assert remotes[0] == Remote("origin", "https://github.com/owner/repo")
    assert remotes[1] == Remote("backup", str(checkout.root.parent / "backup.git"))
    assert remotes[2].name == "odd"
    assert "hunter2" not in repr(remotes)


def test_uncommitted(checkout: Checkout) -> None:
    commit(checkout.root, "same")
    commit(checkout.root, "changed")
    commit(checkout.root, ".gitignore", "ignored\n")
    commit(checkout.root, "copilot/a [1].yml")
    for name in ("changed", "staged", "new file", "ignored", "copilot/*.yml", "other"):
        (checkout.root / name).write_text("new")
    run(checkout.root, "add", "staged")
    asked = [Path(name) for name in ("same", "changed", "staged", "new file", "ignored", "missing")]
    assert checkout.uncommitted([*asked, checkout.root / "copilot"]) == [
        "changed",
        "copilot/*.yml",
        "ignored",
        "new file",
        "staged",
    ]
    assert checkout.uncommitted([]) == []
    with pytest.raises(RepositoryError, match="outside"):
        checkout.uncommitted([Path("/etc/passwd")])


def test_push_state(checkout: Checkout) -> None:
    run(checkout.root.parent, "init", "--bare", "origin.git")
    run(checkout.root, "remote", "add", "origin", "../origin.git")
    first = commit(checkout.root, "a")
    state = checkout.push_state("main", ask=True)
    assert (state.commit, state.ahead, state.pushed) == (None, None, False)
    run(checkout.root, "push", "origin", "main")
    for ask in (False, True):
        state = checkout.push_state("main", ask=ask)
        assert (state.commit, state.ahead, state.behind, state.pushed) == (first, 0, False, True)
    commit(checkout.root, "b")
    assert checkout.push_state("main").ahead == 1

    run(checkout.root.parent, "clone", "origin.git", "other")
    theirs = commit(checkout.root.parent / "other", "c")
    run(checkout.root.parent / "other", "push", "origin", "HEAD:main")
    assert checkout.push_state("main").commit == first
    state = checkout.push_state("main", ask=True)
    assert (state.commit, state.ahead, state.behind) == (theirs, 1, True)

    with pytest.raises(RepositoryError, match="no remote `nope`"):
        checkout.push_state("main", "nope", ask=True)
    with pytest.raises(RepositoryError, match="cannot be the name of a branch"):
        checkout.push_state("--all")


def test_commits_between_two_that_are_here(checkout: Checkout) -> None:
    first = commit(checkout.root, "a", "1", "Begin")
    second = commit(checkout.root, "a", "2", "Fix the cart total")
    third = commit(checkout.root, "a", "3", "Add a coupon field")
    found = checkout.commits(first, third)
    assert found is not None
    assert [(each.id, each.summary) for each in found] == [(third, "Add a coupon field"), (second, "Fix the cart total")]
    assert all(each.author and each.committed_at > 0 for each in found)
    assert checkout.commits(third, first) == []
    assert checkout.commits(first, "0" * 40) is None
    assert checkout.commits("--all", third) is None


def test_a_commit_by_some_of_its_id_or_by_a_name(checkout: Checkout) -> None:
    whole = commit(checkout.root, "a", "1", "Begin")
    run(checkout.root, "tag", "v1")
    assert [checkout.commit(word) for word in (whole[:7], "v1", "HEAD", "main")] == [whole] * 4
    assert checkout.commit("nothing") is None
    assert checkout.commit("--all") is None
