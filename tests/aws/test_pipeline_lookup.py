"""What can be checked of a pipeline where AWS cannot be asked."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.aws.pipeline_lookup import without_aws
from copilot.aws.templates.pipeline.checks import problems
from copilot.manifest.pipeline import PipelineManifest
from copilot.release.planner import Draft, draft
from tests import strategies
from tests.aws.templates.pipeline.pipelines import REPOSITORIES

REPOSITORY = st.one_of(
    strategies.texts,
    st.sampled_from([*REPOSITORIES.values(), "https://", "https://github.com/", "codecommit::eu-west-1://shop", "/srv/shop.git"]),
)


def drafted(manifest: PipelineManifest) -> Draft:
    return draft(manifest, application="shop", workloads=["api"], manifest_folder="copilot", environments=["test"])


@given(strategies.pipelines, REPOSITORY, st.sampled_from([None, "eu-west-1", "us-gov-west-1"]))
@settings(max_examples=200)
def test_any_manifest_can_be_checked(data: dict[str, Any], repository: str, region: str | None) -> None:
    data["source"]["properties"]["repository"] = repository
    try:
        manifest = PipelineManifest.model_validate(data)
    except ValueError:
        return  # a repository that cannot be one in any manifest
    for problem in problems(without_aws(manifest, drafted(manifest).plan, region)):
        assert problem.message
        assert not problem.message.endswith(".")


@pytest.mark.parametrize(
    ("region", "of_repository", "wrong"),
    [(None, "eu-west-3", False), ("eu-west-3", "eu-west-3", False), ("eu-west-1", "eu-west-3", True)],
)
def test_without_a_region_it_is_that_of_the_repository(region: str | None, of_repository: str, wrong: bool) -> None:
    properties = {"repository": f"codecommit::{of_repository}://shop", "branch": "main"}
    source = {"provider": "CodeCommit", "properties": properties}
    manifest = PipelineManifest.model_validate({"name": "main", "source": source, "stages": [{"name": "test"}]})
    assert bool(problems(without_aws(manifest, drafted(manifest).plan, region))) is wrong


def test_environments_may_be_in_accounts_of_their_own() -> None:
    source = {"provider": "GitHub", "properties": {"repository": REPOSITORIES["GitHub"], "branch": "main"}}
    stages = [{"name": name, "deployments": {"api": {"stack_name": "api"}}} for name in ("test", "prod")]
    manifest = PipelineManifest.model_validate({"name": "main", "source": source, "stages": stages})
    assert problems(without_aws(manifest, drafted(manifest).plan, None)) == []
