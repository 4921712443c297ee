"""Repository URLs and branch names as people write them: what is refused, and the one way each is written in a manifest."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

from copilot.errors import RepositoryError
from copilot.repository.run import scrub

Provider = Literal["GitHub", "Bitbucket", "GitLab", "CodeCommit", "Git"]

_LONGEST_URL = 2000
# A branch is a file under .git/refs, written as <name>.lock first; a file name has at most 255 bytes.
_LONGEST_BRANCH_PART = 250
_LONGEST_SHOWN = 120

_HOSTS: dict[str, Provider] = {"github.com": "GitHub", "bitbucket.org": "Bitbucket", "gitlab.com": "GitLab"}
_SCHEMES = ("https", "http", "ssh", "git")
_COMPARE_PAGES: dict[Provider, str] = {
    "GitHub": "compare/{before}...{after}",
    "GitLab": "-/compare/{before}...{after}",
    "Bitbucket": "branches/compare/{after}%0D{before}#diff",
}
_DEFAULT_PORTS = {"https": "443", "http": "80", "ssh": "22", "git": "9418"}

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/]*)(?P<path>/.*)?", re.DOTALL)
_SCP = re.compile(r"(?:(?P<user>[^@/:]+)@)?(?P<host>\[[^\]/]+\]|[^/:@\[\]]+):(?P<path>.+)", re.DOTALL)
_AUTHORITY = re.compile(r"(?:(?P<userinfo>.*)@)?(?P<host>\[[^\]]*\]|[^:\[\]]*)(?::(?P<port>[0-9]{0,5}))?")
_HOST = re.compile(r"\w(?:[\w.-]*\w)?|\[[0-9A-Fa-f:.]+\]")
_USER = re.compile(r"[\w.][\w.+~-]*")
_BARE_HOST = re.compile(rf"(?:{'|'.join(re.escape(host) for host in _HOSTS)})/", re.IGNORECASE)
_REMOTE_HELPER = re.compile(r"[A-Za-z0-9+.-]+::")
_CODECOMMIT_HOST = re.compile(r"git-codecommit(?:-fips)?\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?")
_CODECOMMIT_HELPER = re.compile(r"codecommit::(?P<region>[a-z]{2}[a-z0-9-]+)://(?:[^@/\s]+@)?(?P<name>[\w.-]+)")
_CODECOMMIT_CONSOLE = re.compile(
    r"https://(?P<region>[a-z]{2}[a-z0-9-]+)\.console\.aws\.amazon\.com/codesuite/codecommit/repositories/(?P<name>[\w.-]+)(?:/.*)?"
)
_ENCODED_CONTROL = re.compile(r"%(?:[01][0-9a-f]|7f)", re.IGNORECASE)

_URL_HINT = "Write https://host/owner/repository, ssh://git@host/path, or a path on this disk"


@dataclass(frozen=True)
class _Location:
    """A repository's address in parts. ``scheme`` is ``path`` for one on this disk and ``scp`` for ``user@host:path``."""

    scheme: str
    path: str
    host: str = ""
    user: str = ""
    port: str = ""


def check_url(url: str) -> None:
    """Raise RepositoryError unless git can be given this repository URL, or path on this disk, without risk.

    Refused: what git could take for an option, control characters, white space in URLs, remote helpers such as ``ext::``, other
    schemes than https, http, ssh, git and file, and hosts or users that ssh could take for an option.
    """
    _parse(url)


def check_branch(branch: str) -> None:
    """Raise RepositoryError unless this can be the name of a branch (the rules of ``git check-ref-format --branch``)."""
    reason = _branch_problem(branch)
    if reason:
        raise RepositoryError(f"`{_shown(branch)}` cannot be the name of a branch: {reason}")
    if branch.startswith("refs/"):
        raise RepositoryError(
            f"`{_shown(branch)}` is a full reference, not the name of a branch",
            hint=f"Write `{_shown(branch.removeprefix('refs/heads/'))}`" if branch.startswith("refs/heads/") else None,
        )


def normalise_url(url: str, base: Path | None = None) -> str:
    """The one way a repository is written in a manifest: without credentials, a path absolute.

    ``git@github.com:owner/repo.git`` and every other spelling of a GitHub repository become ``https://github.com/owner/repo``;
    CodeCommit's helper and console URLs become the one git fetches. Normalising twice changes nothing.

    Args:
        url: As a person or a git remote writes it.
        base: What a relative path is relative to; None: the working directory.

    Raises:
        RepositoryError: for what `check_url` refuses.
    """
    location = _parse(url)
    if location.scheme == "path":
        return os.path.abspath(os.path.join(base or "", os.path.expanduser(location.path)))  # noqa: PTH100, PTH118, PTH111 - pathlib resolves neither `..` nor `~` in text
    host = location.host.lower()
    known = host in _HOSTS
    path = location.path.rstrip("/")
    while known and path.endswith(".git") and not path.endswith("/.git"):
        path = path.removesuffix(".git")
    if host == "github.com" and location.scheme in ("scp", "ssh"):
        location = replace(location, scheme="https", user="", port="")
        path = "/" + path.lstrip("/")
    if location.scheme == "scp":
        return f"{location.user}@{host}:{path}" if location.user else f"{host}:{path}"
    user = f"{location.user}@" if location.user and location.scheme == "ssh" else ""
    port = f":{location.port}" if location.port and location.port != _DEFAULT_PORTS[location.scheme] else ""
    return f"{location.scheme}://{user}{host}{port}{path}"


def provider_of(url: str) -> Provider:
    """The source provider that serves a repository; ``Git`` for any other, a path on this disk included."""
    host = _parse(url).host.lower()
    if _CODECOMMIT_HOST.fullmatch(host):
        return "CodeCommit"
    return _HOSTS.get(host, "Git")


def owner_and_name(url: str) -> tuple[str, str]:
    """Whose repository it is and what it is called: ``("owner", "repo")``.

    The owner of a GitLab repository may have slashes (``group/subgroup``). It is empty where there is none: CodeCommit, a path on
    this disk.
    """
    location = _parse(url)
    path = location.path.strip("/")
    owner, _, name = path.rpartition("/")
    if name == ".git":  # the folder inside a checkout
        owner, _, name = owner.rpartition("/")
    name = name.removesuffix(".git") or name
    if location.scheme == "path" or provider_of(url) == "CodeCommit":
        return "", name
    return owner, name


def compare_url(url: str, before: str, after: str) -> str | None:
    """The page on which a person sees what changes between two commits; None for a host whose pages are not known."""
    page = _COMPARE_PAGES.get(provider_of(url))
    if page is None:
        return None
    path = "/".join(owner_and_name(url))
    return f"https://{host_of(url).partition(':')[0].lower()}/{path}/{page.format(before=before, after=after)}"


def display_url(url: str) -> str:
    """A repository as it is shown to people: never with credentials, one below the home folder with ``~``."""
    try:
        location = _parse(url)
    except RepositoryError:
        return _shown(url)
    if location.scheme != "path":
        return normalise_url(url)
    home = str(Path.home())
    return "~" + location.path.removeprefix(home) if location.path.startswith(home + "/") else location.path


def is_local(url: str) -> bool:
    """Whether the repository is a path on this disk."""
    return _parse(url).scheme == "path"


def host_of(url: str) -> str:
    """The host, with its port if it has one; empty for a path on this disk."""
    location = _parse(url)
    return f"{location.host}:{location.port}" if location.port else location.host


def _parse(url: str) -> _Location:
    if not url or not url.strip():
        raise RepositoryError("the repository's URL is empty", hint=_URL_HINT)
    if url.startswith("-"):
        raise _refused(url, "it starts with `-`")
    if len(url) > _LONGEST_URL:
        raise _refused(url, f"it is longer than {_LONGEST_URL} characters")
    if not url.isprintable():
        raise _refused(url, "it has a character that cannot be printed")
    if url != url.strip():
        raise _refused(url, "it starts or ends with white space")
    url = _fetchable(url)
    if _REMOTE_HELPER.match(url):
        raise _refused(url, f"`{url.partition('::')[0]}::` runs a program instead of naming a repository")
    if _BARE_HOST.match(url):
        url = f"https://{url}"
    if match := _URL.fullmatch(url):
        return _parse_url(url, match)
    if (match := _SCP.fullmatch(url)) and "://" not in url:
        return _network(url, "scp", match["user"] or "", match["host"], "", match["path"])
    if re.match(r"[^/]*://", url):
        raise _refused(url, "it is not a URL")
    return _Location("path", url)


def _fetchable(url: str) -> str:
    """CodeCommit's spellings that only other tools understand, as the URL that git itself fetches."""
    match = _CODECOMMIT_HELPER.fullmatch(url) or _CODECOMMIT_CONSOLE.fullmatch(url)
    return f"https://git-codecommit.{match['region']}.amazonaws.com/v1/repos/{match['name']}" if match else url


def _parse_url(url: str, match: re.Match[str]) -> _Location:
    scheme, authority, path = match["scheme"].lower(), match["authority"], match["path"] or ""
    if scheme == "file":
        decoded = unquote(path)
        if authority not in ("", "localhost") or not decoded:
            raise _refused(url, "`file://` must be followed by an absolute path")
        if not decoded.isprintable():
            raise _refused(url, "it has a character that cannot be printed")
        return _Location("path", decoded)
    if scheme not in _SCHEMES:
        raise _refused(url, f"`{scheme}://` is not a way to fetch a repository")
    parts = _AUTHORITY.fullmatch(authority)
    if not parts:
        raise _refused(url, f"`{_shown(authority)}` is not a host")
    port = parts["port"] or ""
    if port and not 0 < int(port) < 65536:
        raise _refused(url, f"`{port}` is not a port")
    if scheme in ("http", "https") and re.search("[?#]", path):
        raise _refused(url, "a repository's URL has no `?` or `#`")
    user = (parts["userinfo"] or "").partition(":")[0] if scheme == "ssh" else ""
    return _network(url, scheme, user, parts["host"], port, path)


def _network(url: str, scheme: str, user: str, host: str, port: str, path: str) -> _Location:
    if any(character.isspace() for character in url):
        raise _refused(url, "it has white space")
    if _ENCODED_CONTROL.search(url):
        raise _refused(url, "it has an encoded control character")
    if not _HOST.fullmatch(host):
        raise _refused(url, f"`{_shown(host)}` is not a host")
    if user and not _USER.fullmatch(user):
        raise _refused(url, f"`{_shown(user)}` is not a user")
    if not path.strip("/"):
        raise _refused(url, "it names a host but no repository")
    if path.startswith("-"):
        raise _refused(url, "its path starts with `-`")
    return _Location(scheme, path, host, user, port)


def _branch_problem(branch: str) -> str | None:  # noqa: PLR0911 - one answer for each of git's rules
    if not branch:
        return "it is empty"
    if branch.startswith("-"):
        return "it starts with `-`"
    if branch in ("HEAD", "@"):
        return "git gives it another meaning"
    if not branch.isprintable() or any(character.isspace() for character in branch):
        return "it has white space or a character that cannot be printed"
    if found := re.search(r"\.\.|@\{|[~^:?*\[\\]", branch):
        return f"it has `{found[0]}`"
    parts = branch.split("/")
    if not all(parts):
        return "it starts or ends with `/`, or has two in a row"
    if any(part.startswith(".") or part.endswith(".lock") for part in parts):
        return "a part of it starts with `.` or ends with `.lock`"
    if branch.endswith("."):
        return "it ends with `.`"
    if any(len(os.fsencode(part)) > _LONGEST_BRANCH_PART for part in parts):
        return f"a part of it is longer than {_LONGEST_BRANCH_PART} bytes"
    return None


def _refused(url: str, reason: str) -> RepositoryError:
    return RepositoryError(f"`{_shown(url)}` cannot be used as a repository: {reason}", hint=_URL_HINT)


def _shown(text: str) -> str:
    """Text of unknown origin, fit for one line of a terminal."""
    clean = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in scrub(text))
    return clean if len(clean) <= _LONGEST_SHOWN else clean[: _LONGEST_SHOWN - 1] + "…"
