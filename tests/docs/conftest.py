"""The emulator of AWS that documents are played against."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.aws.conftest import aws_environment, running
from tests.aws.pipelines.conftest import repositories_folder

__all__ = ["aws_environment", "emulator", "repositories_folder"]


@pytest.fixture(scope="session")
def emulator(repositories_folder: Path) -> Iterator[str]:
    """The address of a running emulator that can deploy workloads, and whose pipelines run."""
    del repositories_folder  # the emulator finds it in the environment
    with running("tests.docs.account") as url:
        yield url
