"""What holds for every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="session")
def _no_keyring() -> Iterator[None]:
    """Secrets go to files: a keyring of the machine that runs the tests is none of their business."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COPILOT_SECRETS", "file")
        yield
