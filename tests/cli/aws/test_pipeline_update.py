"""`copilot pipeline update` on AWS, with pipelines that really run."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from copilot.aws.applications import Applications
from copilot.aws.client import Aws
from copilot.aws.connections import Connections
from copilot.aws.pipelines import Pipelines
from copilot.aws.stack_values import StackRequest
from copilot.aws.stacks import Stacks
from copilot.aws.store import Store
from tests.aws import conftest as on_aws
from tests.aws.pipelines.conftest import (
    APP,
    Repositories,
    Repository,
    allow_connection,
    make_environment,
    reset,
    wait_for,
)
from tests.aws.test_pipelines import template
from tests.cli.conftest import Cli, Terminals

STACK = "pipeline-shop-main"
SECRET = "github-token-shop-shop"
BUILDSPEC = "version: 0.2\nphases: {build: {commands: ['true']}}\nartifacts: {files: ['**/*']}\n"
WEB = "name: web\ntype: Backend Service\nimage: {location: 'nginx:1'}\n"


@dataclass
class Project:
    """A checkout with a pipeline, which the current folder is in."""

    aws: Aws
    repository: Repository

    @property
    def connection(self) -> str:
        """The name of the connection that is made for it."""
        return f"copilot-{self.repository.full_name.replace('/', '-')}"

    def write(self, stages: str = "[{name: test}]", **properties: str) -> None:
        """Write the manifest, commit it and push it."""
        source = {"provider": "GitHub", "properties": {"repository": self.repository.url, "branch": "main", **properties}}
        text = f"name: main\nversion: 1\nsource: {json.dumps(source)}\nstages: {stages}\n"
        self.repository.push("Write", **{"copilot/pipelines/main/manifest.yml": text})

    @property
    def executions(self) -> list[dict[str, Any]]:
        """Newest first."""
        (pipeline,) = Pipelines(self.aws).deployed(APP)
        answer: Any = self.aws.codepipeline.list_pipeline_executions(pipelineName=pipeline.pipeline_name)
        return list(answer["pipelineExecutionSummaries"])

    def fetched(self) -> bool:
        """Whether the newest execution has got past its source."""
        (pipeline,) = Pipelines(self.aws).deployed(APP)
        state = self.aws.codepipeline.get_pipeline_state(name=pipeline.pipeline_name)["stageStates"][0]
        latest = state.get("latestExecution", {})
        return latest.get("status") == "Succeeded" and latest["pipelineExecutionId"] == self.executions[0]["pipelineExecutionId"]

    def untouched(self) -> bool:
        """Whether there is no trace of a pipeline."""
        return Stacks(self.aws).find(STACK) is None and not self.aws.codepipeline.list_pipelines()["pipelines"]


@pytest.fixture(scope="module")
def shop(emulator: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """An account with application `shop`, which has environment `test`; each test leaves it as it was."""
    with pytest.MonkeyPatch.context() as patch:
        aws = on_aws.empty_account(emulator, tmp_path_factory.mktemp("no-aws"), patch)
        Applications(aws, pause=0.01).create(APP)
        make_environment(aws, "test")
        yield aws
        reset(emulator)


@pytest.fixture
def project(shop: Aws, repositories_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    repository = Repositories(repositories_folder, tmp_path).create(f"shop-{next(_numbers)}")
    project = Project(shop, repository)
    repository.write("copilot/.workspace", f"application: {APP}\nengine: aws\n")
    repository.write("copilot/web/manifest.yml", WEB)
    repository.write("copilot/pipelines/main/buildspec.yml", BUILDSPEC)
    project.write()
    monkeypatch.chdir(repository.work)
    yield project
    for pipeline in Pipelines(shop, pause=0.01).deployed(APP):
        Pipelines(shop, pause=0.01).delete(pipeline, abandon=True)
    Stacks(shop, pause=0.01).delete(STACK)
    for secret in shop.secretsmanager.list_secrets()["SecretList"]:
        shop.secretsmanager.delete_secret(SecretId=secret["Name"], ForceDeleteWithoutRecovery=True)
    for connection in list(Connections(shop).all()):
        shop.codeconnections.delete_connection(ConnectionArn=connection.arn)
    shutil.rmtree(repository.bare)


_numbers = itertools.count(1)


@pytest.fixture
def allowed(project: Project, emulator: str) -> str:
    """A connection that is there and allowed; its name."""
    project.aws.codeconnections.create_connection(ConnectionName="ours", ProviderType="GitHub")
    allow_connection(emulator, "ours")
    return "ours"


@pytest.fixture
def token(project: Project) -> None:
    """A pipeline that fetches with a token, which is there."""
    project.aws.secretsmanager.create_secret(Name=SECRET, SecretString="ghp_secret")
    project.write(access_token_secret=SECRET)


def test_a_pipeline_from_its_beginning_to_an_update(project: Project, allowed: str, cli: Cli) -> None:
    project.write(connection_name=allowed)
    made = cli.ok("pipeline", "update")
    assert "DeployTo-test   web\n" in made.stdout
    assert "Created pipeline main in" in made.stderr
    (execution,) = project.executions
    assert f"Execution {execution['pipelineExecutionId'][:8]} has begun by itself" in made.stderr
    assert "the connection tells of each push" in made.stderr
    assert made.stderr.endswith("Next   copilot pipeline status --watch\n")
    wait_for(project.fetched)
    stack = Stacks(project.aws).require(STACK)
    assert (stack.tags["copilot-application"], stack.tags["copilot-pipeline"]) == (APP, "main")

    again = cli.ok("pipeline", "update")
    assert "Nothing to change in pipeline main" in again.stderr
    assert f"Started execution {project.executions[0]['pipelineExecutionId'][:8]}" in again.stderr
    assert len(project.executions) == 2
    assert again.stdout == ""

    project.write("[{name: test, requires_approval: true}]", connection_name=allowed)
    wait_for(lambda: len(project.executions) == 3)
    changed = cli.ok("pipeline", "update")
    assert "Updated pipeline main in" in changed.stderr
    assert changed.stdout.splitlines() == [
        "  + DeployTo-test / ApprovePromotionTo-test (approval)",
        "  ~ DeployTo-test / CreateOrUpdate-web-test",
        "      run order: 1 → 2",
    ]


def test_what_is_not_committed_or_pushed_is_said(project: Project, token: None, cli: Cli) -> None:
    project.repository.commit("Not pushed", **{"copilot/web/manifest.yml": WEB + "count: 2\n"})
    (project.repository.work / "copilot/web/manifest.yml").write_text(WEB)
    said = cli.ok("pipeline", "update").stderr
    assert "not committed: copilot/web/manifest.yml" in said
    project.repository.work.joinpath("copilot/web/manifest.yml").write_text(WEB + "count: 2\n")


def test_a_pipeline_waits_for_its_connection(project: Project, terminal: Terminals, emulator: str) -> None:
    program = terminal("pipeline", "update", columns=200)
    program.wait_for(f"Connection {project.connection} waits until a person allows it to read the repository")
    (connection,) = Connections(project.aws).all()
    where = f"/us-east-1/codestar-connections/connections/{connection.arn.rpartition('/')[2]}?region=us-east-1"
    program.wait_for(f"https://us-east-1.console.aws.amazon.com/codesuite/settings/123456789012{where}")
    program.wait_for(f"Waiting until connection {project.connection} is allowed")
    allow_connection(emulator, project.connection)
    program.wait_for("The connection is allowed")
    program.wait_for(f"Retried execution {project.executions[0]['pipelineExecutionId'][:8]}")
    assert program.finish() == 0
    assert len(project.executions) == 1
    wait_for(project.fetched)


def test_stopping_to_wait_leaves_all_as_it_is(project: Project, terminal: Terminals, emulator: str) -> None:
    program = terminal("pipeline", "update", columns=200)
    program.wait_for("Waiting until connection")
    program.interrupt()
    program.wait_for("The pipeline is there, and its connection still waits to be allowed.")
    program.wait_for("Run the same command again to wait for it")
    program.wait_for("Stopped.")
    assert program.finish() == 130
    assert Stacks(project.aws).require(STACK).status == "CREATE_COMPLETE"

    again = terminal("pipeline", "update", columns=200)
    again.wait_for("Nothing to change in pipeline main")
    again.wait_for("Waiting until connection")
    allow_connection(emulator, project.connection)
    again.wait_for("Retried execution")
    assert again.finish() == 0
    wait_for(project.fetched)


def kill_at(text: str) -> str:
    """Run an update, and kill it as soon as it says something; the answer is all that it said."""
    command = [sys.executable, "-m", "copilot", "pipeline", "update"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        assert process.stderr is not None
        said = ""
        try:
            while text not in said:
                line = process.stderr.readline()
                assert line, said
                said += line
        finally:
            process.kill()
    return said


def test_an_update_that_was_killed_while_it_waited_for_the_connection(project: Project, cli: Cli, emulator: str) -> None:
    said = kill_at("Waiting until")
    # Without a terminal, too, the whole address is on one line.
    assert f"/connections/{next(Connections(project.aws).all()).arn.rpartition('/')[2]}?region=us-east-1\n" in said
    allow_connection(emulator, project.connection)
    again = cli.ok("pipeline", "update").stderr
    assert "Nothing to change in pipeline main" in again
    assert "Started execution" in again
    wait_for(project.fetched)


def test_an_update_that_was_killed_while_the_stack_was_made(project: Project, token: None, cli: Cli) -> None:
    kill_at(f"{STACK} …")
    again = cli.ok("pipeline", "update").stderr
    assert "Created pipeline main" in again or "Nothing to change in pipeline main" in again
    wait_for(project.fetched)


def test_an_update_that_was_killed_before_the_stack_was_made(project: Project, token: None, cli: Cli) -> None:
    proposal = Stacks(project.aws).propose(StackRequest(STACK, "Resources: {Queue: {Type: 'AWS::SQS::Queue'}}"))
    assert proposal is not None
    assert Stacks(project.aws).find(STACK).status == "REVIEW_IN_PROGRESS"  # type: ignore[union-attr]  # a proposal makes it
    assert "Created pipeline main in" in cli.ok("pipeline", "update").stderr


def test_a_stack_that_could_not_be_made_is_made_anew(project: Project, token: None, cli: Cli) -> None:
    place = "/Resources/Pipeline/Properties/Stages/0/Actions/0/Configuration/OAuthToken"
    override = f"- {{op: replace, path: {place}, value: '{{{{resolve:secretsmanager:not-there}}}}'}}\n"
    patches = Path("copilot/pipelines/main/overrides/cfn.patches.yml")
    patches.parent.mkdir()
    patches.write_text(override)
    failed = cli("pipeline", "update")
    assert failed.exit_code == 1
    assert "could not be created" in failed.stderr
    assert Stacks(project.aws).find(STACK).status == "ROLLBACK_COMPLETE"  # type: ignore[union-attr]  # it was begun
    patches.unlink()
    assert "Created pipeline main in" in cli.ok("pipeline", "update").stderr


def test_what_was_deleted_or_changed_by_hand_is_told(project: Project, token: None, cli: Cli) -> None:
    cli.ok("pipeline", "update")
    (deployed,) = Pipelines(project.aws).deployed(APP)
    build = f"{STACK}-BuildProject"
    structure = project.aws.codepipeline.get_pipeline(name=deployed.pipeline_name)["pipeline"]
    structure["executionMode"] = "QUEUED"
    project.aws.codepipeline.update_pipeline(pipeline=structure)
    by_hand = cli.ok("pipeline", "update")
    assert "was changed by hand" in by_hand.stderr
    assert "queued → superseded" in by_hand.stdout

    project.aws.codebuild.delete_project(name=build)
    incomplete = cli("pipeline", "update")
    assert incomplete.exit_code == 1
    assert f"deleted by hand, which CloudFormation does not notice: CodeBuild project `{build}`" in incomplete.stderr

    project.aws.codepipeline.delete_pipeline(name=deployed.pipeline_name)
    assert "has no pipeline yet" in cli("pipeline", "status").stderr
    gone = cli("pipeline", "update")
    assert gone.exit_code == 1
    assert f"pipeline `{deployed.pipeline_name}`" in gone.stderr
    assert "`copilot pipeline delete --name main`" in gone.stderr
    assert "Deleted pipeline main" in cli.ok("pipeline", "delete", "--name", "main", "--yes").stderr
    assert "Created pipeline main" in cli.ok("pipeline", "update").stderr


@pytest.mark.parametrize(
    ("properties", "stages", "line"),
    [
        ({}, "[{name: tset}]", "environment `tset` does not exist"),
        ({"connection_name": "theirs"}, "[{name: test}]", "there is no connection `theirs`"),
        ({"access_token_secret": SECRET}, "[{name: test}]", f"there is no secret `{SECRET}`"),
        ({"access_token_secret": SECRET}, "[{name: tset}]", f"there is no secret `{SECRET}`"),
    ],
)
def test_nothing_is_made_of_a_bad_manifest(
    project: Project, cli: Cli, properties: dict[str, str], stages: str, line: str
) -> None:
    project.write(stages, **properties)
    refused = cli("pipeline", "update")
    assert refused.exit_code == 1
    assert line in refused.stderr
    assert refused.stderr.endswith("nothing was changed\n")
    assert project.untouched()


def test_a_connection_that_does_not_work(project: Project, cli: Cli, emulator: str) -> None:
    project.aws.codeconnections.create_connection(ConnectionName="ours", ProviderType="GitHub")
    allow_connection(emulator, "ours", "ERROR")
    project.write(connection_name="ours")
    refused = cli("pipeline", "update")
    assert refused.exit_code == 1
    assert "connection `ours` to GitHub does not work" in refused.stderr
    assert "mend it at https://us-east-1.console.aws.amazon.com/codesuite/settings/" in refused.stderr
    assert project.untouched()


def test_what_changes_is_shown_and_may_be_declined(project: Project, token: None, terminal: Terminals, cli: Cli) -> None:
    declined = terminal("pipeline", "update", "--diff", columns=200)
    declined.wait_for("+ Pipeline (AWS::CodePipeline::Pipeline): A pipeline on AWS CodePipeline")
    declined.wait_for("DeployTo-test   web")
    declined.wait_for("Make it so?")
    declined.type("n")
    declined.wait_for("Nothing was changed.")
    assert declined.finish() == 0
    assert project.untouched()

    assert "Created pipeline main" in cli.ok("pipeline", "update", "--diff", "--yes").stderr
    project.write("[{name: test, requires_approval: true}]", access_token_secret=SECRET)
    before = Stacks(project.aws).template(STACK)
    missing = cli("pipeline", "update", "--diff")
    assert (missing.exit_code, Stacks(project.aws).template(STACK)) == (2, before)
    assert "+ DeployTo-test / ApprovePromotionTo-test (approval)" in missing.stdout
    assert "~ Pipeline (AWS::CodePipeline::Pipeline)" in missing.stdout
    assert "`--yes` is missing" in missing.stderr
    assert "Updated pipeline main" in cli.ok("pipeline", "update", "--diff", "--yes").stderr

    same = terminal("pipeline", "update", "--diff", columns=200)
    same.wait_for("Nothing changes. Start an execution?")
    same.type("n")
    assert same.finish() == 0


def test_what_the_application_lacks_in_a_region_is_made(shop: Aws, project: Project, cli: Cli, terminal: Terminals) -> None:
    shop.secretsmanager.create_secret(Name=SECRET, SecretString="ghp_secret")
    project.write("[{name: far}]", access_token_secret=SECRET)
    test = Store(shop).environment(APP, "test").to_dict()
    shop.ssm.put_parameter(
        Name="/copilot/applications/shop/environments/far",
        Value=json.dumps({**test, "name": "far", "region": "eu-west-1"}),
        Type="String",
    )
    assert Applications(shop).regions(APP) == ["us-east-1"]
    declined = terminal("pipeline", "update", "--diff", columns=200)
    declined.wait_for("Application shop has nothing in eu-west-1 yet")
    declined.type("n")
    declined.wait_for("Nothing was changed.")
    assert declined.finish() == 0
    assert Applications(shop).regions(APP) == ["us-east-1"]

    assert "Made a bucket and a key of application shop in eu-west-1" in cli.ok("pipeline", "update").stderr
    template = Stacks(shop).template(STACK)
    assert Applications(shop).resources(APP, "eu-west-1").bucket in template
    shop.ssm.delete_parameter(Name="/copilot/applications/shop/environments/far")


def test_services_that_were_never_added_get_a_repository(project: Project, token: None, cli: Cli) -> None:
    project.repository.push("Add", **{"copilot/queue/manifest.yml": WEB.replace("name: web", "name: queue")})
    cli.ok("pipeline", "update")
    assert {"web", "queue"} == {each.name for each in Store(project.aws).workloads(APP)}
    repositories = project.aws.ecr.describe_repositories()["repositories"]
    assert "shop/queue" in {each["repositoryName"] for each in repositories}


def test_nobody_waits_with_detach(project: Project, cli: Cli) -> None:
    said = cli.ok("pipeline", "update", "--detach").stderr
    assert "AWS works on pipeline main now" in said
    said = cli.ok("pipeline", "update", "--detach").stderr
    assert "Nothing to change in pipeline main" in said
    assert "https://us-east-1.console.aws.amazon.com/codesuite/settings/" in said
    assert len(project.executions) == 1


def test_a_pipeline_of_the_oldest_layout_is_updated_in_place(project: Project, token: None, cli: Cli) -> None:
    name = "pipeline-shop-ana-shop"
    text = template(f"!Sub ['{{{{resolve:secretsmanager:${{SecretId}}}}}}', {{SecretId: {SECRET}}}]", named=True)
    project.aws.s3.create_bucket(Bucket="artifacts")
    Stacks(project.aws, pause=0.01).deploy(StackRequest(name, text, tags={"copilot-application": APP}))
    manifest = Path("copilot/pipelines/main/manifest.yml")
    for path in (manifest, manifest.with_name("buildspec.yml")):
        path.rename(Path("copilot", {"manifest.yml": "pipeline.yml"}.get(path.name, path.name)))
    shutil.rmtree("copilot/pipelines")
    path = Path("copilot/pipeline.yml")
    path.write_text(path.read_text().replace("name: main", f"name: {name}"))
    updated = cli.ok("pipeline", "update")
    assert f"Updated pipeline {name}" in updated.stderr
    assert "CodePipeline looks for changes in GitHub every minute" in updated.stderr
    assert "+ DeployTo-test / CreateOrUpdate-web-test (deploy)" in updated.stdout
    (pipeline,) = Pipelines(project.aws).deployed(APP)
    assert (pipeline.name, pipeline.pipeline_name, pipeline.stack_name) == (name, name, name)


def test_a_long_template_goes_through_the_bucket(project: Project, token: None, cli: Cli) -> None:
    tests = [f"echo {'x' * 500}" for _ in range(110)]
    project.write(json.dumps([{"name": "test", "test_commands": tests}]), access_token_secret=SECRET)
    cli.ok("pipeline", "update")
    assert len(Stacks(project.aws).template(STACK)) > 51_200
    bucket = Applications(project.aws).resources(APP, "us-east-1").bucket
    found = project.aws.s3.list_objects_v2(Bucket=bucket, Prefix=f"manual/templates/{STACK}/")
    assert found["KeyCount"] == 1
