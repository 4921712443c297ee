"""An emulator of AWS on loopback, and clients of ours that talk to it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from copilot.aws.client import Aws, _Files, connect

ACCOUNT = "123456789012"
REGION = "us-east-1"
_DEADLINE = 60.0
_ROOT = Path(__file__).parents[2]


@contextmanager
def running() -> Iterator[str]:
    """Run an emulator; the answer is its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tests.aws.emulated_account", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=_ROOT,
        env={**os.environ, "MOTO_PORT": str(port)},
    )
    try:
        _wait(process, url)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=10)


def reset(emulator: str) -> None:
    """Make an account with nothing in it of the emulator's; all that runs there ends."""
    urllib.request.urlopen(urllib.request.Request(f"{emulator}/moto-api/reset", method="POST"), timeout=30).close()


def empty_account(emulator: str, home: Path, patch: pytest.MonkeyPatch) -> Aws:
    """AWS as the owner of an account with nothing in it, which this process and those it starts find in the environment.

    What is made there lasts until another test asks for an empty account: fixtures of a module may keep it, others may not.
    ``home`` is a folder with no settings.
    """
    settings = {
        "AWS_ENDPOINT_URL": emulator,
        "AWS_ACCESS_KEY_ID": "AKIAEMULATED",
        "AWS_SECRET_ACCESS_KEY": "not-a-secret",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": str(home / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(home / "credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for name in [name for name in os.environ if name.startswith(("AWS_", "CODEBUILD_"))]:
        patch.delenv(name)
    for name, value in settings.items():
        patch.setenv(name, value)
    reset(emulator)
    return connect()


@contextmanager
def models_read_once() -> Iterator[None]:
    """Commands read the models of AWS's services when they connect; those that run in this process share them."""
    with pytest.MonkeyPatch.context() as patch:
        read = cache(_Files().load_file)
        patch.setattr(_Files, "load_file", lambda _, name: read(name))
        yield


@pytest.fixture
def aws_environment(emulator: str, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An AWS account with nothing in it, which this process and those it starts reach with no more than the environment."""
    empty_account(emulator, tmp_path_factory.mktemp("no-aws"), monkeypatch)
    return emulator


@pytest.fixture
def aws(aws_environment: str) -> Aws:
    """AWS as the owner of an account with nothing in it."""
    del aws_environment
    return connect()


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + _DEADLINE
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the emulator ended with {process.returncode}")
        try:
            urllib.request.urlopen(f"{url}/moto-api/data.json", timeout=5).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the emulator does not answer")
