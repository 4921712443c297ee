"""An emulator with pipelines, an application on it, and repositories that its pipelines read."""

from __future__ import annotations

import shutil
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from copilot.aws.applications import Applications
from copilot.aws.client import Aws
from copilot.aws.environments import Environments
from copilot.manifest.environment import EnvironmentManifest
from tests import gitrepo
from tests.aws import conftest as on_aws

APP = "shop"
OWNER = "ana"
_DEADLINE = 30.0

T = TypeVar("T")

aws_environment = on_aws.aws_environment
aws = on_aws.aws
reset = on_aws.reset


def wait_for(condition: Callable[[], T], seconds: float = _DEADLINE) -> T:
    """Wait until a condition holds; the answer is what it answered then."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.05)
    return found


@dataclass(frozen=True)
class Repository:
    """A bare repository that the emulator reads, and a checkout of it on branch main."""

    bare: Path
    work: Path

    @property
    def full_name(self) -> str:
        """Its owner and name."""
        return f"{self.bare.parent.name}/{self.bare.stem}"

    @property
    def url(self) -> str:
        """Where pipelines think that it is."""
        return f"https://github.com/{self.full_name}"

    def write(self, name: str, text: str) -> None:
        """Write a file; the next commit has it."""
        gitrepo.write(self.work, name, text)

    def commit(self, message: str = "Change it", **files: str) -> str:
        """Commit what was written; the answer is the commit."""
        for name, text in files.items():
            self.write(name, text)
        gitrepo.run(self.work, "commit", "--allow-empty", "--message", message)
        return gitrepo.run(self.work, "rev-parse", "HEAD")

    def push(self, message: str = "Change it", **files: str) -> str:
        """Commit what was written and push it; the answer is the commit."""
        commit = self.commit(message, **files)
        gitrepo.push(self.work, "main")
        return commit


@dataclass(frozen=True)
class Repositories:
    """The folder of repositories, and where their checkouts are."""

    folder: Path
    checkouts: Path

    def create(self, name: str = "shop", owner: str = OWNER) -> Repository:
        """A repository with one pushed commit."""
        bare, work = self.folder / owner / f"{name}.git", self.checkouts / f"checkout-{name}"
        bare.mkdir(parents=True)
        gitrepo.run(bare, "init", "--quiet", "--bare")
        gitrepo.run(self.checkouts, "init", "--quiet", str(work))
        gitrepo.run(work, "remote", "add", "origin", str(bare))
        made = Repository(bare, work)
        made.push("Begin", README="hello\n")
        return made


@pytest.fixture
def repositories(aws_environment: str, repositories_folder: Path, tmp_path: Path) -> Iterator[Repositories]:
    """Repositories of one test."""
    yield Repositories(repositories_folder, tmp_path)
    reset(aws_environment)  # its pipelines still read them
    for owner in repositories_folder.iterdir():
        shutil.rmtree(owner)


@pytest.fixture
def quick_shop(aws: Aws) -> Aws:
    """Application `shop` with environments `test` and `prod` that have no more than their roles: enough for pipelines."""
    Applications(aws, pause=0.01).create(APP)
    for name in ("test", "prod"):
        Environments(aws, pause=0.01).init(APP, name)
    return aws


@pytest.fixture
def shop(aws: Aws) -> Aws:
    """Application `shop` with environments `test` and `prod`."""
    Applications(aws, pause=0.01).create(APP)
    for name in ("test", "prod"):
        make_environment(aws, name)
    return aws


def make_environment(aws: Aws, name: str, region: str | None = None) -> None:
    """Make and deploy an environment."""
    environments = Environments(aws, pause=0.01)
    environments.init(APP, name, aws.in_region(region) if region else None)
    manifest = EnvironmentManifest.model_validate({"name": name, "type": "Environment"})
    environments.deploy(APP, name, manifest, f"name: {name}\ntype: Environment\n")


def allow_connection(emulator: str, name: str, status: str = "AVAILABLE") -> None:
    """Do what a person does in the console: allow a connection."""
    request = urllib.request.Request(f"{emulator}/moto-api/connections/{name}?status={status}", method="POST")
    urllib.request.urlopen(request, timeout=30).close()
