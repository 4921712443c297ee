"""An application that environments can be made in."""

from __future__ import annotations

from typing import Any

import pytest

from copilot.aws.applications import Applications
from copilot.aws.client import Aws
from copilot.aws.environment_facts import environment_facts
from copilot.aws.environments import Environments
from copilot.aws.store import Store
from copilot.aws.templates.workload.settings import EnvironmentFacts
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


def facts(aws: Aws) -> EnvironmentFacts:
    """What workloads in environment `test` are told of it."""
    store = Store(aws)
    record = store.environment("shop", "test")
    return environment_facts(store.application("shop"), record, aws.assumed(record.manager_role, record.region))
