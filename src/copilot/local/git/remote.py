"""Talking to the repository that people push to: asking for a head, and saying in a sentence why it did not work."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from threading import Event
from typing import Final

from copilot.errors import RepositoryError
from copilot.local.git.askpass import credentials
from copilot.repository import GitError, check_branch, check_url, display_url, explain_ownership, git, host_of, is_local

LOOK_TIMEOUT: Final = 30.0
"""Seconds to ask for a branch's head."""

_NAMED_BRANCHES = 5

_STALLED = ("http.lowSpeedLimit=1", f"http.lowSpeedTime={LOOK_TIMEOUT:.0f}")

_TOKEN_HINT = "Give a token that may read it with `copilot pipeline init --github-access-token`"  # noqa: S105 - a sentence

_UNREACHABLE = (
    r"failed to connect|couldn't connect|unable to connect|connection (?:refused|timed out|reset|closed)|network is unreachable"
    r"|no route to host|operation timed out|operation too slow|empty reply from server|unexpected disconnect|early eof"
)

# What git, curl, ssh and the services print, the first that matches counts. The sentence follows the repository's name.
_EXPLANATIONS: Sequence[tuple[str, str, str | None]] = (
    (r"could not resolve host", "cannot be reached: the host `{host}` is not known", "Check its spelling and your connection"),
    (
        r"host key verification failed",
        "cannot be reached: ssh does not know the host",
        "Run `ssh -T {host}` once and accept its key",
    ),
    (
        r"permission denied \((?:publickey|password)",
        "refused your ssh key",
        "Add the key to your account there, or use https and a token",
    ),
    (
        r"certificate verif|ssl certificate problem|certificate has expired",
        "cannot be reached: the certificate of `{host}` is not trusted",
        "Set `http.sslCAInfo` in git's configuration to the certificate of its authority",
    ),
    (
        _UNREACHABLE,
        "cannot be reached: {reason}",
        "Check that `{host}` is up and your connection works",
    ),
    (r"requested url returned error: 5\d\d", "cannot be reached: {reason}", "The server has a problem; try again later"),
    (r"requested url returned error: 429", "cannot be reached: it gets too many requests", "Try again later"),
    (r"transport '.*' not allowed", "cannot be fetched in that way", "Use https, ssh, git or a path on this disk"),
    (
        r"not a git repository|does not appear to be a git repository|is this a git repository",
        "is not a git repository",
        "Check that it is the repository's own folder or URL",
    ),
    (
        r"repository '?.*'? ?not found|requested url returned error: 404",
        "was not found: it does not exist, or {unseen}",
        f"Check its spelling, or: {_TOKEN_HINT}",
    ),
)
_REFUSED = re.compile(
    r"authentication failed|could not read (?:username|password)|requested url returned error: 40[13]|invalid username or",
    re.IGNORECASE,
)


def remote_head(
    repository: str, branch: str, token: str | None = None, *, timeout: float = LOOK_TIMEOUT, cancel: Event | None = None
) -> str:
    """The full id of the commit at the head of a branch, asked from the repository itself.

    Args:
        repository: A URL or a path that `check_url` accepts.
        branch: Its name, without ``refs/heads/``.
        token: Used as the password over https; None: what the user's git is configured to use.
        timeout: Seconds until it is given up.
        cancel: Gives up at once when set.

    Raises:
        RepositoryError: it cannot be reached or read, or has no such branch.
    """
    check_branch(branch)
    name = f"refs/heads/{branch}"
    heads = _heads(repository, token, name, timeout=timeout, cancel=cancel)
    if name not in heads:
        raise _no_branch(repository, branch, _heads(repository, token, timeout=timeout, cancel=cancel))
    return heads[name]


def fetch_branch(folder: Path, repository: str, branch: str, token: str | None, timeout: float) -> None:
    """Fetch one branch into the same branch of the bare repository ``folder``. Raises GitError as git reports it."""
    access = credentials(repository, token)
    git(
        "fetch",
        "--quiet",
        "--no-tags",
        "--no-recurse-submodules",
        "--no-write-fetch-head",
        "--update-shallow",
        "--end-of-options",
        repository,
        f"+refs/heads/{branch}:refs/heads/{branch}",
        folder=folder,
        config=(*access.config, *_STALLED),
        environment={**access.environment, "GIT_DIR": str(folder)},
        secrets=[token or ""],
        timeout=timeout,
    )


def check_reachable(repository: str) -> None:
    """Raise RepositoryError for what can be seen without starting git: an unsafe URL, a path that is not there."""
    check_url(repository)
    if not is_local(repository):
        return
    # These two never raise, whatever is wrong with the path.
    if not os.path.exists(repository):  # noqa: PTH110 - see above
        raise RepositoryError(f"the repository `{display_url(repository)}` does not exist", hint="Check the path")
    if not os.path.isdir(repository):  # noqa: PTH112 - see above
        raise RepositoryError(f"`{display_url(repository)}` is a file, not a git repository")


def explain(error: GitError, repository: str, branch: str, token: str | None) -> RepositoryError | None:
    """The sentence for a failure to talk to a repository; None when git's words are not known."""
    name = f"`{display_url(repository)}`"
    if error.timed_out:
        return RepositoryError(f"{name} did not answer in time", hint="Check your connection and try again")
    if ownership := explain_ownership(error):
        return ownership
    if "couldn't find remote ref" in error.stderr:
        return _no_branch(repository, branch, _heads(repository, token))
    if _REFUSED.search(error.stderr):
        if not token:
            return RepositoryError(f"{name} asks who you are, and there is no token for it", hint=_TOKEN_HINT)
        return RepositoryError(f"{name} refused the token: it has expired, or may not read this repository", hint=_TOKEN_HINT)
    words = {"host": host_of(repository), "unseen": "the token may not see it" if token else "it is private and needs a token"}
    for pattern, sentence, hint in _EXPLANATIONS:
        if found := re.search(rf".*(?:{pattern}).*", error.stderr, re.IGNORECASE):
            reason = re.sub(r"^(?:fatal|error): ", "", found[0].strip())
            return RepositoryError(f"{name} {sentence.format(**words, reason=reason)}", hint=hint and hint.format(**words))
    return None


def _heads(
    repository: str, token: str | None, *patterns: str, timeout: float = LOOK_TIMEOUT, cancel: Event | None = None
) -> dict[str, str]:
    """The commit of every branch, by full reference name."""
    check_reachable(repository)
    access = credentials(repository, token)
    try:
        out = git(
            "ls-remote",
            "--heads",
            "--quiet",
            "--end-of-options",
            repository,
            *patterns,
            config=(*access.config, *_STALLED),
            environment=access.environment,
            secrets=[token or ""],
            timeout=timeout,
            cancel=cancel,
        )
    except GitError as error:
        raise explain(error, repository, "", token) or error from None
    pairs = (line.split("\t", 1) for line in out.splitlines())
    return {name: commit for commit, name in pairs}


def _no_branch(repository: str, branch: str, heads: Sequence[str] | dict[str, str]) -> RepositoryError:
    names = sorted(head.removeprefix("refs/heads/") for head in heads)
    message = f"`{display_url(repository)}` has no branch `{branch}`"
    if not names:
        return RepositoryError(f"{message}: nothing was pushed to it yet", hint=f"Push it with `git push origin {branch}`")
    similar = get_close_matches(branch, names, n=_NAMED_BRANCHES)
    listed = ", ".join(f"`{name}`" for name in similar or names[:_NAMED_BRANCHES])
    return RepositoryError(message, hint=f"Did you mean {listed}?" if similar else f"It has {listed}")
