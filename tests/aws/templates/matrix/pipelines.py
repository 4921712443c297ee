"""Pipelines with every option of their manifests, and of the application and environments that they belong to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from copilot.aws.overrides import overridden
from copilot.aws.templates.pipeline.settings import PipelineSettings
from copilot.aws.templates.pipeline.stack import PipelineStack, pipeline_stack
from copilot.aws.templates.rendering import render
from tests.aws.templates.matrix.covering import covering
from tests.aws.templates.pipeline.pipelines import BUILD, CONNECTION, REPOSITORIES, settings_of, source

_OVERRIDES = Path(__file__).with_name("overrides")
_ENTERPRISE = "https://git.ana.example:8443/ana/shop"
_CLONE = "output_artifact_format: CODEBUILD_CLONE_REF"

FACTORS: Mapping[str, Mapping[str, str]] = {
    "source": {
        "token": "GitHubV1",
        "tokened": "GitHub",
        "github": "GitHub",
        "connected": "GitHub",
        "enterprise": "GitHub",
        "gitlab": "GitLab",
        "bitbucket": "Bitbucket",
        "codecommit": "CodeCommit",
    },
    "hands_on": {"": "", "history": _CLONE},
    "paths": {"": "", "paths": "api/**"},
    "build": {"": "", "built": BUILD},
    "mode": {"": "", "queued": "execution_mode: queued\n", "parallel": "execution_mode: parallel\n"},
    "failure": {"": "", "retry": "    on_failure: retry\n", "rollback": "    on_failure: rollback\n"},
    "approval": {"": "", "approved": "    requires_approval: true\n"},
    "around": {
        "": "",
        "tested": "    test_commands: [make test, 'curl $COPILOT_LB_DNS']\n",
        "hooked": "    pre_deployments:\n      migrate: {buildspec: copilot/migrate.yml}\n"
        "    post_deployments:\n      one: {buildspec: copilot/one.yml}\n"
        "      two-more: {buildspec: copilot/two.yml, depends_on: [one]}\n",
    },
    "deployed": {
        "": "",
        "ordered": "    deployments:\n      api: {depends_on: [db]}\n      db: {stack_name: other, template_path: db.yml}\n",
    },
    "place": {"": "", "elsewhere": "", "inside": "    vpc: {placement: private}\n"},
    "layout": {"": "", "oldest": "oldest"},
    "bounds": {"": "", "bounded": "developers"},
    "patches": {"": "", "patched": "patched"},
}


IMPOSSIBLE = frozenset(
    {
        *((("source", source), ("hands_on", "history")) for source in ("token", "tokened")),
        *((("source", source), ("paths", "paths")) for source in ("token", "tokened", "codecommit")),
        (("mode", "parallel"), ("failure", "rollback")),
        (("around", ""), ("place", "inside")),
    }
)
"""Pairs that are refused."""


@dataclass(frozen=True)
class PipelineCase:
    """A pipeline, and whether its template has patches."""

    settings: PipelineSettings
    patched: bool

    def made(self) -> tuple[PipelineStack, str]:
        """Its stack, and the text of its template."""
        stack = pipeline_stack(self.settings)
        text = render(stack.template)
        return stack, overridden(_OVERRIDES, text) if self.patched else text


def pipelines() -> Iterator[tuple[str, Callable[[], PipelineCase]]]:
    """Pipelines, by a name that tells the options."""
    for row in covering({factor: list(options) for factor, options in FACTORS.items()}, IMPOSSIBLE):
        yield f"pipeline-{'-'.join(filter(None, row.values()))}", _maker(row)


def _maker(row: Mapping[str, str]) -> Callable[[], PipelineCase]:
    return lambda: PipelineCase(_settings(row), row["patches"] == "patched")


def _settings(row: Mapping[str, str]) -> PipelineSettings:
    chosen = {factor: FACTORS[factor][option] for factor, option in row.items()}
    properties = [chosen["hands_on"]] if chosen["hands_on"] else []
    named = row["source"] in {"connected", "enterprise"}
    if named:
        properties.append("connection_name: ours")
    if row["source"] == "tokened":
        properties.append("access_token_secret: github-token-shop-shop")
    text = source(chosen["source"], *properties, paths=[chosen["paths"]] if chosen["paths"] else [])
    if row["source"] == "enterprise":
        text = text.replace(REPOSITORIES["GitHub"], _ENTERPRISE)
    stage = "".join(chosen[factor] for factor in ("approval", "failure", "place", "around", "deployed"))
    made = settings_of(
        f"{text}{chosen['mode']}{chosen['build']}stages:\n  - name: test\n  - name: prod-eu\n{stage}",
        regions={"prod-eu": "eu-west-1"} if row["place"] == "elsewhere" else None,
        connection_arn=CONNECTION if named else None,
        oldest_layout=bool(chosen["layout"]),
        permissions_boundary=chosen["bounds"] or None,
    )
    return replace(made, tags={} if chosen["bounds"] else made.tags)
