from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from tests import strategies

from copilot.errors import KeyPath
from copilot.manifest.buildspec import Buildspec
from copilot.manifest.pipeline import PipelineManifest
from copilot.release.differences import (
    BUILD,
    DIFFERENCES,
    EXECUTIONS,
    SOURCE,
    STAGES,
    Difference,
    buildspec_notes,
    notes,
    nowhere,
)
from copilot.workspace import EngineName

DOCUMENT = (Path(__file__).parents[2] / "docs" / "engines.md").read_text("utf-8")
PIPELINE = {
    "name": "main",
    "source": {"provider": "GitHub", "properties": {"repository": "https://github.com/ana/shop", "branch": "main"}},
    "stages": [{"name": "test"}],
}
BUILDSPEC = {"version": "0.2", "phases": {"build": {"commands": ["make"]}}}


def manifest(**keys: Any) -> PipelineManifest:
    return PipelineManifest.model_validate({**PIPELINE, **keys})


def stage(**keys: Any) -> PipelineManifest:
    return manifest(stages=[{"name": "test", **keys}])


def source(provider: str = "GitHub", **keys: str) -> PipelineManifest:
    given = {"repository": "https://github.com/ana/shop", "branch": "main", **keys}
    return manifest(source={"provider": provider, "properties": given})


POLICY = {"PolicyDocument": {"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}}}
CONCERNED: dict[str, tuple[PipelineManifest, KeyPath]] = {
    "`source.provider: Git`": (source("Git"), ("source", "provider")),
    "`source.properties.connection_name`": (source(connection_name="ours"), ("source", "properties", "connection_name")),
    "`source.properties.access_token_secret`": (source(access_token_secret="a"), ("source", "properties", "access_token_secret")),
    "`source.properties.output_artifact_format: CODEBUILD_CLONE_REF`": (
        source(output_artifact_format="CODEBUILD_CLONE_REF"),
        ("source", "properties", "output_artifact_format"),
    ),
    "`source.paths`": (manifest(source={**PIPELINE["source"], "paths": ["api/**"]}), ("source", "paths")),  # type: ignore[dict-item]  # a mapping
    "`build.image`": (manifest(build={"image": "python:3"}), ("build", "image")),
    "`build.compute`": (manifest(build={"compute": "BUILD_GENERAL1_LARGE"}), ("build", "compute")),
    "`build.additional_policy`": (manifest(build={"additional_policy": POLICY}), ("build", "additional_policy")),
    "`deployments.<workload>.stack_name`": (
        stage(deployments={"api": {"stack_name": "ours"}, "web": None}),
        ("stages", 0, "deployments", "api", "stack_name"),
    ),
    "`deployments.<workload>.template_path`": (
        stage(deployments={"api": {"template_path": "a.yml"}}),
        ("stages", 0, "deployments", "api", "template_path"),
    ),
    "`deployments.<workload>.template_config`": (
        stage(deployments={"api": {"template_config": "a.json"}}),
        ("stages", 0, "deployments", "api", "template_config"),
    ),
    "`vpc` of a stage": (stage(vpc={"placement": "private"}, test_commands=["make test"]), ("stages", 0, "vpc")),
    "`pre_deployments`, `post_deployments`": (
        stage(post_deployments={"a": {"buildspec": "a.yml"}}),
        ("stages", 0, "post_deployments"),
    ),
    "`on_failure: rollback`": (stage(on_failure="rollback"), ("stages", 0, "on_failure")),
    "`on_failure: rollback` with `execution_mode: parallel`": (
        manifest(execution_mode="parallel", stages=[{"name": "test", "on_failure": "rollback"}]),
        ("stages", 0, "on_failure"),
    ),
}
BUILDSPECS: dict[str, tuple[dict[str, Any], KeyPath]] = {
    "`phases.install.runtime-versions`": (
        {"phases": {"install": {"runtime-versions": {"python": "3.12"}}}},
        ("phases", "install", "runtime-versions"),
    ),
    "`cache` of a buildspec": ({"cache": {"paths": ["a"]}}, ("cache",)),
    "`proxy` of a buildspec": ({"proxy": {"logs": True}}, ("proxy",)),
    "`run-as` of a buildspec": ({"phases": {"build": {"commands": ["make"], "run-as": "ana"}}}, ("phases", "build", "run-as")),
    "`env.git-credential-helper`": ({"env": {"git-credential-helper": True}}, ("env", "git-credential-helper")),
    "`env.secrets-manager`, `env.parameter-store`": ({"env": {"secrets-manager": {"A": "b"}}}, ("env", "secrets-manager")),
    "`reports.<group>.file-format`": (
        {"reports": {"a": {"files": ["a"]}, "b": {"files": ["b"], "file-format": "CLOVERXML"}}},
        ("reports", "b", "file-format"),
    ),
    "`artifacts.s3-prefix`": ({"artifacts": {"files": ["a"], "s3-prefix": "b"}}, ("artifacts", "s3-prefix")),
}


HERE = (
    "`build.image` on this machine: no effect; builds run as processes of this machine, with its programs. "
    "On AWS: the image that CodeBuild runs the build in"
)


def named(subject: str) -> Difference:
    return next(each for each in DIFFERENCES if each.subject == subject)


def test_the_documentation_has_the_same_table() -> None:
    rows = [line for line in DOCUMENT.splitlines() if line.startswith("| ") and not line.startswith("| what |")]
    assert rows == [f"| {each.subject} | {each.here} | {each.aws} |" for each in DIFFERENCES]
    titles = [line.removeprefix("## ") for line in DOCUMENT.splitlines() if line.startswith("## ")]
    assert titles == ["Source", "Build", "Stages", "Executions"]
    assert (*SOURCE, *BUILD, *STAGES, *EXECUTIONS) == DIFFERENCES


def test_each_difference_of_a_key_is_found_here() -> None:
    of_keys = {each.subject for each in DIFFERENCES if (each.find, each.find_in_buildspec) != (nowhere, nowhere)}
    assert of_keys == {*CONCERNED, *BUILDSPECS}


@pytest.mark.parametrize("subject", CONCERNED)
def test_whether_a_manifest_is_concerned(subject: str) -> None:
    concerned, place = CONCERNED[subject]
    assert list(named(subject).find(concerned)) == [place]
    assert list(named(subject).find(manifest())) == []


@pytest.mark.parametrize("subject", BUILDSPECS)
def test_whether_a_buildspec_is_concerned(subject: str) -> None:
    keys, place = BUILDSPECS[subject]
    assert list(named(subject).find_in_buildspec(Buildspec.model_validate({**BUILDSPEC, **keys}))) == [place]
    assert list(named(subject).find_in_buildspec(Buildspec.model_validate(BUILDSPEC))) == []


@pytest.mark.parametrize(
    ("engine", "message"),
    [
        (
            "local",
            HERE,
        ),
        ("aws", None),
    ],
)
def test_only_those_are_told_who_would_be_surprised(engine: EngineName, message: str | None) -> None:
    found = [problem.message for problem in notes(manifest(build={"image": "python:3"}), engine)]
    assert found == ([] if message is None else [message])


def test_both_sides_are_told_with_ones_own_first() -> None:
    buildspec = Buildspec.model_validate({**BUILDSPEC, "cache": {"paths": ["a"]}})
    (here,), (there,) = buildspec_notes(buildspec, "local"), buildspec_notes(buildspec, "aws")
    assert here.message.startswith("`cache` on this machine: no effect;")
    assert there.message.startswith("`cache` on AWS: no effect;")


@given(strategies.pipelines)
@settings(max_examples=50)
def test_any_manifest_can_be_asked(data: dict[str, Any]) -> None:
    model = PipelineManifest.model_validate(data)
    for engine in ("local", "aws"):
        assert all(problem.at == "key" for problem in notes(model, engine))
