"""The repository of a pipeline: which one, how it is reached, and the token it may need."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from copilot.cli import _ask
from copilot.errors import RepositoryError, UsageError

if TYPE_CHECKING:
    from copilot.engine import LocalEngine
    from copilot.repository import Checkout

_TOKEN_SCOPES = {
    "GitHub": "GitHub personal access token (repo, admin:repo_hook)",
    "GitLab": "GitLab access token (read_repository)",
    "Bitbucket": "Bitbucket access token (repository read)",
}
"""By provider: what to ask for. Other hosts are not asked about: most need no token, or have keys."""


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


@dataclass(frozen=True)
class Token:
    """How the repository is reached: the provider, and the secret that holds its token. ``value``: to be stored, if given."""

    provider: str
    secret: str | None = None
    value: str | None = None

    def __repr__(self) -> str:
        return f"Token(provider={self.provider!r}, secret={self.secret!r})"


def choose(checkout: Checkout, url: str | None) -> Repository:
    """The repository of that URL, or the checkout's only remote, or the remote a person picks.

    Raises:
        RepositoryError: The URL cannot be used, is a path where nothing is, or the checkout has no remote.
        UsageError: There are several remotes and no terminal to ask on.
    """
    remotes = {remote.url: remote.name for remote in reversed(checkout.remotes())}
    if url is not None:
        repository = _describe(url)
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


def choose_token(engine: LocalEngine, app: str, repository: Repository, given: str | None) -> Token:
    """The token given, or the one kept earlier, or the one a person types. An empty one: the repository needs none.

    Raises:
        UsageError: A token for a repository on this disk.
    """
    from copilot.repository import provider_of
    from copilot.repository.url import is_local

    provider = provider_of(repository.url)
    secret = f"{'github' if provider == 'Git' else provider.lower()}-token-{app}-{repository.names[-1]}"
    if is_local(repository.url):
        if given:
            raise UsageError("a repository on this disk needs no access token", hint="leave `--github-access-token` out")
        return Token("Git")
    if given:
        return Token(provider, secret, given)
    if given is None and repository.url.startswith("https://") and provider in _TOKEN_SCOPES:
        if secret in engine.secrets(secret):
            return Token(provider, secret)
        if _ask.can_ask():
            question = f"{_TOKEN_SCOPES[provider]}; enter: none, the repository is public:"
            typed = _ask.password(question, flag="--github-access-token").strip()
            if typed:
                return Token(provider, secret, typed)
    # Without a token, these providers mean a connection, which is something only AWS has: plain git needs neither.
    return Token("CodeCommit" if provider == "CodeCommit" else "Git")


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
