"""Secret stores: files, a keyring that is there, and keyrings that are not."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import keyring
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from keyring.backend import KeyringBackend
from keyring.backends import chainer, fail, null
from keyring.errors import KeyringLocked

from copilot.errors import ConflictError, CopilotError, UsageError
from copilot.local.home import Home
from copilot.local.secrets import FileSecrets, KeyringSecrets, SecretStore, keyring_answers, open_secrets


class Memory(KeyringBackend):
    """A keyring like the real ones, without a disk. ``block`` makes it wait, ``locked`` makes it refuse."""

    priority = 1.0

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # keyring has no annotation there
        self.values: dict[tuple[str, str], str] = {}
        self.block: Event | None = None
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.block:
            self.block.wait(30)
        if self.locked:
            raise KeyringLocked(f"locked: {self.values}")
        return self.values.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.values[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.values[service, username]


@pytest.fixture
def memory() -> Iterator[Memory]:
    before = keyring.get_keyring()
    backend = Memory()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.delenv("COPILOT_SECRETS", raising=False)
    return Home(tmp_path / "home")


@pytest.fixture(params=["file", "keyring"])
def store(request: pytest.FixtureRequest, tmp_path: Path, memory: Memory) -> SecretStore:
    return FileSecrets(tmp_path / "s") if request.param == "file" else KeyringSecrets(tmp_path / "s" / "names.json", "test")


NAMES = [
    "github-token-shop-api",
    "/copilot/shop/test/secrets/DB",
    "..",
    ".",
    "a/b",
    "a%2Fb",
    "A",
    "a",
    "ü " + "x" * 1000,
    "it's",
    "-x",
]


def test_put_get_delete(store: SecretStore) -> None:
    assert store.names() == []
    assert store.get("a") is None
    for name in NAMES:
        store.put(name, f"value of {name}\n")
    assert store.names() == sorted(NAMES)
    assert [store.get(name) for name in NAMES] == [f"value of {name}\n" for name in NAMES]
    store.put("a", "other")
    assert (store.get("a"), store.get("A")) == ("other", "value of A\n")
    store.delete("a")
    store.delete("never")
    assert store.get("a") is None
    assert "a" not in store.names()


@pytest.mark.parametrize("name", ["", "a\nb", "a\x00", "\u202e"])
def test_names_that_cannot_be_shown_are_refused(store: SecretStore, name: str) -> None:
    with pytest.raises(UsageError):
        store.put(name, "x")
    assert store.names() == []


def test_values_do_not_show(store: SecretStore) -> None:
    store.put("a", "hunter2")
    assert "hunter2" not in repr(store) + repr(vars(store))


def test_files_are_the_owners_only(tmp_path: Path) -> None:
    FileSecrets(tmp_path / "s").put("a", "x")
    assert [stat.S_IMODE(p.stat().st_mode) for p in [tmp_path / "s", *(tmp_path / "s").iterdir()]] == [0o700, 0o600]


def test_a_damaged_file_says_so_without_its_content(tmp_path: Path) -> None:
    store = FileSecrets(tmp_path)
    store.put("a", "hunter2")
    file = next(tmp_path.iterdir())
    file.write_text(file.read_text()[:-3])
    with pytest.raises(CopilotError, match="it is damaged") as caught:
        store.get("a")
    assert "hunter2" not in repr(caught.value)


def test_many_writers(store: SecretStore) -> None:
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda n: store.put(f"name-{n % 8}", str(n)), range(24)))
    assert len(store.names()) == 8


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.text())
def test_any_value_comes_back(tmp_path: Path, value: str) -> None:
    store = FileSecrets(tmp_path)
    store.put("a", value)
    assert store.get("a") == value


def test_the_first_use_decides_for_ever(home: Home, memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    memory.locked = True
    assert isinstance(open_secrets(home), FileSecrets)
    memory.locked = False
    assert isinstance(open_secrets(home), FileSecrets)
    monkeypatch.setenv("COPILOT_SECRETS", "keyring")
    with pytest.raises(ConflictError, match="kept in the file store"):
        open_secrets(home)
    monkeypatch.setenv("COPILOT_SECRETS", "cloud")
    with pytest.raises(UsageError, match="can be `file` or `keyring`"):
        open_secrets(home)


def test_a_keyring_that_answers_is_used(home: Home, memory: Memory) -> None:
    store = open_secrets(home)
    assert isinstance(store, KeyringSecrets)
    store.put("a", "hunter2")
    assert open_secrets(home).get("a") == "hunter2"
    assert "hunter2" not in "".join(p.read_text() for p in home.secrets.iterdir())
    other = Home(home.root / "other")
    assert open_secrets(other).get("a") is None
    memory.locked = True
    with pytest.raises(CopilotError, match="the keyring cannot be used: KeyringLocked") as caught:
        store.get("a")
    assert "hunter2" not in repr(caught.value)


def test_the_environment_decides_first(home: Home, memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COPILOT_SECRETS", "file")
    assert isinstance(open_secrets(home), FileSecrets)
    memory.locked = True
    monkeypatch.setenv("COPILOT_SECRETS", "keyring")
    with pytest.raises(CopilotError, match="none answers"):
        open_secrets(Home(home.root / "other"))


@pytest.mark.parametrize("backend", [fail.Keyring, null.Keyring])
def test_backends_that_keep_nothing_do_not_count(memory: Memory, backend: type[KeyringBackend]) -> None:
    assert keyring_answers()
    keyring.set_keyring(backend())
    assert not keyring_answers()


def test_a_chain_of_nothing_does_not_count(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chainer.ChainerBackend, "backends", [])
    keyring.set_keyring(chainer.ChainerBackend())  # type: ignore[no-untyped-call] # keyring has no annotation there
    assert not keyring_answers()


def test_a_keyring_that_hangs_does_not_count(memory: Memory) -> None:
    memory.block = Event()
    assert not keyring_answers(timeout=0.1)
    memory.block.set()
