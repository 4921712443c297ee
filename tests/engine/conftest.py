"""Pipelines on both engines: a test of ``line`` runs on each."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from copilot.aws.applications import Applications
from copilot.aws.environments import Environments
from tests.aws.conftest import empty_account, reset
from tests.aws.pipelines.conftest import Repositories, allow_connection
from tests.engine.benches import APP, CONNECTION, AwsLine, Line, LocalLine
from tests.local.pipelines import engine as local_engine

Make = Callable[[], Line]


@pytest.fixture(scope="session")
def local_lines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Make]:
    """Makes pipelines on a local engine."""
    with local_engine(tmp_path_factory.mktemp("engine")) as local:
        yield lambda: LocalLine(local)


@pytest.fixture(scope="module")
def aws_lines(emulator: str, repositories_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Make]:
    """Makes pipelines in an account with the application, its two environments, and a connection that is allowed."""
    home, checkouts = (tmp_path_factory.mktemp(name) for name in ("no-aws", "checkouts"))
    with pytest.MonkeyPatch.context() as patch:
        aws = empty_account(emulator, home, patch)
        Applications(aws, pause=0.01).create(APP)
        for environment in ("test", "prod"):
            Environments(aws, pause=0.01).init(APP, environment)
        aws.codeconnections.create_connection(ConnectionName=CONNECTION, ProviderType="GitHub")
        allow_connection(emulator, CONNECTION)
        numbers = count(1)
        yield lambda: AwsLine(aws, Repositories(repositories_folder, checkouts), f"line{next(numbers)}")
        reset(emulator)  # its pipelines still read their repositories
        for owner in repositories_folder.iterdir():
            shutil.rmtree(owner)


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
