"""`copilot pipeline build` on AWS, with an emulator of it; one test with a real container engine and a real registry."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from copilot.aws.applications import Applications
from copilot.aws.client import Aws, connect
from copilot.aws.environments import Environments
from copilot.aws.records import WorkloadRecord
from copilot.aws.store import Store
from copilot.aws.templates.reading import read_template
from copilot.manifest.environment import EnvironmentManifest
from copilot.workspace import Workspace
from tests.aws.conftest import ACCOUNT, REGION, empty_account
from tests.cli.conftest import Cli
from tests.docker import DockerEngine, context
from tests.docs.ecr import lead_to
from tests.registry import serve

# No other test has an application of this name on the container engine.
APP = f"shop-{uuid.uuid4().hex[:8]}"
COMMIT = "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334"
PIPELINE = """\
name: {name}
version: 1
source:
  provider: GitHub
  properties:
    branch: main
    repository: https://github.com/acme/shop
stages:
{stages}
"""
BUILDSPEC = "version: 0.2\nphases:\n  post_build:\n    commands:\n      - copilot pipeline build --output-dir infrastructure\n"
WEB = """\
name: web
type: Load Balanced Web Service
image: {location: 'nginx:1', port: 80}
http: {path: /}
environments:
  prod: {count: 3}
"""
TICK = "name: tick\ntype: Scheduled Job\nimage: {location: 'busybox:1'}\non: {schedule: '@daily'}\n"


@pytest.fixture(scope="module")
def account(emulator: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An application of one account, with a service, a job and two environments, one in another region.

    The answer is the folder of its repository, which ran on this machine and was moved up.
    """
    root = tmp_path_factory.mktemp("account")
    (root / "repository").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        aws = empty_account(emulator, root, patch)
        patch.chdir(root / "repository")
        Applications(aws, pause=0.01).create(APP)
        for name, type_ in (("web", "Load Balanced Web Service"), ("tick", "Scheduled Job")):
            Applications(aws, pause=0.01).add_workload(APP, name)
            Store(aws).create_workload(WorkloadRecord(APP, name, type_))
        environments = Environments(aws, pause=0.01)
        for name, region in (("test", REGION), ("prod", "eu-west-1")):
            environments.init(APP, name, aws.in_region(region))
            environments.deploy(APP, name, EnvironmentManifest(name=name, type="Environment"), "")
        write("copilot/.workspace", f"application: {APP}\nengine: local\n")
        write("copilot/web/manifest.yml", WEB)
        write("copilot/tick/manifest.yml", TICK)
        pipeline("test", "prod")
        Workspace(Path.cwd()).moved("aws")
        yield root / "repository"


@pytest.fixture(autouse=True)
def shop(account: Path, home: Path) -> None:
    """Each test has a copy of the repository, and what they make of the account is of no consequence to others."""
    del home  # it goes to the folder of this test's repository
    shutil.copytree(account, Path.cwd(), dirs_exist_ok=True)


@pytest.fixture
def aws(account: Path) -> Aws:
    """The account's owner."""
    del account
    return connect()


def write(path: str, text: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)


def pipeline(*stages: str, folder: str = "copilot/pipeline.yml", name: str = "release") -> None:
    write(folder, PIPELINE.format(name=name, stages="\n".join(f"  - name: {stage}" for stage in stages)))
    write(str(Path(folder).with_name("buildspec.yml")), BUILDSPEC)


def written(folder: str = "infrastructure") -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir()) if Path(folder).exists() else []


def stack(target: str) -> dict[str, Any]:
    return read_template(Path(f"infrastructure/{target}.stack.yml").read_text())


def configuration(target: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads(Path(f"infrastructure/{target}.params.json").read_text())
    return found


def test_a_stack_for_each_workload_and_environment(aws: Aws, cli: Cli) -> None:
    result = cli.ok("pipeline", "build", "--output-dir", "infrastructure")
    assert "0 images, 4 stacks to deploy in infrastructure" in result.stderr
    targets = ["tick-prod", "tick-test", "web-prod", "web-test"]
    assert written() == [f"{target}.{kind}" for target in targets for kind in ("params.json", "stack.yml")]
    assert (
        configuration("web-prod")["Parameters"] | {"TaskCount": "3", "ContainerImage": "nginx:1", "EnvName": "prod"}
        == (configuration("web-prod")["Parameters"])
    )
    assert configuration("web-test")["Tags"] == {
        "copilot-application": APP,
        "copilot-environment": "test",
        "copilot-service": "web",
    }
    for target in targets:
        assert set(configuration(target)["Parameters"]) == set(stack(target)["Parameters"])
    template = Path("infrastructure/web-prod.stack.yml").read_text()
    assert cli.ok("svc", "package", "--name", "web", "--env", "prod").stdout == template
    assert Store(aws).claim_rule_places(APP, ["web"]) == {"web": 0}


def test_only_what_the_pipeline_deploys(cli: Cli) -> None:
    pipeline("test", folder="copilot/pipelines/fast/manifest.yml", name="fast")
    result = cli("pipeline", "build")
    assert (result.exit_code, "which pipeline? `--name` is missing" in result.stderr) == (2, True)
    cli.ok("pipeline", "build", "--name", "fast")
    assert written() == ["tick-test.params.json", "tick-test.stack.yml", "web-test.params.json", "web-test.stack.yml"]


@pytest.mark.parametrize("name", [f"pipeline-{APP}-fast-Pipeline-1ABC2DEF3GHIJ", "fast"], ids=["generated", "oldest layout"])
def test_codebuild_knows_which_pipeline_it_builds_for(cli: Cli, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    pipeline("test", folder="copilot/pipelines/fast/manifest.yml", name="fast")
    monkeypatch.setenv("CODEBUILD_INITIATOR", f"codepipeline/{name}")
    cli.ok("pipeline", "build")
    assert "web-prod.stack.yml" not in written()
    assert "web-test.stack.yml" in written()


def test_without_a_pipeline_everything_goes_everywhere(cli: Cli) -> None:
    Path("copilot/pipeline.yml").unlink()
    assert "4 stacks" in cli.ok("pipeline", "build", "--output-dir", "elsewhere/out").stderr
    assert len(written("elsewhere/out")) == 8
    assert "there is no pipeline here yet" in cli("pipeline", "build", "--name", "release").stderr


def test_each_image_is_built_once_and_pushed_to_every_environment(
    cli: Cli, docker: DockerEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context(Path("web"))
    write("copilot/web/manifest.yml", WEB.replace("location: 'nginx:1'", "build: {dockerfile: web/Dockerfile, context: web}"))
    # CodeBuild says what the commit is, and gives no repository that could.
    monkeypatch.setenv("CODEBUILD_RESOLVED_SOURCE_VERSION", COMMIT)
    monkeypatch.setenv("CODEBUILD_BUILD_NUMBER", "14")
    with serve(tmp_path / "registry") as registry:
        monkeypatch.setenv("PATH", f"{lead_to(registry.host, tmp_path / 'bin')}:{os.environ['PATH']}")
        result = cli("pipeline", "build")
        docker.ask("image", "rm", "--force", f"copilot/{APP}/web:latest")
        assert result.exit_code == 0, result.stderr
        assert "1 image, 4 stacks to deploy in infrastructure" in result.stderr
        assert result.stdout.count("web: building from web/Dockerfile") == 1
        for environment, region in (("test", REGION), ("prod", "eu-west-1")):
            assert registry.tags(f"{region}/{APP}/web") == [COMMIT[:7], "latest"]
            digest = registry.digest(f"{region}/{APP}/web", COMMIT[:7])
            host = f"{ACCOUNT}.dkr.ecr.{region}.amazonaws.com"
            assert f"web: pushed to {host}/{APP}/web" in result.stdout
            assert configuration(f"web-{environment}")["Parameters"]["ContainerImage"] == f"{host}/{APP}/web@{digest}"
    assert configuration("tick-test")["Parameters"]["ContainerImage"] == "busybox:1"


def test_files_are_uploaded_where_the_environment_is(aws: Aws, cli: Cli) -> None:
    write("web.env", "COLOR=blue\n")
    write("copilot/web/manifest.yml", WEB + "env_file: web.env\n")
    write("copilot/web/addons/queue.yml", "Resources:\n  Queue:\n    Type: AWS::SQS::Queue\n")
    cli.ok("pipeline", "build")
    for environment, region in (("test", REGION), ("prod", "eu-west-1")):
        parameters = configuration(f"web-{environment}")["Parameters"]
        s3 = aws.in_region(region).s3
        bucket, _, key = parameters["EnvFileARN"].rpartition(":")[2].partition("/")
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"COLOR=blue\n"
        url = parameters["AddonsTemplateURL"]
        assert url.startswith(f"https://{bucket}.s3.{region}.amazonaws.com/")
        assert b"AWS::SQS::Queue" in s3.get_object(Bucket=bucket, Key=url.partition(".com/")[2])["Body"].read()


def test_everything_that_is_wrong_at_once(cli: Cli) -> None:
    write("copilot/web/manifest.yml", WEB + "secret: {A: /b}\n")
    write("copilot/tick/manifest.yml", TICK + "env_file: none.env\n")
    write("copilot/tick/addons/table.yml", "Resource:\n  Table: {}\n")
    result = cli("pipeline", "build")
    assert result.exit_code == 1
    for said in (
        "copilot/web/manifest.yml:7:1: unknown key `secret`",
        "copilot/tick/manifest.yml:5:11",
        "copilot/tick/addons/table.yml:1:1",
    ):
        assert said in result.stderr, result.stderr
    assert written() == []


def test_an_environment_that_is_not_there(cli: Cli) -> None:
    pipeline("test", "prot")
    result = cli("pipeline", "build")
    assert result.exit_code == 1
    assert "`prot`" in result.stderr
    assert written() == []


def test_workloads_that_were_never_added(aws: Aws, cli: Cli) -> None:
    write("copilot/api/manifest.yml", WEB.replace("web", "api").replace("/}", "/api}"))
    result = cli("pipeline", "build")
    assert result.exit_code == 1
    assert f"`api` was never added to application `{APP}`, so there is no repository for images" in result.stderr
    assert "`copilot svc init --name api`" in result.stderr
    write("copilot/tock/manifest.yml", TICK.replace("tick", "tock"))
    assert "`api`, `tock` were never added" in cli("pipeline", "build").stderr
    assert {workload.name for workload in Store(aws).workloads(APP)} == {"tick", "web"}
    assert written() == []


def test_a_stack_that_cannot_be_made_stops_before_any_image_is_built(cli: Cli) -> None:
    # There is no container engine, and none is asked for.
    write("Dockerfile", "FROM scratch\n")
    alias = WEB.replace("location: 'nginx:1'", "build: Dockerfile").replace("path: /", "path: /, alias: shop.example.com")
    write("copilot/web/manifest.yml", alias)
    result = cli("pipeline", "build")
    assert result.exit_code == 1
    assert "stack of `web` in `test`: " in result.stderr
    assert "stack of `web` in `prod`: " in result.stderr
    assert "building from" not in result.stdout
    assert written() == []


def test_an_image_that_cannot_be_built(cli: Cli) -> None:
    write("Dockerfile", "FROM scratch\n")
    write("copilot/web/manifest.yml", WEB.replace("location: 'nginx:1'", "build: Dockerfile"))
    result = cli("pipeline", "build")
    assert result.exit_code == 1
    assert "docker" in result.stderr.lower()
    assert written() == []


def test_nothing_is_published_after_a_build_that_failed(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEBUILD_BUILD_SUCCEEDING", "0")
    result = cli("pipeline", "build")
    assert (result.exit_code, "the build phase failed; nothing is published" in result.stderr) == (1, True)
    assert written() == []
