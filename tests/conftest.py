"""What holds for every test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.docker import ENGINE, NO_ENGINE, REAL_ENGINE
from tests.docker import docker as docker  # noqa: PLC0414 - a fixture of every test
from tests.podman import podman as podman  # noqa: PLC0414 - the same

# How long an example takes says how busy the machine is, and nothing about the code.
settings.register_profile("no deadline", parent=settings.default, deadline=None)
settings.load_profile("no deadline")


@pytest.fixture(scope="session")
def repositories_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder that the emulator of AWS reads repositories in."""
    folder = tmp_path_factory.mktemp("repositories")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMULATED_REPOSITORIES", str(folder))
        yield folder


@pytest.fixture(scope="session")
def emulator(repositories_folder: Path) -> Iterator[str]:
    """The address of a running emulator of AWS, one for each process of the test run: to start one takes seconds."""
    from tests.aws.conftest import models_read_once, running  # tests of everything else do without boto3

    assert repositories_folder.is_dir()
    with models_read_once(), running() as url:
        yield url


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
