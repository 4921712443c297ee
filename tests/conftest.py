"""What holds for every test."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.docker import ENGINE, NO_ENGINE, REAL_ENGINE
from tests.docker import docker as docker  # noqa: PLC0414 - a fixture of every test


@pytest.fixture(autouse=True, scope="session")
def _no_keyring() -> Iterator[None]:
    """Secrets go to files: a keyring of the machine that runs the tests is none of their business."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COPILOT_SECRETS", "file")
        yield


@pytest.fixture(autouse=True, scope="session")
def _no_container_engine() -> Iterator[None]:
    """Tests that want the machine's container engine ask for the fixture `docker`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(REAL_ENGINE, os.environ.get(ENGINE, ""))
        patch.setenv(ENGINE, NO_ENGINE)
        yield
