"""An application that environments can be made in."""

from __future__ import annotations

from typing import Any

import pytest

from copilot.aws.applications import Applications
from copilot.aws.client import Aws
from copilot.aws.environments import Environments
from copilot.manifest.environment import EnvironmentManifest

SOURCE = "name: test\ntype: Environment\n"


@pytest.fixture
def environments(aws: Aws) -> Environments:
    """The environments of application `shop`."""
    Applications(aws, pause=0.01).create("shop")
    return Environments(aws, pause=0.01)


def manifest(**sections: Any) -> EnvironmentManifest:
    """The manifest of environment `test`."""
    return EnvironmentManifest.model_validate({"name": "test", "type": "Environment", **sections})
