"""Where the engine keeps secrets: the user's keyring, or files that only the user may read."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from threading import Thread
from typing import Final, Protocol, TypeVar

from copilot.errors import ConflictError, CopilotError, UsageError
from copilot.local.home import Home

_SERVICE: Final = "copilot-pipelines"
_ANSWER_TIMEOUT: Final = 3.0
_KINDS: Final = ("file", "keyring")

_T = TypeVar("_T")


class SecretStore(Protocol):
    """Values by name. A name is any printable text, slashes included."""

    def get(self, name: str) -> str | None:
        """The value, or None if there is no such secret."""
        ...

    def put(self, name: str, value: str) -> None:
        """Keep a value, in place of the one there may be."""
        ...

    def delete(self, name: str) -> None:
        """Forget a secret; nothing happens if there is none."""
        ...

    def names(self) -> list[str]:
        """All names, sorted."""
        ...


class FileSecrets:
    """One file (0600) for each secret, ``<sha256 of the name>.json`` with its name and value.

    The name is hashed because a file's name can hold neither slashes nor long names, and on some disks not case.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, name: str) -> str | None:
        """The value, or None if there is no such secret."""
        file = self._file(name)
        return _load(file)[1] if file.exists() else None

    def put(self, name: str, value: str) -> None:
        """Keep a value, in place of the one there may be."""
        _check_name(name)
        _write(self._file(name), json.dumps({"name": name, "value": value}))

    def delete(self, name: str) -> None:
        """Forget a secret; nothing happens if there is none."""
        self._file(name).unlink(missing_ok=True)

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(_load(file)[0] for file in self._folder.glob(f"{'?' * 64}.json"))

    def _file(self, name: str) -> Path:
        return self._folder / f"{sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()}.json"


class KeyringSecrets:
    """Secrets in the user's keyring. Keyrings cannot be listed, so the names are in a file (0600) next to the engine's own.

    The same name in two homes is two secrets.
    """

    def __init__(self, index: Path, service: str) -> None:
        """Nothing is asked of the keyring yet.

        Args:
            index: The file of names.
            service: What the keyring knows this home's secrets by.
        """
        self._index = index
        self._service = service

    def get(self, name: str) -> str | None:
        """The value, or None if there is no such secret."""
        import keyring  # noqa: PLC0415 - takes 50 ms, and homes with files never need it

        return _ask(lambda: keyring.get_password(self._service, name))

    def put(self, name: str, value: str) -> None:
        """Keep a value, in place of the one there may be."""
        import keyring  # noqa: PLC0415 - see get

        _check_name(name)
        with self._names() as names:
            names.add(name)  # first, so that no value is ever in the keyring without its name here
        _ask(lambda: keyring.set_password(self._service, name, value))

    def delete(self, name: str) -> None:
        """Forget a secret; nothing happens if there is none."""
        import keyring  # noqa: PLC0415 - see get

        if self.get(name) is not None:
            _ask(lambda: keyring.delete_password(self._service, name))
        with self._names() as names:
            names.discard(name)

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(self._read())

    def _read(self) -> set[str]:
        try:
            return set(json.loads(self._index.read_text("utf-8")))
        except FileNotFoundError:
            return set()

    @contextmanager
    def _names(self) -> Iterator[set[str]]:
        self._index.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._index.with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            before = self._read()
            names = set(before)
            yield names
            if names != before:
                _write(self._index, json.dumps(sorted(names)))


def open_secrets(home: Home) -> SecretStore:
    """The secrets of a home.

    The first use decides, and a file in the home records it for ever, so that secrets never seem to vanish: the keyring if one
    answers, else files. ``COPILOT_SECRETS=file`` or ``keyring`` decides instead.

    Raises:
        UsageError: ``COPILOT_SECRETS`` has another value.
        ConflictError: it names another store than the one this home has.
        CopilotError: it asks for a keyring and none answers.
    """
    wanted = os.environ.get("COPILOT_SECRETS") or None
    if wanted is not None and wanted not in _KINDS:
        raise UsageError(f"COPILOT_SECRETS is `{wanted}`, and it can be `file` or `keyring`")
    record = home.secrets / "store.json"
    try:
        kind, service = json.loads(record.read_text("ascii"))
    except FileNotFoundError:
        kind, service = _decide(wanted), f"{_SERVICE}-{token_hex(8)}"
        _write(record, json.dumps([kind, service]))
    if wanted is not None and wanted != kind:
        raise ConflictError(
            f"the secrets of `{home.root}` are kept in the {kind} store, and COPILOT_SECRETS says `{wanted}`",
            hint=f"Unset COPILOT_SECRETS; to move them, delete `{record}` and put each secret again",
        )
    return FileSecrets(home.secrets) if kind == "file" else KeyringSecrets(home.secrets / "names.json", service)


def keyring_answers(timeout: float = _ANSWER_TIMEOUT) -> bool:
    """Whether a keyring is there and can be read, within so many seconds: one that waits for a person to unlock it cannot."""
    try:
        return _ask(_probe, timeout)
    except CopilotError:
        return False


def _decide(wanted: str | None) -> str:
    if wanted == "keyring" and not keyring_answers():
        raise CopilotError(
            "COPILOT_SECRETS asks for the keyring, and none answers", hint="Unlock it, or set COPILOT_SECRETS=file"
        )
    return wanted or ("keyring" if keyring_answers() else "file")


def _probe() -> bool:
    import keyring  # noqa: PLC0415 - see KeyringSecrets.get
    from keyring.backends import chainer, fail, null  # noqa: PLC0415 - see KeyringSecrets.get

    backend = keyring.get_keyring()
    if isinstance(backend, (fail.Keyring, null.Keyring)) or (
        isinstance(backend, chainer.ChainerBackend) and not backend.backends
    ):
        return False
    backend.get_password(_SERVICE, "probe")
    return True


def _ask(question: Callable[[], _T], timeout: float = 30.0) -> _T:
    """The keyring's answer.

    A keyring may be another process, and that may wait for a person: so it is asked from a thread that can be left alone.
    """
    answers: list[_T] = []
    failures: list[Exception] = []

    def run() -> None:
        try:
            answers.append(question())
        except Exception as error:  # noqa: BLE001 - backends raise whatever their system does
            failures.append(error)

    thread = Thread(target=run, name="keyring", daemon=True)
    thread.start()
    thread.join(timeout)
    if answers:
        return answers[0]
    # Only the kind of failure: what a backend says may quote what it was given.
    reason = type(failures[0]).__name__ if failures else f"no answer within {timeout:.0f} s"
    raise CopilotError(f"the keyring cannot be used: {reason}", hint="Unlock it and try again")


def _check_name(name: str) -> None:
    if not name or not name.isprintable():
        raise UsageError(f"`{name!a}` cannot be the name of a secret", hint="Use printable characters, at least one")


def _load(file: Path) -> tuple[str, str]:
    try:
        content = json.loads(file.read_text("utf-8"))
        return str(content["name"]), str(content["value"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is damaged"
        raise CopilotError(f"a secret cannot be read from `{file}`: {reason}", hint="Put it again") from None


def _write(path: Path, text: str) -> None:
    """Replace a file at once and for good, readable by its owner only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=".new-", dir=path.parent)  # mkstemp makes it 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
