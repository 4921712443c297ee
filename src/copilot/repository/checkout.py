"""The checkout a person stands in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from copilot.errors import RepositoryError
from copilot.repository.history import LOG_ARGUMENTS, LOG_CONFIG, MOST_COMMITS, Commit, parse_log
from copilot.repository.run import GitError, git
from copilot.repository.url import check_branch, display_url, normalise_url

_REMOTE = re.compile(r"(?P<name>[^\t]+)\t(?P<url>.+) \(fetch\)(?: \[[^\]]*\])?")
_DUBIOUS = re.compile(r"dubious ownership in repository at '(?P<path>.+)'")


@dataclass(frozen=True)
class Remote:
    """A remote of a checkout. ``url`` is normalised and without credentials; one that cannot be used is shown as it is."""

    name: str
    url: str


@dataclass(frozen=True)
class PushState:
    """How a local branch compares with the same branch of a remote.

    Attributes:
        commit: The remote branch's head; None if the branch is not there.
        ahead: How many local commits the remote lacks; None if the branch is not there.
        behind: Whether the remote has commits that the local branch lacks.
    """

    commit: str | None
    ahead: int | None
    behind: bool

    @property
    def pushed(self) -> bool:
        """Whether everything committed here is on the remote."""
        return self.ahead == 0


@dataclass(frozen=True)
class Checkout:
    """A git repository with a working tree. ``root`` is its top level."""

    root: Path

    @classmethod
    def find(cls, folder: Path) -> Checkout:
        """The checkout that a folder is in.

        Raises:
            RepositoryError: the folder is in none, in a bare repository, or git does not trust who owns it.
        """
        try:
            top = git("rev-parse", "--show-toplevel", folder=folder)
        except GitError as error:
            raise _explained(error, folder) from None
        return cls(Path(top.removesuffix("\n")))

    def branch(self) -> str:
        """The branch that is checked out, also when it has no commits yet.

        Raises:
            RepositoryError: HEAD is detached.
        """
        try:
            return self._git("symbolic-ref", "--quiet", "--short", "HEAD").removesuffix("\n")
        except GitError as error:
            if error.stderr:
                raise
            raise RepositoryError(
                f"no branch is checked out in `{self.root}`: HEAD is detached",
                hint="Check one out with `git switch <branch>`, or name it with --git-branch",
            ) from None

    def head(self) -> str:
        """The full id of the commit that is checked out.

        Raises:
            RepositoryError: the branch has no commits yet.
        """
        try:
            return self._git("rev-parse", "--verify", "--quiet", "HEAD^{commit}").strip()
        except GitError as error:
            if error.stderr:
                raise
            raise RepositoryError(
                f"branch `{self.branch()}` of `{self.root}` has no commits yet",
                hint='Make the first one with `git add --all && git commit -m "First commit"`',
            ) from None

    def remotes(self) -> list[Remote]:
        """The remotes, ``origin`` first, then by name."""
        matches = (_REMOTE.fullmatch(line) for line in self._git("remote", "--verbose").splitlines())
        found = [Remote(match["name"], self._usable(match["url"])) for match in matches if match]
        return sorted(found, key=lambda remote: (remote.name != "origin", remote.name))

    def uncommitted(self, paths: Sequence[Path]) -> list[str]:
        """Those of the given files, and of the files in the given folders, that differ from the last commit or are not in it.

        Args:
            paths: Absolute, or relative to the top level.

        Returns:
            Paths relative to the top level, sorted. A path that is neither on disk nor in the commit is not reported.
        """
        if not paths:
            return []
        relative = [str(self.root / path) for path in paths]
        options = ("--porcelain=v1", "-z", "--no-renames", "--untracked-files=all", "--ignored=matching")
        out = self._git("status", *options, "--", *relative, literal=True)
        return sorted({entry[3:] for entry in out.split("\0") if entry})

    def has_upstream(self, branch: str) -> bool:
        """Whether a plain `git push` knows where to push the branch."""
        try:
            self._git("config", "--get", f"branch.{branch}.merge")
        except GitError:
            return False
        return True

    def push_state(self, branch: str, remote: str = "origin", *, ask: bool = False) -> PushState:
        """Compare a local branch with the same branch of a remote.

        Args:
            branch: A local branch with at least one commit.
            remote: Name of a remote of this checkout.
            ask: Ask the remote itself; otherwise what the last fetch or push saw is used, without any network.

        Raises:
            RepositoryError: no such branch, or the remote cannot be asked.
        """
        check_branch(branch)
        commit = self._asked(branch, remote) if ask else self.commit(f"refs/remotes/{remote}/{branch}")
        if commit is None:
            return PushState(None, None, behind=False)
        local = self.commit(f"refs/heads/{branch}")
        if local is None:
            raise RepositoryError(f"`{self.root}` has no branch `{branch}` with commits")
        if self.commit(commit) is None:  # somebody else pushed it: what we have of the remote is older
            known = self.commit(f"refs/remotes/{remote}/{branch}")
            return PushState(commit, self._count(known, local) if known else self._count(None, local), behind=True)
        return PushState(commit, self._count(commit, local), behind=self._count(local, commit) > 0)

    def commits(self, old: str, new: str) -> list[Commit] | None:
        """The commits that ``new`` has and ``old`` has not, newest first, at most 100; None if one of the two is not here."""
        known = self.commit(old), self.commit(new)
        if None in known:
            return None
        until = f"--max-count={MOST_COMMITS}"
        return parse_log(self._git("log", *LOG_ARGUMENTS, until, str(known[1]), f"^{known[0]}", config=LOG_CONFIG))

    def _asked(self, branch: str, remote: str) -> str | None:
        if remote not in self._git("remote").splitlines():
            raise RepositoryError(f"`{self.root}` has no remote `{remote}`")
        name = f"refs/heads/{branch}"
        out = self._git("ls-remote", "--quiet", "--end-of-options", remote, name, timeout=30.0)
        return next((line.split("\t")[0] for line in out.splitlines() if line.endswith(f"\t{name}")), None)

    def commit(self, revision: str) -> str | None:
        """The whole id of a commit that is named in any way git knows; None if it is not here."""
        try:
            return self._git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}").strip()
        except GitError:
            return None

    def _count(self, since: str | None, until: str) -> int:
        return int(self._git("rev-list", "--count", "--end-of-options", until, *([f"^{since}"] if since else [])))

    def _usable(self, url: str) -> str:
        try:
            return normalise_url(url, self.root)
        except RepositoryError:
            return display_url(url)

    def _git(
        self, command: str, *arguments: str, literal: bool = False, timeout: float = 60.0, config: Sequence[str] = ()
    ) -> str:
        environment = {"GIT_LITERAL_PATHSPECS": "1"} if literal else {}
        try:
            return git(command, *arguments, folder=self.root, config=config, environment=environment, timeout=timeout)
        except GitError as error:
            raise explain_ownership(error) or error from None


def explain_ownership(error: GitError) -> RepositoryError | None:
    """What to do when git does not trust a repository because somebody else owns it; None for any other failure."""
    match = _DUBIOUS.search(error.stderr)
    if not match:
        return None
    path = match["path"]
    return RepositoryError(
        f"git does not trust `{path}`: another user owns it",
        hint=f"If you trust it, run: git config --global --add safe.directory '{path}'",
    )


def _explained(error: GitError, folder: Path) -> RepositoryError:
    if ownership := explain_ownership(error):
        return ownership
    if "must be run in a work tree" in error.stderr:
        return RepositoryError(
            f"`{folder}` is inside a bare repository or a .git folder, not in a checkout",
            hint="Go to a clone of it",
        )
    if "not a git repository" in error.stderr:
        return RepositoryError(
            f"`{folder}` is not in a git repository",
            hint="Go to your repository's folder, or make one here with `git init`",
        )
    return error
