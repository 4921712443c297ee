"""What a person sees of a release on AWS that goes well, and of one that goes wrong."""

from __future__ import annotations

import time

import pytest

from copilot.aws.client import Aws
from copilot.aws.engine import AwsEngine
from copilot.engine import Engine, ExecutionDetail
from copilot.errors import NotFoundError
from tests.aws.pipelines.conftest import APP, Repositories, allow_connection, wait_for
from tests.aws.pipelines.test_emulator import BROKEN, CONNECTION, Project


def test_a_deployment_that_goes_well_and_one_that_fails(shop: Aws, repositories: Repositories, emulator: str) -> None:
    engine: Engine = AwsEngine(shop)
    project = Project(shop, repositories.create())
    project.write("[{name: test}]")
    project.repository.push("Begin")
    project.deploy()

    def ended(execution: str | None = None) -> ExecutionDetail:
        wait_for(lambda: engine.execution(APP, "main", execution).summary.ended_at is not None)
        return engine.execution(APP, "main", execution)

    source = ended().stages[0].actions[0]
    assert (source.status, source.summary) == ("Failed", f"connection `{CONNECTION}` to GitHub is not allowed yet")
    allow_connection(emulator, CONNECTION)
    first = engine.retry(APP, "main", ended().summary.id[:8]).id
    released = ended(first)
    assert released.summary.status == "Succeeded"
    # Clocks of AWS's services may differ by a second: operations on a stack that follow closer than that are not told apart.
    wait_for(lambda: time.time() > released.updated_at + 1.5)

    commit = project.repository.push("Break it", **{"stack.yml": BROKEN, "version": "2"})
    second = wait_for(lambda: next((e.id for e in engine.executions(APP, "main") if e.id != first), ""))
    failed = ended(second)
    assert (failed.summary.status, failed.summary.trigger) == ("Failed", "push")
    assert failed.summary.revision is not None
    assert (failed.summary.revision.id, failed.summary.revision.summary) == (commit, "Break it")
    assert [stage.status for stage in failed.stages] == ["Succeeded", "Succeeded", "Failed"]
    (deploy,) = failed.stages[2].actions
    assert (deploy.kind, deploy.status) == ("deploy", "Failed")
    assert "No export named nowhere" in deploy.summary
    assert "Value" in engine.log(APP, "main", second, "DeployTo-test", "CreateOrUpdate-web-test").text
    with pytest.raises(NotFoundError, match=f"execution {second[:8]} has no action `Deploy` in stage `DeployTo-test`"):
        engine.log(APP, "main", second, "DeployTo-test", "Deploy")

    (summary,) = engine.pipelines(APP)
    assert (summary.name, summary.repository) == ("main", project.repository.url)
    assert summary.latest is not None
    assert summary.latest.id == second
    engine.delete_pipeline(APP, "main")
    assert engine.pipelines(APP) == []
    with pytest.raises(NotFoundError, match="application `shop` has no pipeline `main`"):
        engine.execution(APP, "main")
