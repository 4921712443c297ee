"""The pipeline manifest: where a push goes, in which order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from copilot.manifest.faults import Fault, bad_value
from copilot.manifest.policy import policy_faults
from copilot.manifest.scalars import (
    ActionName,
    AnyText,
    Choice,
    Command,
    FilePath,
    Flag,
    Name,
    Text,
    VariableName,
    Whole,
    WholeChoice,
    Word,
)
from copilot.manifest.section import Section
from copilot.manifest.values import Written, plain, shown

Provider = Annotated[Literal["GitHub", "GitHubV1", "Bitbucket", "CodeCommit", "GitLab", "Git"], Choice]
_STAGES_HINT = "name at least one environment: `stages: [{name: test}]`"
_IMAGE = re.compile(
    r"(?:[A-Za-z0-9][A-Za-z0-9.-]*(?::\d{1,5})?/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*(?::\w[\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)
_LONGEST_VARIABLE = 128 * 1024
"""Bytes of an environment variable with which Linux starts a program."""
_STACK_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,127}")


def _pattern(value: str) -> str:
    if not value.isprintable():
        raise bad_value("must not contain control characters")
    if value.startswith("!"):
        raise bad_value("cannot begin with `!`", "say what starts an execution; all else does not")
    if value.startswith("/") or ".." in value.split("/"):
        hint = "paths begin at the repository's root, without a `/` in front"
        raise bad_value("matches no file of the repository", hint)
    return value


def _image(value: str) -> str:
    if not _IMAGE.fullmatch(value):
        raise bad_value(
            f"cannot be {shown(value)}: this is no name of an image", "such as `aws/codebuild/amazonlinux-x86_64-standard:5.0`"
        )
    return value


def _stack_name(value: str) -> str:
    if not _STACK_NAME.fullmatch(value):
        raise bad_value(
            "cannot be the name of a CloudFormation stack", "use at most 128 letters, digits and hyphens, a letter first"
        )
    return value


def _inside(value: str) -> str:
    if value.startswith("/") or ".." in value.split("/") or ":" in value:
        raise bad_value(
            "must be a path inside of the build's output, without `..` and `:`", "such as `infrastructure/api-test.stack.yml`"
        )
    return value


PathPattern = Annotated[Text, AfterValidator(_pattern), Field(max_length=255)]
InnerPath = Annotated[Word, AfterValidator(_inside)]
"""A path inside of what the build hands on."""
Compute = Annotated[
    Literal[
        "BUILD_GENERAL1_SMALL",
        "BUILD_GENERAL1_MEDIUM",
        "BUILD_GENERAL1_LARGE",
        "BUILD_GENERAL1_XLARGE",
        "BUILD_GENERAL1_2XLARGE",
    ],
    Choice,
]
"""What CodeBuild has for builds that use Docker."""


class SourceProperties(Section):
    """Which repository and branch."""

    hints: ClassVar[Mapping[str, str]] = {
        "repository": "such as `repository: https://github.com/ana/shop`",
        "branch": "such as `branch: main`",
    }

    repository: FilePath = Field(description="URL of the repository, or its path on this disk.")
    branch: Word = Field(description="A push to this branch starts an execution.")
    access_token_secret: Word | None = Field(
        None, description="Name of the secret that holds the access token for the repository. Never the token itself."
    )
    connection_name: Annotated[Word, Field(max_length=32)] | None = Field(
        None, description="Name of an existing CodeStar connection to use (aws engine)."
    )
    output_artifact_format: Annotated[Literal["CODE_ZIP", "CODEBUILD_CLONE_REF"], Choice] | None = Field(
        None, description="`CODEBUILD_CLONE_REF` gives the build the whole git history; `CODE_ZIP`, the default, only the files."
    )


class Source(Section):
    """Where the code comes from."""

    provider: Provider = Field(description="Who hosts the repository. `Git` is any repository that git can fetch (local engine).")
    properties: SourceProperties = Field(description="Which repository and branch.")
    paths: Annotated[tuple[PathPattern, ...], Field(max_length=8)] = Field(
        (), description="Only pushes that touch a file matching one of these globs start an execution. Left out: every push does."
    )

    @classmethod
    def rules(cls, data: Mapping[str, Any]) -> Iterable[Fault]:
        """An empty list of paths would mean that no push ever starts an execution."""
        paths = data.get("paths")
        if paths == []:
            yield Fault(("paths",), "value", "must not be an empty list", "remove it: then every push starts an execution")
        for index, path in enumerate(paths if isinstance(paths, (list, tuple)) else ()):
            if isinstance(path, str) and path in list(paths or ())[:index]:
                yield Fault(("paths", index), "sentence", f"{shown(path)} is there twice", "remove one of them")


class AdditionalPolicy(Section):
    """What the build may do on AWS, beyond what it needs for itself."""

    hints: ClassVar[Mapping[str, str]] = {"PolicyDocument": "put `Statement` into it, as in `PolicyDocument: {Statement: […]}`"}

    PolicyDocument: Annotated[dict[str, Any], BeforeValidator(plain)] = Field(
        description="An IAM policy document, attached to the build's role (aws engine)."
    )

    @classmethod
    def rules(cls, data: Mapping[str, Any]) -> Iterable[Fault]:
        """It is attached to a role, so it is one that IAM takes for roles."""
        document = data.get("PolicyDocument")
        for fault in policy_faults(document) if isinstance(document, Mapping) else ():
            yield replace(fault, path=("PolicyDocument", *fault.path))


class Build(Section):
    """How the code is built."""

    image: Annotated[Word, AfterValidator(_image)] | None = Field(
        None, description="Image the build runs in on CodeBuild (aws engine)."
    )
    buildspec: FilePath | None = Field(
        None, description="Path of the buildspec, from the repository's root. Default: next to this file."
    )
    additional_policy: AdditionalPolicy | None = Field(None, description="Further permissions of the build (aws engine).")
    compute: Compute | None = Field(
        None, description="Compute type of the CodeBuild project, such as `BUILD_GENERAL1_SMALL` (aws engine)."
    )
    timeout: Annotated[Whole, Field(ge=5, le=2160)] = Field(60, description="Minutes after which the build is stopped.")
    variables: dict[VariableName, AnyText] = Field(default_factory=dict, description="Environment variables for the build.")

    @classmethod
    def rules(cls, data: Mapping[str, Any]) -> Iterable[Fault]:
        """Variables are read by a shell, and some names are CodeBuild's own."""
        variables = data.get("variables")
        for name, value in variables.items() if isinstance(variables, Mapping) else ():
            if isinstance(value, str) and len(f"{name}={value}".encode()) >= _LONGEST_VARIABLE:
                text = f"must have less than {_LONGEST_VARIABLE:,} bytes, with its name"
                yield Fault(("variables", name), "value", text, "put what is long into a file")
            if name.startswith("CODEBUILD_"):
                text = "must not begin with `CODEBUILD_`: these names are CodeBuild's own"
                yield Fault(("variables", name), "value", text, at="key")
            elif re.search(r"\W|^\d", name, re.ASCII) and "=" not in name and name.isprintable() and " " not in name:
                hint = "use letters, digits and `_`, and no digit first"
                yield Fault(("variables", name), "value", "cannot be read by a shell", hint, "key")


class Hook(Section):
    """A buildspec to run before or after the deployments of a stage."""

    buildspec: FilePath = Field(description="Path of the buildspec to run, from the repository's root.")
    depends_on: tuple[ActionName, ...] = Field((), description="Actions of the same list that must have succeeded before.")


class DeploymentSettings(Section):
    """How one workload is deployed in a stage."""

    depends_on: tuple[Name, ...] = Field((), description="Workloads of this stage that are deployed before this one.")
    stack_name: Annotated[Word, AfterValidator(_stack_name)] | None = Field(
        None, description="CloudFormation stack. Default: `<app>-<env>-<workload>` (aws engine)."
    )
    template_path: InnerPath | None = Field(None, description="Template inside the build's output (aws engine).")
    template_config: InnerPath | None = Field(None, description="Template configuration inside the build's output (aws engine).")


def _nothing(value: Any) -> Any:
    return None if isinstance(value, Written) and value.value is None else value


def _placement(value: Any) -> Any:
    if plain(value) is None or value == "private":
        return value
    if value == "public":
        hint = "a build gets no public address there, and so has no way out; write `private`"
        raise bad_value("cannot be `public`", hint)
    raise bad_value(f"is unknown: {shown(value)}", "it is `private`")


class StageVpc(Section):
    """Where in the environment's network on AWS the builds of a stage run."""

    hints: ClassVar[Mapping[str, str]] = {"placement": "write `placement: private`"}

    placement: Annotated[Literal["private"], BeforeValidator(_placement)] = Field(
        description="`private`: in its private subnets, from where they reach what is in the network."
    )


class Stage(Section):
    """One environment that a release passes through."""

    name: Name = Field(description="The environment to deploy to.")
    requires_approval: Flag = Field(False, description="Wait for a person's approval before anything of this stage happens.")
    pre_deployments: dict[ActionName, Hook] | None = Field(None, description="Buildspecs to run before the deployments, by name.")
    post_deployments: dict[ActionName, Hook] | None = Field(None, description="Buildspecs to run after the deployments, by name.")
    deployments: dict[Name, Annotated[DeploymentSettings | None, BeforeValidator(_nothing)]] | None = Field(
        None, description="The workloads to deploy, and what each waits for. Left out: all workloads, side by side."
    )
    test_commands: tuple[Command, ...] | None = Field(None, description="Shell commands that test what was just deployed.")
    vpc: StageVpc | None = Field(
        None,
        description="Run the stage's pre- and post-deployments and tests inside of the environment's network. "
        "Left out: outside of it (aws engine).",
    )
    on_failure: Annotated[Literal["stop", "rollback", "retry"], Choice] = Field(
        "stop", description="What happens when an action of this stage fails."
    )

    @classmethod
    def rules(cls, data: Mapping[str, Any]) -> Iterable[Fault]:
        """CodePipeline's order leaves one place after the deployments; and what is to be in a network is there."""
        if data.get("deployments") == {}:
            hint = "leave it out: then all workloads are deployed"
            yield Fault(("deployments",), "value", "must not be empty", hint)
        if data.get("vpc") and not any(data.get(key) for key in ("pre_deployments", "post_deployments", "test_commands")):
            yield Fault(
                ("vpc",),
                "sentence",
                "`vpc` is for `pre_deployments`, `post_deployments` and `test_commands`, and the stage has none of them",
                "leave it out; where services run is said in their own manifests, under `network`",
                "key",
            )
        if data.get("test_commands") and data.get("post_deployments"):
            yield Fault(
                ("test_commands",),
                "sentence",
                "`test_commands` and `post_deployments` cannot be used together in one stage",
                "run the commands from the buildspec of a post-deployment",
                "key",
            )


class PipelineManifest(Section):
    """A pipeline: where a push goes, in which order."""

    hints: ClassVar[Mapping[str, str]] = {
        "name": "such as `name: shop-main`",
        "source": "it says which repository and branch; `copilot pipeline init` writes one",
        "stages": _STAGES_HINT,
    }

    name: ActionName = Field(description="Name of the pipeline.")
    version: Annotated[Literal[1], WholeChoice] = Field(1, description="Version of this file's schema.")
    source: Source = Field(description="Where the code comes from.")
    execution_mode: Annotated[Literal["superseded", "queued", "parallel"], Choice] = Field(
        "superseded",
        description="What happens to an execution that waits to enter a stage when a newer one arrives: it is superseded, "
        "it keeps its place in the queue, or all run side by side.",
    )
    build: Build | None = Field(None, description="How the code is built.")
    stages: tuple[Stage, ...] = Field(description="The environments to release to, in order.")

    @classmethod
    def rules(cls, data: Mapping[str, Any]) -> Iterable[Fault]:
        """A release passes at least one environment, and each of them once."""
        stages = data.get("stages")
        if stages in ([], ()):
            yield Fault(("stages",), "value", "must not be empty", _STAGES_HINT)
        seen = set()
        for index, stage in enumerate(stages if isinstance(stages, (list, tuple)) else ()):
            name = stage.get("name") if isinstance(stage, Mapping) else getattr(stage, "name", None)
            if isinstance(name, str) and name in seen:
                yield Fault(
                    ("stages", index, "name"), "sentence", f"stage `{name}` is there twice", "an environment has one stage"
                )
            if isinstance(name, str):
                seen.add(name)
