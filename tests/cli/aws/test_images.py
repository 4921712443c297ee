"""A deployment that builds an image and pushes it: with a real container engine, to a real registry in ECR's place."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from copilot.aws.client import Aws
from tests import gitrepo
from tests.cli.aws.conftest import APP, write_manifest
from tests.cli.conftest import Cli
from tests.docker import DOCKERFILE, DockerEngine, context
from tests.docs.ecr import lead_to
from tests.registry import serve


def test_an_image_is_built_pushed_and_deployed_by_its_digest(
    cli: Cli, shop: Aws, docker: DockerEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gitrepo.run(Path.cwd(), "init")
    context(Path("api"), DOCKERFILE)
    write_manifest("api", "type: Backend Service\nimage: {build: api/Dockerfile, port: 8080}\n")
    gitrepo.run(Path.cwd(), "add", ".")
    commit = gitrepo.commit(Path.cwd(), "README")
    with serve(tmp_path / "registry") as registry:
        monkeypatch.setenv("PATH", f"{lead_to(registry.host, tmp_path / 'bin')}:{os.environ['PATH']}")
        cli.ok("svc", "init", "--name", "api")
        out = tmp_path / "out"
        cli.ok("svc", "package", "--env", "test", "--tag", "v1", "--output-dir", str(out))
        host = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
        assert _image(out) == f"{host}/{APP}/api:v1"
        assert registry.tags(f"us-east-1/{APP}/api") == []

        result = cli.ok("svc", "deploy", "--name", "api", "--env", "test")
        assert "Deployed api to test" in result.stderr
        repository = f"us-east-1/{APP}/api"
        assert registry.tags(repository) == [commit[:7], "latest"]  # nothing differs from the commit
        digest = registry.digest(repository, "latest")
        definition = shop.ecs.describe_task_definition(taskDefinition=f"{APP}-test-api")["taskDefinition"]
        assert definition["containerDefinitions"][0]["image"] == f"{host}/{APP}/api@{digest}"
        again = cli.ok("svc", "deploy", "--name", "api", "--env", "test")
        assert "api in test is up to date" in again.stderr
        cli.ok("svc", "package", "--env", "test", "--upload-assets", "--output-dir", str(out))
        assert _image(out) == f"{host}/{APP}/api@{digest}"
    names = docker.run("image", "ls", "--quiet", "--filter", f"reference={registry.host}/{repository}").split()
    if names:
        docker.run("image", "rm", "--force", *dict.fromkeys(names))


def _image(folder: Path) -> str:
    configuration = json.loads((folder / "api-test.params.json").read_text())
    image: str = configuration["Parameters"]["ContainerImage"]
    return image
