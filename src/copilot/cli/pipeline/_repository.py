"""The repository of a pipeline: which one, and how to push to it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from copilot.cli import _ask
from copilot.errors import RepositoryError, UsageError

if TYPE_CHECKING:
    from copilot.repository import Checkout

_CODECOMMIT = re.compile(r"codecommit://(?:[^@/\s]+@)?(?P<name>[\w.-]+)")
"""A remote as git-remote-codecommit takes it, which finds the region in a profile."""


@dataclass(frozen=True)
class Repository:
    """The repository that a pipeline watches.

    Attributes:
        url: As the manifest has it: without credentials, a path absolute.
        shown: As a person is shown it.
        names: Owner and name; only the name for a repository on this disk.
        remote: The checkout's remote it is; None if it was named by hand.
    """

    url: str
    shown: str
    names: tuple[str, ...]
    remote: str | None = None

    @property
    def origin(self) -> str:
        """Where it was found."""
        return f"remote {self.remote}" if self.remote else ""


def choose(checkout: Checkout, url: str | None, region: str | None = None) -> Repository:
    """The repository of that URL, or the checkout's only remote, or the remote a person picks.

    Args:
        checkout: Where the remotes are.
        url: What ``--url`` says.
        region: The pipeline's, on AWS: that of a repository in CodeCommit whose URL names none.

    Raises:
        RepositoryError: The URL cannot be used, is a path where nothing is, or the checkout has no remote.
        UsageError: There are several remotes and no terminal to ask on.
    """
    remotes = {_whole(remote.url, region): remote.name for remote in reversed(checkout.remotes())}
    if url is not None:
        repository = _describe(_whole(url, region))
        return _describe(repository.url, remotes.get(repository.url))
    if not remotes:
        raise RepositoryError(
            f"the repository `{checkout.root}` has no remote to push to",
            hint="add one with `git remote add origin <url>`, or name the repository with `--url`",
        )
    by_name = {name: url for url, name in reversed(remotes.items())}
    if len(by_name) == 1:
        name = next(iter(by_name))
    elif _ask.can_ask():
        name = _ask.select("Pushes to which remote should be released?", list(by_name.items()), flag="--url")
    else:
        listed = ", ".join(f"{name} ({url})" for name, url in by_name.items())
        raise UsageError("which repository? `--url` is missing", hint=f"the remotes are: {listed}")
    return _describe(by_name[name], name)


def push_command(checkout: Checkout, repository: Repository, branch: str) -> str:
    """How to push the branch: the first time, git has to be told where to."""
    remote = repository.remote
    if remote is None:
        return "git push"
    return "git push" if checkout.has_upstream(branch) else f"git push --set-upstream {remote} {branch}"


def _describe(url: str, remote: str | None = None) -> Repository:
    from copilot.repository import display_url, is_local, normalise_url, owner_and_name

    url = normalise_url(url)
    if is_local(url) and not Path(url).is_dir():
        hint = f"see `git remote get-url {remote}`" if remote else "check the path"
        raise RepositoryError(f"the repository `{display_url(url)}` does not exist", hint=hint)
    owner, name = owner_and_name(url)
    return Repository(url, display_url(url), (owner, name) if owner else (name,), remote)


def _whole(url: str, region: str | None) -> str:
    """A repository in CodeCommit as every git fetches it with https, where the region is known; other URLs as they are."""
    from copilot.repository import host_of, owner_and_name, provider_of

    if region is None:
        return url
    match = _CODECOMMIT.fullmatch(url)
    if match:
        suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        return f"https://git-codecommit.{region}.{suffix}/v1/repos/{match['name']}"
    try:
        return f"https://{host_of(url)}/v1/repos/{owner_and_name(url)[1]}" if provider_of(url) == "CodeCommit" else url
    except RepositoryError:
        return url
