"""The emulator of AWS that documents are played against."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.aws.conftest import aws_environment, running

__all__ = ["aws_environment", "emulator"]


@pytest.fixture(scope="session")
def emulator() -> Iterator[str]:
    """The address of a running emulator that can deploy workloads."""
    with running("tests.docs.account") as url:
        yield url
