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
from pathlib import Path

import pytest

from copilot.aws.client import Aws, connect

ACCOUNT = "123456789012"
REGION = "us-east-1"
_DEADLINE = 60.0
_ROOT = Path(__file__).parents[2]


@contextmanager
def running(module: str) -> Iterator[str]:
    """Run an emulator, a module of these tests; the answer is its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", module, "-H", "127.0.0.1", "-p", str(port)],
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


@pytest.fixture(scope="session")
def emulator() -> Iterator[str]:
    """The address of a running emulator, one for each process of the test run."""
    with running("tests.aws.emulated_stack_sets") as url:
        yield url


@pytest.fixture
def aws_environment(emulator: str, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An AWS account with nothing in it, which this process and those it starts reach with no more than the environment."""
    urllib.request.urlopen(urllib.request.Request(f"{emulator}/moto-api/reset", method="POST"), timeout=30).close()
    home = tmp_path_factory.mktemp("no-aws")
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
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
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
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
