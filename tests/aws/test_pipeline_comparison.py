from __future__ import annotations

from dataclasses import replace

import pytest

from copilot.aws.pipeline_comparison import as_aws_tells
from copilot.cli.pipeline.changes import plan_changes
from copilot.manifest.loader import parse
from copilot.manifest.pipeline import PipelineManifest
from copilot.release.plan import BuildAction, Plan, SourceAction
from copilot.release.planner import plan
from tests.aws.templates.pipeline.pipelines import REPOSITORIES, STAGES, source

BUILD = "build: {image: 'aws/codebuild/amazonlinux-x86_64-standard:5.0', compute: BUILD_GENERAL1_SMALL}\n"


def wanted(text: str) -> Plan:
    manifest = parse(f"name: main\nversion: 1\n{text}{STAGES}", PipelineManifest, "pipeline.yml").model
    return plan(manifest, application="shop", workloads=["api", "db"], environments=["test", "prod"], manifest_folder="copilot")


def told(text: str, **changes: object) -> Plan:
    """The plan as AWS tells it: all that has a default is there, and nothing of a secret."""
    made = wanted(text + BUILD)
    first = made.stages[0]
    action = replace(made.source, access_token_secret=None, **changes)  # type: ignore[arg-type]  # fields of it
    return replace(made, stages=(replace(first, actions=(action,)), *made.stages[1:]))


@pytest.mark.parametrize(
    ("manifest", "present"),
    [
        (source("GitHub"), told(source("GitHub"), connection_name="copilot-ana-shop")),
        (source("GitHubV1"), told(source("GitHubV1"))),
        (source("GitHub", "access_token_secret: t"), told(source("GitHubV1"))),
        (source("GitHub").replace("/shop", "/Shop.git"), told(source("GitHub"), connection_name="copilot-ana-shop")),
        (source("GitHub", "connection_name: ours"), told(source("GitHub"), connection_name="ours")),
        (source("CodeCommit"), told(source("CodeCommit"))),
        (source("CodeCommit").replace(REPOSITORIES["CodeCommit"], "codecommit::us-east-1://shop"), told(source("CodeCommit"))),
    ],
)
def test_what_stays_is_no_change(manifest: str, present: Plan) -> None:
    assert plan_changes(present, as_aws_tells(wanted(manifest), present)) == []


def test_what_changes_is_told() -> None:
    present = told(source("GitHub"), connection_name="copilot-ana-shop")
    text = source("GitHub", "connection_name: ours").replace("branch: main", "branch: next").replace("ana/shop", "ben/shop")
    (change,) = plan_changes(present, as_aws_tells(wanted(text), present))
    assert change.what == "Source / SourceCodeFor-shop"
    assert change.notes == (
        "repository: https://github.com/ana/shop → https://github.com/ben/shop",
        "branch: main → next",
        "connection name: copilot-ana-shop → ours",
    )
    (change,) = plan_changes(present, as_aws_tells(wanted(source("GitHub") + "build: {timeout: 5}\n"), present))
    assert change.notes == ("timeout: 60 → 5",)


def test_a_source_that_was_something_else() -> None:
    present = told(source("GitHubV1"))
    first = present.stages[0]
    build = next(action for action in present.stages[1].actions if isinstance(action, BuildAction))
    other = replace(present, stages=(replace(first, actions=(replace(build, name=first.actions[0].name),)), *present.stages[1:]))
    seen = as_aws_tells(wanted(source("GitHubV1")), other)
    assert isinstance(seen.source, SourceAction)
    assert plan_changes(other, seen)
