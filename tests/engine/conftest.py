"""Pipelines on both engines: a test of ``line`` runs on each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from copilot.aws.applications import Applications
from copilot.aws.client import connect
from copilot.aws.environments import Environments
from tests.aws import conftest as on_aws
from tests.aws.pipelines.conftest import Repositories, allow_connection, reset
from tests.aws.pipelines.sources import VARIABLE
from tests.engine.benches import APP, CONNECTION, AwsLine, Line, LocalLine
from tests.local.pipelines import engine as local_engine

Make = Callable[[], Line]


@pytest.fixture(scope="session")
def local_lines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Make]:
    """Makes pipelines on a local engine."""
    with local_engine(tmp_path_factory.mktemp("engine")) as local:
        yield lambda: LocalLine(local)


@pytest.fixture(scope="session")
def aws_lines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Make]:
    """Makes pipelines in an account with the application, its two environments, and a connection that is allowed."""
    folder, home, checkouts = (tmp_path_factory.mktemp(name) for name in ("repositories", "no-aws", "checkouts"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(folder))
        with on_aws.running("tests.aws.pipelines.emulator") as url:
            for name in [name for name in os.environ if name.startswith("AWS_")]:
                patch.delenv(name)
            for name, value in settings(url, home).items():
                patch.setenv(name, value)
            aws = connect()
            Applications(aws, pause=0.01).create(APP)
            for environment in ("test", "prod"):
                Environments(aws, pause=0.01).init(APP, environment)
            aws.codeconnections.create_connection(ConnectionName=CONNECTION, ProviderType="GitHub")
            allow_connection(url, CONNECTION)
            numbers = count(1)
            yield lambda: AwsLine(aws, Repositories(folder, checkouts), f"line{next(numbers)}")
            reset(url)


@pytest.fixture(params=["local", "aws"])
def line(request: pytest.FixtureRequest) -> Line:
    """A pipeline that is not there yet, on each engine."""
    make: Make = request.getfixturevalue(f"{request.param}_lines")
    return make()


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Path]:
    """A file that scripts wait for. It is there after the test, so that none waits any longer."""
    path = tmp_path / "gate"
    yield path
    path.touch()


def settings(url: str, home: Path) -> dict[str, str]:
    """The variables by which boto3 finds the emulator, and nothing of whoever runs the tests."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "AKIAEMULATED",
        "AWS_SECRET_ACCESS_KEY": "not-a-secret",
        "AWS_REGION": on_aws.REGION,
        "AWS_DEFAULT_REGION": on_aws.REGION,
        "AWS_CONFIG_FILE": str(home / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(home / "credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }
