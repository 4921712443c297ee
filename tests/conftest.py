"""What holds for every test."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.docker import ENGINE, NO_ENGINE, REAL_ENGINE
from tests.docker import docker as docker  # noqa: PLC0414 - a fixture of every test
from tests.podman import podman as podman  # noqa: PLC0414 - the same

# How long an example takes says how busy the machine is, and nothing about the code.
settings.register_profile("no deadline", parent=settings.default, deadline=None)
settings.load_profile("no deadline")


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
