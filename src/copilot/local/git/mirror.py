"""The bare mirror of a repository: fetched into, then read without any network."""

from __future__ import annotations

import fcntl
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final

from copilot.engine import Revision
from copilot.errors import NotFoundError, RepositoryError
from copilot.local.git.remote import check_reachable, explain, fetch_branch
from copilot.repository import GitError, check_branch, display_url, git, owner_and_name
from copilot.repository.history import LOG_ARGUMENTS, LOG_CONFIG, MOST_COMMITS, parse_log

FETCH_TIMEOUT: Final = 600.0
"""Seconds a fetch may take; the first one brings the branch's whole history."""

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_ABBREVIATED = re.compile(r"[0-9a-f]{4,64}", re.IGNORECASE)

# An archive holds the files as they were committed, as AWS CodePipeline's does: nothing left out, nothing filled in.
_ATTRIBUTES = "* -export-ignore -export-subst\n"

# Large files stay the pointers they were committed as: getting them would need the network, and AWS CodePipeline has them so too.
_NO_LARGE_FILES = {"GIT_LFS_SKIP_SMUDGE": "1"}


class Mirror:
    """The mirror of one repository. Any number of threads and processes may use it at the same time."""

    def __init__(self, folder: Path, repository: str) -> None:
        """Nothing is read or written yet.

        Args:
            folder: Where mirrors are kept.
            repository: A URL, without credentials, or an absolute path.
        """
        self.repository = repository
        name = re.sub(r"[^A-Za-z0-9_-]", "-", owner_and_name(repository)[1])[:40]
        self.path = folder / f"{name}-{sha256(repository.encode()).hexdigest()[:16]}.git"

    def fetch(self, branch: str, token: str | None = None, timeout: float = FETCH_TIMEOUT) -> str:
        """Bring the mirror's branch to where the repository's is. The answer is the commit at its head.

        A mirror that is missing or damaged is made anew; until that is complete the old one stays.

        Args:
            branch: Its name, without ``refs/heads/``.
            token: Used as the password over https; None: what the user's git is configured to use.
            timeout: Seconds until it is given up.

        Raises:
            RepositoryError: the repository cannot be reached or read, or has no such branch.
        """
        check_branch(branch)
        check_reachable(self.repository)
        with self._locked():
            if (self.path / "HEAD").is_file():
                try:
                    fetch_branch(self.path, self.repository, branch, token, timeout)
                    return self._whole_head(branch)
                except GitError as error:
                    # What git says of the mirror itself names its folder; all else it says of the repository.
                    reason = None if str(self.path) in error.stderr else explain(error, self.repository, branch, token)
                    if reason:
                        raise reason from None
            return self._rebuild(branch, token, timeout)

    def head(self, branch: str) -> str | None:
        """The commit at the head of a branch when it was last fetched; None if it never was."""
        check_branch(branch)
        try:
            return self._git("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}^{{commit}}").strip()
        except RepositoryError:
            return None

    def contains(self, commit: str) -> bool:
        """Whether a commit, given by its full id, is in the mirror."""
        try:
            self._git("cat-file", "-e", f"{_checked(commit)}^{{commit}}")
        except RepositoryError:
            return False
        return True

    def resolve(self, commit: str) -> str:
        """The full id of a commit of which the first characters are given, four at least.

        Raises:
            NotFoundError: no commit, or more than one, starts like this.
        """
        if _ABBREVIATED.fullmatch(commit):
            try:
                return self._git("rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}").strip()
            except GitError as error:
                if "ambiguous" in error.stderr:
                    raise NotFoundError(
                        f"more than one commit starts with `{commit}`", hint="Give more of its characters"
                    ) from None
        raise NotFoundError(
            f"`{display_url(self.repository)}` has no commit `{commit[:64]}`", hint="Push it first, or give its full id"
        )

    def revision(self, commit: str) -> Revision:
        """What a commit is. Raises RepositoryError if it is not in the mirror."""
        return self._log("--max-count=1", _checked(commit))[0]

    def commits(self, old: str, new: str) -> list[Revision]:
        """The commits that ``new`` has and ``old`` has not, newest first, at most 100.

        When ``old`` is not in the mirror any more, because the branch was rewritten, the answer is ``new`` alone.
        """
        if not self.contains(old):
            return [self.revision(new)]
        return self._log(f"--max-count={MOST_COMMITS}", _checked(new), f"^{_checked(old)}")

    def changed_paths(self, old: str, new: str) -> list[str]:
        """The files that differ between two commits, a renamed one under both names; all of ``new``'s if ``old`` is unknown."""
        if self.contains(old):
            out = self._git("diff-tree", "-r", "-z", "--name-only", "--no-renames", _checked(old), _checked(new))
        else:
            out = self._git("ls-tree", "-r", "-z", "--name-only", "--full-tree", _checked(new))
        return [path for path in out.split("\0") if path]

    def archive(self, commit: str, into: Path) -> None:
        """Write the files of a commit as the tar archive ``into``; submodules are empty folders.

        The same commit always gives the same bytes (times are the commit's).
        """
        self._git(
            "archive",
            "--format=tar",
            f"--output={into.absolute()}",
            _checked(commit),
            config=["tar.umask=0022"],
            timeout=FETCH_TIMEOUT,
        )

    def clone(self, commit: str, into: Path) -> None:
        """Make ``into``, which does not exist yet, a clone with all history that has a commit checked out, without any network.

        HEAD is detached, as AWS CodeBuild leaves it, and ``origin`` is the repository.
        """
        git(
            "clone",
            "--quiet",
            "--local",
            "--no-checkout",
            "--no-tags",
            "--template=",
            "--end-of-options",
            str(self.path),
            str(into.absolute()),
            timeout=FETCH_TIMEOUT,
        )
        no_hooks = ["core.hooksPath=/dev/null"]
        git("checkout", "--quiet", "--detach", _checked(commit), folder=into, config=no_hooks, environment=_NO_LARGE_FILES)
        git("remote", "set-url", "--", "origin", self.repository, folder=into)

    def _log(self, *arguments: str) -> list[Revision]:
        commits = parse_log(self._git("log", *LOG_ARGUMENTS, *arguments, config=list(LOG_CONFIG)))
        return [Revision(id=c.id, summary=c.summary, author=c.author, committed_at=c.committed_at) for c in commits]

    def _git(self, command: str, *arguments: str, config: list[str] | None = None, timeout: float = 60.0) -> str:
        if not self.path.is_dir():
            raise RepositoryError(f"`{display_url(self.repository)}` was not fetched yet")
        environment = {"GIT_DIR": str(self.path), **_NO_LARGE_FILES}
        return git(command, *arguments, folder=self.path, config=config or [], environment=environment, timeout=timeout)

    def _whole_head(self, branch: str) -> str:
        """The branch's commit, once its tree can be read too."""
        name = f"refs/heads/{branch}"
        return self._git("rev-parse", f"{name}^{{commit}}", f"{name}^{{tree}}").split()[0]

    def _rebuild(self, branch: str, token: str | None, timeout: float) -> str:
        new, old = self.path.with_suffix(".new"), self.path.with_suffix(".old")
        for leftover in (new, old):
            if leftover.exists():
                shutil.rmtree(leftover)
        try:
            git("init", "--quiet", "--bare", "--template=", "--initial-branch=main", "--end-of-options", str(new))
            # Auto-collection keeps the mirror small; what a rewritten branch left behind stays readable.
            git("config", "gc.pruneExpire", "never", folder=new, environment={"GIT_DIR": str(new)})
            (new / "info").mkdir(exist_ok=True)
            (new / "info" / "attributes").write_text(_ATTRIBUTES, "ascii")
            fetch_branch(new, self.repository, branch, token, timeout)
        except GitError as error:
            shutil.rmtree(new, ignore_errors=True)
            raise explain(error, self.repository, branch, token) or error from None
        if self.path.exists():
            self.path.rename(old)
        new.rename(self.path)
        shutil.rmtree(old, ignore_errors=True)
        return self._whole_head(branch)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.path.with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _checked(commit: str) -> str:
    if not _COMMIT.fullmatch(commit):
        raise RepositoryError(f"`{commit[:64]!a}` is not the full id of a commit")
    return commit
