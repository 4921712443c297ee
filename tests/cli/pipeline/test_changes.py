from __future__ import annotations

from dataclasses import replace

from copilot.cli.pipeline._text import plain
from copilot.cli.pipeline.changes import outline, plan_changes, render
from copilot.release.plan import ApprovalAction, BuildAction, CommandsAction, DeployAction, Plan, SourceAction, Stage

FETCH = SourceAction("SourceCodeFor-shop", 1, "Git", "/srv/shop.git", "main")
SOURCE = Stage("Source", (FETCH,))
BUILD = Stage("Build", (BuildAction("Build", 1, "copilot/buildspec.yml", 60),))


def deploy(workload: str, environment: str, order: int = 1) -> DeployAction:
    return DeployAction(f"CreateOrUpdate-{workload}-{environment}", order, environment, workload, "s", "t", "c")


TEST = Stage("DeployTo-test", (deploy("api", "test"),), "test")
PROD = Stage("DeployTo-prod", (deploy("api", "prod"),), "prod")
PLAN = Plan("shop", "p", (SOURCE, BUILD, TEST, PROD))


def shown(before: Plan, after: Plan) -> str:
    return plain(render(plan_changes(before, after)))


def test_the_same_plan_has_no_changes() -> None:
    assert plan_changes(PLAN, PLAN) == []


def test_a_new_pipeline_is_outlined() -> None:
    prod = replace(
        PROD,
        actions=(
            ApprovalAction("ApprovePromotionTo-prod", 1, "prod", 60),
            deploy("api", "prod", 2),
            deploy("web", "prod", 2),
            CommandsAction("TestCommands", 3, "prod", ("make test",), 60),
        ),
    )
    assert plain(outline(replace(PLAN, stages=(SOURCE, BUILD, TEST, prod)))) == (
        "Source          main of /srv/shop.git\n"
        "Build           copilot/buildspec.yml\n"
        "DeployTo-test   api\n"
        "DeployTo-prod   approval → api, web → test commands"
    )


def test_a_gate_that_is_added_is_seen() -> None:
    gate = ApprovalAction("ApprovePromotionTo-prod", 1, "prod", 60)
    after = replace(PLAN, stages=(SOURCE, BUILD, TEST, replace(PROD, actions=(gate, deploy("api", "prod", 2)))))
    assert shown(PLAN, after) == (
        "+ DeployTo-prod / ApprovePromotionTo-prod (approval)\n~ DeployTo-prod / CreateOrUpdate-api-prod\n    run order: 1 → 2"
    )
    assert "- DeployTo-prod / ApprovePromotionTo-prod" in shown(after, PLAN)


def test_settings_stages_and_order_that_change_are_named() -> None:
    source = Stage("Source", (replace(FETCH, branch="release", paths=("src/**",)),))
    after = Plan("shop", "p", (source, BUILD, PROD, replace(TEST, on_failure="rollback")), mode="queued")
    assert shown(PLAN, after) == (
        "~ execution mode\n    superseded → queued\n"
        "~ order of the stages\n    Source → Build → DeployTo-prod → DeployTo-test\n"
        "~ Source / SourceCodeFor-shop\n    branch: main → release\n    paths: none → src/**\n"
        "~ DeployTo-test\n    on failure: stop → rollback"
    )
    assert shown(PLAN, replace(PLAN, stages=(SOURCE, BUILD, TEST))) == "- DeployTo-prod\n    CreateOrUpdate-api-prod"
