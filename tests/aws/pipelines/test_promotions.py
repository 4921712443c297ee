"""What approvals would release, with pipelines that run."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from copilot.aws.client import Aws
from copilot.aws.engine import AwsEngine
from copilot.aws.execution_failures import Failures
from copilot.aws.executions import Executions
from copilot.aws.pipeline_logs import PipelineLogs
from copilot.aws.pipeline_values import DeployedPipeline
from copilot.aws.pipelines import Pipelines
from copilot.aws.promotions import Promotions
from copilot.engine import ExecutionDetail, Promotion
from copilot.errors import ConflictError
from tests.aws.pipelines.conftest import APP, Repositories, allow_connection, wait_for
from tests.aws.pipelines.test_emulator import CONNECTION, Project

BUILD = """\
mkdir infrastructure
for environment in test prod; do
  cp stack.yml infrastructure/web-$environment.stack.yml
  cp params.json infrastructure/web-$environment.params.json
done
"""
STACK = """\
Parameters:
  ContainerImage: {Type: String}
  RulePath: {Type: String}
  TaskCPU: {Type: String, Default: 256}
  TaskCount: {Type: Number}
Resources:
  Value:
    Type: AWS::SSM::Parameter
    Properties: {Name: !Sub '/${AWS::StackName}', Type: String, Value: !Sub '${ContainerImage}${TaskCount}${RulePath}'}
"""
STAGES = "[{name: test, test_commands: ['true']}, {name: prod, requires_approval: true}]"
REGISTRY = "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop/web"


def parameters(image: str, **more: str) -> str:
    return json.dumps({"Parameters": {"ContainerImage": f"{REGISTRY}@sha256:{image}", "RulePath": "/", **more}})


@dataclass
class Releases(Project):
    """A pipeline that promotes one service."""

    pipeline: DeployedPipeline = field(init=False)

    def __post_init__(self) -> None:
        engine = AwsEngine(self.aws)
        self.logs = PipelineLogs(self.aws, grace=1)
        self.executions_ = Executions(self.aws, Failures(self.aws, self.logs, engine.inside))
        self.promotions = Promotions(self.aws, self.executions_, engine.inside)

    def begin(self, emulator: str) -> None:
        """Deploy the pipeline; its connection is allowed."""
        self.write(STAGES)
        self.repository.write("build.sh", BUILD)
        self.repository.write("stack.yml", STACK)
        self.repository.push("Begin", **{"params.json": parameters("aa", TaskCount="2")})
        self.deploy()
        wait_for(lambda: self.status() == "Failed")
        allow_connection(emulator, CONNECTION)
        self.pipeline = Pipelines(self.aws).find(APP, "main")
        self.executions_.retry(self.pipeline, self.executions()[0]["pipelineExecutionId"])

    def detail(self) -> ExecutionDetail:
        return self.executions_.detail(self.pipeline)

    def log(self, execution: str, action: str) -> str:
        """All that is to be read of an action that has ended."""
        run = next(each for each in self.executions_.actions(self.pipeline, execution) if each.action == action)
        text, offset, finished = "", 0, False
        while not finished:
            chunk = self.logs.read(run, self.aws, offset)
            text, offset, finished = text + chunk.text, chunk.next_offset, chunk.finished
        return text

    def one(self, execution: str = "") -> Promotion:
        """The approval that waits, of another execution than that."""

        def found() -> Promotion | None:
            waiting = [each for each in self.promotions.waiting(self.pipeline) if each.execution != execution]
            return waiting[0] if waiting else None

        promotion = wait_for(found)
        assert promotion is not None
        return promotion


@pytest.fixture
def releases(shop: Aws, repositories: Repositories, emulator: str) -> Releases:
    made = Releases(shop, repositories.create())
    made.begin(emulator)
    return made


def test_what_is_promoted_and_what_was_before(releases: Releases) -> None:
    first = releases.one()
    detail = releases.detail()
    revision = detail.summary.revision
    assert (first.app, first.pipeline_name, first.execution) == (APP, "main", detail.summary.id)
    assert (first.stage, first.action, first.environment) == ("DeployTo-prod", "ApprovePromotionTo-prod", "prod")
    assert (first.revision_before, first.revision_after) == (None, revision)
    assert [commit.summary for commit in first.commits] == ["Begin"]
    assert [(each.workload, each.image_before, each.image_after, each.settings) for each in first.workloads] == [
        ("web", None, "sha256:aa", ())
    ]
    assert first.tested_in == "test"
    assert detail.summary.started_at < (first.tested_at or 0) <= first.waiting_since
    assert first.expires_at == first.waiting_since + 7 * 24 * 3600

    releases.promotions.decide(releases.pipeline, first.execution, first.action, approve=True, approver="ana", comment="go")
    wait_for(lambda: releases.status() == "Succeeded")
    assert releases.promotions.waiting(releases.pipeline) == []
    approval = releases.actions(first.execution)["ApprovePromotionTo-prod"]
    assert approval["output"]["executionResult"]["externalExecutionSummary"] == "approved by ana: go"
    with pytest.raises(ConflictError, match=f"no approval `{first.action}` of execution {first.execution[:8]} waits any more"):
        releases.promotions.decide(releases.pipeline, first.execution, first.action, approve=False, approver="ben")

    assert revision is not None
    assert releases.log(first.execution, "Build").startswith("CodeBuild starts build pipeline-shop-main-BuildProject:")
    assert "Running command sh build.sh" in releases.log(first.execution, "Build")
    assert "✓ shop-prod-web" in releases.log(first.execution, "CreateOrUpdate-web-prod")
    assert releases.log(first.execution, first.action) == "approved by ana: go\n"

    releases.repository.push("Scale it", **{"params.json": parameters("bb", TaskCount="3")})
    scaled = releases.one()
    releases.repository.push("Move it", **{"params.json": parameters("bb", TaskCount="3", RulePath="/shop", TaskCPU="512")})
    wait_for(lambda: len(releases.executions()) == 3)
    releases.promotions.decide(releases.pipeline, scaled.execution, scaled.action, approve=False, approver="ben", comment="no")
    moved = releases.one(scaled.execution)
    assert moved.revision_before == revision
    assert [commit.summary for commit in moved.commits] == ["Move it", "Scale it"]
    (web,) = moved.workloads
    assert (web.image_before, web.image_after) == ("sha256:aa", "sha256:bb")
    assert sorted(web.settings) == [("count", "2", "3"), ("cpu", "256", "512"), ("http.path", "/", "/shop")]

    # Whoever may not look into the environment can still refuse, and is told what is not seen; likewise when it is gone.
    parameter = releases.aws.ssm.get_parameter(Name=f"/copilot/applications/{APP}/environments/prod")["Parameter"]
    releases.aws.ssm.delete_parameter(Name=parameter["Name"])
    hidden = releases.one()
    assert (hidden.workloads, hidden.revision_after) == ((), moved.revision_after)
    assert hidden.unseen == f"there is no environment `prod` in application `{APP}`"
    releases.promotions.decide(releases.pipeline, hidden.execution, hidden.action, approve=False, approver="ana")
