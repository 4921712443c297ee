from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

import pytest

from copilot.errors import CopilotError, NotFoundError, RepositoryError
from copilot.local.action import ActionResult
from copilot.local.artifacts import ArtifactStore
from copilot.local.home import Home
from copilot.local.secrets import FileSecrets
from copilot.local.workers.source import Sources, SourceWorker
from copilot.release.plan import SOURCE_ARTIFACT, SourceAction
from tests import gitrepo
from tests.local.workers.contexts import context


class Setup:
    def __init__(self, folder: Path) -> None:
        self.home = Home(folder / "home")
        self.home.create()
        self.bare, self.work = gitrepo.repository_with_checkout(folder)
        self.artifacts = ArtifactStore(self.home.artifacts)
        self.worker = SourceWorker(Sources(self.home, FileSecrets(self.home.secrets)), self.artifacts)

    def run(self, revision: str | None = None, *, full_clone: bool = False, secret: str | None = None) -> ActionResult:
        action = SourceAction("Source", 1, "Git", str(self.bare), "main", full_clone=full_clone, access_token_secret=secret)
        return self.worker.run(context(action, self.home.logs / "attempt-1.log", repository=str(self.bare), revision=revision))

    def names(self, result: ActionResult) -> list[str]:
        with tarfile.open(self.artifacts.path(result.artifacts[SOURCE_ARTIFACT])) as tar:
            return sorted(tar.getnames())


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    return Setup(tmp_path)


def test_the_head_of_the_branch_becomes_an_artifact(setup: Setup) -> None:
    commit = gitrepo.commit(setup.work, "src/a b", message="Fix the cart")
    gitrepo.push(setup.work, "main")
    result = setup.run()
    assert result.revision is not None
    assert (result.revision.id, result.revision.author) == (commit, "Ana")
    assert result.summary == f"main @ {commit[:7]}"
    assert setup.names(result) == ["README", "src", "src/a b"]
    assert (setup.home.logs / "attempt-1.log").read_text() == f"main @ {commit[:7]}  Fix the cart  (Ana)\n"
    # The same commit is the same artifact, and no temporary file stays.
    assert setup.run(commit).artifacts == result.artifacts
    assert len(list(setup.home.artifacts.iterdir())) == 1


def test_a_full_clone_has_its_history(setup: Setup) -> None:
    gitrepo.commit(setup.work, "b")
    gitrepo.push(setup.work, "main")
    result = setup.run(full_clone=True)
    clone = setup.home.root / "clone"
    clone.mkdir()
    subprocess.run(["tar", "xf", str(setup.artifacts.path(result.artifacts[SOURCE_ARTIFACT]))], cwd=clone, check=True)
    assert len(gitrepo.run(clone, "log", "--oneline").splitlines()) == 2
    assert gitrepo.run(clone, "status", "--porcelain") == ""


def test_a_commit_that_another_push_replaced_before_it_was_fetched(setup: Setup) -> None:
    lost = gitrepo.commit(setup.work, "lost")
    with pytest.raises(CopilotError, match=f"commit {lost[:12]} is not on branch `main` of {setup.bare} any more"):
        setup.run(lost)


def test_a_commit_that_was_fetched_stays_after_history_was_rewritten(setup: Setup) -> None:
    old = gitrepo.commit(setup.work, "old")
    gitrepo.push(setup.work, "main")
    setup.run(old)
    gitrepo.run(setup.work, "reset", "--hard", "HEAD~1")
    new = gitrepo.commit(setup.work, "new")
    gitrepo.push(setup.work, "--force", "main")
    assert setup.run().summary == f"main @ {new[:7]}"
    assert "old" in setup.names(setup.run(old))


def test_a_repository_that_is_gone_and_a_token_that_is_missing(setup: Setup) -> None:
    with pytest.raises(NotFoundError, match="the access token `github-token` is not in the secret store"):
        setup.run(secret="github-token")
    setup.bare.rename(setup.bare.with_name("moved"))
    with pytest.raises(RepositoryError, match="does not exist"):
        setup.run()
