"""The post-receive hook of a repository on this disk: a push is noticed the moment it arrives.

The hook is written where git looks for it: ``core.hooksPath`` counts, also one that several repositories share, as the hook
acts only for those it was installed in. A hook that is there already, whatever it is (a link and a tool's hook too), is never
changed: it is renamed to ``post-receive.before-copilot`` in the same folder, so that links and paths next to it stay good, and is
run with the same input. Its exit status is the hook's. Removing puts it back under its name.
"""

from __future__ import annotations

import fcntl
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from copilot.errors import ConflictError, RepositoryError
from copilot.local import notify
from copilot.local.home import Home
from copilot.repository import GitError, explain_ownership, git

BEFORE = "post-receive.before-copilot"
"""What a hook that was there before is called while ours is in its place."""

_MARK = "# Written by copilot"
_NOTIFY = re.compile(r"^notify .* # copilot-notify (?P<id>[0-9a-f]{16})$", re.MULTILINE)

# The server is told first: an older hook may take its time. Nothing here can make a push fail but that hook.
_SCRIPT = """\
#!/bin/sh
{mark}: it tells the server that something was pushed. Do not edit it; `copilot pipeline delete` removes it.
# The hook that was here before, if any, is {before}: it still runs.
pushed=$(cat)
notify() {{
    if [ -x "$1" ] && [ -f "$2" ]; then
        printf '%s\\n' "$pushed" 2>/dev/null | "$1" -I -S "$2" "$3" "$4" "$5"
    fi
}}
{lines}
before=$(dirname "$0")/{before}
if [ -f "$before" ] && [ -x "$before" ]; then
    printf '%s\\n' "$pushed" 2>/dev/null | "$before" "$@"
    exit $?
fi
exit 0
"""


@dataclass(frozen=True)
class _Place:
    """Where a repository's hook is. ``git_folder`` is the one its working trees share."""

    git_folder: Path
    hooks: Path

    @property
    def hook(self) -> Path:
        return self.hooks / "post-receive"

    @property
    def before(self) -> Path:
        return self.hooks / BEFORE


def install(repository: Path, home: Home) -> None:
    """Have every push to the repository told to the server of a home. Doing it again changes nothing.

    Args:
        repository: A bare repository, a checkout or one of its working trees, by the path that pipelines name it by.
        home: Several homes may share one hook.

    Raises:
        RepositoryError: it is not a git repository, or its hook cannot be written.
        ConflictError: two older hooks are in the way.
    """
    place = _place(repository)
    for path in (repository, home.root, place.git_folder):
        if not str(path).isprintable():
            raise RepositoryError(f"`{str(path)!a}` has a character that a hook cannot hold")
    with _changing(place):
        others = [line for line, id_ in _lines(place) if id_ != _id(repository, home)]
        _write(place, [*others, _line(repository, home, place)])


def remove(repository: Path, home: Home) -> None:
    """Undo `install`. When no home is left, the hook that was there before gets its name back. Idempotent.

    Raises:
        RepositoryError: it is not a git repository, or its hook cannot be written.
    """
    place = _place(repository)
    if not place.hooks.is_dir() or not _is_ours(place.hook):
        return
    with _changing(place):
        rest = [line for line, id_ in _lines(place) if id_ != _id(repository, home)]
        if rest:
            _write(place, rest)
        elif os.path.lexists(place.before):
            place.before.replace(place.hook)
        else:
            place.hook.unlink()


def installed(repository: Path, home: Home) -> bool:
    """Whether pushes to the repository are told to the server of a home. Raises RepositoryError if it is not a git repository."""
    place = _place(repository)
    line = (_line(repository, home, place), _id(repository, home))
    return _is_ours(place.hook) and os.access(place.hook, os.X_OK) and line in _lines(place)


def _place(repository: Path) -> _Place:
    # Without the ceiling, a plain folder inside a checkout would be taken for the checkout.
    ceiling = {"GIT_CEILING_DIRECTORIES": os.path.realpath(repository.parent)}
    try:
        common = git("rev-parse", "--git-common-dir", folder=repository, environment=ceiling).removesuffix("\n")
        folder = Path(os.path.realpath(repository / common))
        # git looks for the hooks of a push from inside the git folder, so that is what a relative core.hooksPath starts from.
        hooks = git("rev-parse", "--git-path", "hooks", folder=folder, environment={"GIT_DIR": str(folder)}).removesuffix("\n")
    except GitError as error:
        if ownership := explain_ownership(error):
            raise ownership from None
        raise RepositoryError(f"`{repository}` is not a git repository", hint="Check the path") from None
    return _Place(folder, folder / hooks)


def _id(repository: Path, home: Home) -> str:
    return sha256(os.fsencode(repository) + b"\0" + os.fsencode(home.root)).hexdigest()[:16]


def _line(repository: Path, home: Home, place: _Place) -> str:
    arguments = [sys.executable, notify.__file__, str(home.root), str(repository), str(place.git_folder)]
    return f"notify {shlex.join(arguments)} # copilot-notify {_id(repository, home)}"


def _lines(place: _Place) -> list[tuple[str, str]]:
    """Our lines in the hook, each with its id."""
    if not _is_ours(place.hook):
        return []
    return [(match[0], match["id"]) for match in _NOTIFY.finditer(place.hook.read_text("utf-8"))]


def _is_ours(hook: Path) -> bool:
    if hook.is_symlink() or not hook.is_file():
        return False
    with hook.open("rb") as file:
        return file.readline() == b"#!/bin/sh\n" and file.readline().startswith(_MARK.encode())


def _write(place: _Place, lines: Sequence[str]) -> None:
    text = _SCRIPT.format(mark=_MARK, before=BEFORE, lines="\n".join(lines))
    theirs = os.path.lexists(place.hook) and not _is_ours(place.hook)
    if theirs and os.path.lexists(place.before):
        raise ConflictError(
            f"`{place.hook}` and `{place.before}` are both there, and copilot's hook can keep only one of them",
            hint="Make them one, or delete the one that is not needed",
        )
    descriptor, temporary = tempfile.mkstemp(prefix=".post-receive-", dir=place.hooks)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).chmod(0o755)
        if theirs:
            place.hook.rename(place.before)
        Path(temporary).replace(place.hook)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@contextmanager
def _changing(place: _Place) -> Iterator[None]:
    """One change at a time, by whichever process. The folder itself is the lock, so that none is left behind."""
    try:
        place.hooks.mkdir(parents=True, exist_ok=True)
        folder = os.open(place.hooks, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)
    except OSError as error:
        raise RepositoryError(
            f"the hook `{place.hook}` cannot be written: {error.strerror}",
            hint="Let the user who runs copilot write in that folder",
        ) from None
