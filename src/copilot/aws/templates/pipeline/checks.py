"""What AWS would refuse of a pipeline, found before anything is asked of it; each with its place in the manifest.

The lengths of names are no matter: the names of applications, environments, workloads and actions are short enough.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from copilot.aws.templates.pipeline.network import network_problems
from copilot.aws.templates.pipeline.projects import project_ids
from copilot.aws.templates.pipeline.settings import PipelineSettings, SourceKind
from copilot.aws.templates.pipeline.sizes import oversized_roles
from copilot.aws.templates.pipeline.source import commit_page
from copilot.errors import KeyPath, Problem, RepositoryError
from copilot.release.plan import BUILD_ARTIFACT, DeployAction
from copilot.repository import host_of, owner_and_name

LONGEST_VALUE = 1000
"""Characters of a value in an action's configuration (quotas of CodePipeline)."""
LONGEST_STACK_NAME = 128
"""Characters of the name of a stack, and of the name of a policy in IAM."""

_STACK_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_REPOSITORY_ID = re.compile(r"[A-Za-z0-9_.~-]+(?:/[A-Za-z0-9_.-]+)+")
_CODECOMMIT_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_SECRET = re.compile(r"[A-Za-z0-9/_+=.@-]+|arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@-]+")
_HOSTS = {"GitHub": "github.com", "GitHubV1": "github.com", "GitLab": "gitlab.com", "Bitbucket": "bitbucket.org"}
_PROPERTIES: KeyPath = ("source", "properties")
_REPOSITORY: KeyPath = (*_PROPERTIES, "repository")


def problems(settings: PipelineSettings) -> list[Problem]:
    """All of them. The plan may be one that cannot be, with workloads that there are not, for example."""
    found = [
        *_name(settings),
        *_source(settings),
        *_build(settings),
        *_stages(settings),
        *_deployments(settings),
        *_same_stacks(settings),
        *network_problems(settings),
    ]
    # Roles name the repository.
    return found if any(each.path == _REPOSITORY for each in found) else [*found, *oversized_roles(settings)]


def codecommit_region(repository: str) -> str | None:
    """The region of a repository of CodeCommit; None if it is none."""
    try:
        host = host_of(repository)
    except RepositoryError:
        return None
    if not host.startswith("git-codecommit"):
        return None
    return host.split(".")[1] if "." in host else None


def _name(settings: PipelineSettings) -> Iterator[Problem]:
    name = settings.stack_name
    additional = settings.manifest.build and settings.manifest.build.additional_policy
    longest = LONGEST_STACK_NAME - len("-BuildProjectAdditionalPolicy" if additional else "-CodepipelinePolicy")
    if not _STACK_NAME.fullmatch(name):
        hint = "use letters, digits and hyphens"
        yield Problem(("name",), f"`{name}` cannot be the name of a CloudFormation stack", hint)
    if len(name) > longest:
        message = f"the stack `{name}` would have a name of {len(name)} characters; it may have {longest}"
        yield Problem(("name",), message, "choose a shorter name")


def _source(settings: PipelineSettings) -> Iterator[Problem]:
    source = settings.manifest.source
    if source.provider == "Git":
        hint = "on AWS the repository is on GitHub, GitLab, Bitbucket or CodeCommit"
        yield Problem(("source", "provider"), "CodePipeline cannot fetch from any git server", hint)
        return
    kind = settings.source_kind
    yield from _access(settings, kind)
    yield from _repository(settings, kind)
    if source.paths and kind != "connection":
        message = "CodePipeline looks at the files of a push only where it has a connection to the repository"
        hint = "leave `paths` out; every push starts an execution then"
        yield Problem(("source", "paths"), message, _or_connection(hint, kind), "key")
    if source.properties.output_artifact_format == "CODEBUILD_CLONE_REF" and kind == "token":
        message = "with an access token CodePipeline hands on the files of the commit, not the git history"
        hint = "leave `output_artifact_format` out"
        yield Problem((*_PROPERTIES, "output_artifact_format"), message, _or_connection(hint, kind))


def _access(settings: PipelineSettings, kind: SourceKind) -> Iterator[Problem]:
    provider, properties = settings.manifest.source.provider, settings.manifest.source.properties
    secret = properties.access_token_secret
    if kind == "token" and secret is None:
        message = "version 1 of GitHub's action takes a personal access token, and there is no `access_token_secret`"
        yield Problem(
            _PROPERTIES, message, "name its secret in Secrets Manager; or take `provider: GitHub` and a connection", "key"
        )
    if kind != "token" and secret is not None:
        instead = "it is in the same account" if kind == "codecommit" else "it takes a connection"
        yield Problem(
            (*_PROPERTIES, "access_token_secret"),
            f"CodePipeline does not use an access token for {provider}: {instead}",
            "leave it out",
            "key",
        )
    if kind == "token" and secret is not None and not _SECRET.fullmatch(secret):
        hint = "write the secret's name or ARN"
        yield Problem((*_PROPERTIES, "access_token_secret"), f"`{secret}` cannot be a secret in Secrets Manager", hint)
    if kind != "connection" and properties.connection_name is not None:
        why = "the repository is in the same account" if kind == "codecommit" else "there is an access token already"
        yield Problem((*_PROPERTIES, "connection_name"), f"no connection is used: {why}", "leave one of them out", "key")


def _repository(settings: PipelineSettings, kind: SourceKind) -> Iterator[Problem]:
    provider, properties = settings.manifest.source.provider, settings.manifest.source.properties
    try:
        host, (owner, name) = host_of(properties.repository), owner_and_name(properties.repository)
    except RepositoryError as error:
        yield Problem(_REPOSITORY, error.message, error.hint)
        return
    if kind == "codecommit":
        region = host.split(".")[1] if "." in host else host
        if not host.startswith("git-codecommit") or not _CODECOMMIT_NAME.fullmatch(name):
            yield Problem(
                _REPOSITORY, f"`{properties.repository}` is no repository of CodeCommit", "such as codecommit::eu-west-1://shop"
            )
        elif region != settings.region:
            yield Problem(
                _REPOSITORY, f"the repository is in {region}, and the pipeline in {settings.region}", "have both in one region"
            )
    elif not owner or not name or (provider != "GitLab" and "/" in owner):
        message = "the repository's URL must have an owner and a name, and no more"
        yield Problem(_REPOSITORY, message, f"such as https://{_HOSTS[provider]}/ana/shop")
    elif not _REPOSITORY_ID.fullmatch(f"{owner}/{name}"):
        message = f"`{owner}/{name}` cannot be a repository of {provider}"
        yield Problem(_REPOSITORY, message, "names are of letters, digits and `.`, `-`, `_`")
    elif host.lower().partition(":")[0] != _HOSTS[provider] and settings.connection_arn is None:
        message = f"{host or 'this disk'} is not {provider}: CodePipeline reaches other servers through a connection that exists"
        hint = "make one in the console, and name it in `connection_name`"
        yield Problem(_REPOSITORY, message, hint)
    # The page is longer than the repository's name, which is in the configuration too.
    yield from _value(_REPOSITORY, commit_page(settings))
    yield from _value((*_PROPERTIES, "branch"), properties.branch, literal=True)


def _or_connection(hint: str, kind: SourceKind) -> str:
    return f"{hint}. Or take `provider: GitHub` without `access_token_secret`" if kind == "token" else hint


def _build(settings: PipelineSettings) -> Iterator[Problem]:
    build = settings.manifest.build
    if build is None:
        return
    image = build.image or ""
    if image.startswith("aws/codebuild/windows") or "-lambda-" in image:
        message = f"`{image}` cannot build images: CodeBuild runs it on Windows or in a function, without Docker"
        hint = "such as `aws/codebuild/amazonlinux-x86_64-standard:5.0`"
        yield Problem(("build", "image"), message, hint)
    if build.additional_policy is not None:
        text = json.dumps(build.additional_policy.PolicyDocument)
        yield from _references(("build", "additional_policy"), text, "write the value itself, or a `*`")
    for name, value in build.variables.items():
        yield from _references(
            ("build", "variables", name), value, "name the secret in the buildspec, under `env.secrets-manager`"
        )


def _stages(settings: PipelineSettings) -> Iterator[Problem]:
    plan = settings.plan
    for index, stage in enumerate(settings.manifest.stages):
        if stage.on_failure == "rollback" and plan.mode == "parallel":
            message = "CodePipeline does not roll back where executions run side by side"
            yield Problem(("stages", index, "on_failure"), message, "take another `execution_mode`")
        for number, command in enumerate(stage.test_commands or ()):
            yield from _references(("stages", index, "test_commands", number), command, "put the command into a script")
    yield from _collisions(settings)


def _collisions(settings: PipelineSettings) -> Iterator[Problem]:
    """Actions whose projects, or their roles and policies, would have the same logical ID."""
    taken: dict[str, str] = {}
    for action, name in settings.projects.items():
        ids = project_ids(name)
        other = next((taken[each] for each in ids if each in taken), None)
        # Of actions with one name the planner tells.
        if other is not None and other != action.name:
            index = next(i for i, stage in enumerate(settings.manifest.stages) if stage.name == action.environment)
            key = "pre_deployments" if name.startswith("Pre") else "post_deployments"
            message = f"`{action.name}` and `{other}` are the same to CloudFormation, which knows only letters and digits"
            yield Problem(("stages", index, key, action.name), message, "choose another name", "key")
        taken |= dict.fromkeys(ids, action.name)


def _deployments(settings: PipelineSettings) -> Iterator[Problem]:
    for index, stage in enumerate(settings.manifest.stages):
        for workload, given in (stage.deployments or {}).items():
            if given is None:
                continue
            place: KeyPath = ("stages", index, "deployments", workload)
            for key, value in (("template_path", given.template_path), ("template_config", given.template_config)):
                yield from _value((*place, key), f"{BUILD_ARTIFACT}::{value or ''}", literal=True)


def _references(place: KeyPath, value: str, hint: str | None = None) -> Iterator[Problem]:
    """CloudFormation puts values in place of its references, wherever they are: a secret would be there for all to read."""
    if "{{resolve:" in value:
        yield Problem(place, "CloudFormation would put a value in place of `{{resolve:…}}`", hint or "leave it out")


def _same_stacks(settings: PipelineSettings) -> Iterator[Problem]:
    """Workloads that would be deployed to one stack, the later in place of the earlier."""
    taken: dict[tuple[str, str, str], DeployAction] = {}
    places = {stage.name: index for index, stage in enumerate(settings.manifest.stages)}
    for action in (each for stage in settings.plan.stages for each in stage.actions if isinstance(each, DeployAction)):
        where = settings.environments[action.environment]
        other = taken.setdefault((where.account, where.region, action.stack_name), action)
        if other is not action:
            place: KeyPath = ("stages", places[action.environment], "deployments", action.workload, "stack_name")
            whose = f"`{other.workload}` of environment `{other.environment}`"
            yield Problem(place, f"the stack `{action.stack_name}` is that of {whose}", "give each a stack of its own")


def _value(place: KeyPath, value: str, *, literal: bool = False) -> Iterator[Problem]:
    """A value in an action's configuration. ``literal``: it does not name variables of CodePipeline."""
    yield from _references(place, value)
    if literal and "#{" in value:
        yield Problem(place, "CodePipeline would take `#{` for one of its variables", "choose a name without it")
    if len(value) > LONGEST_VALUE:
        yield Problem(place, f"CodePipeline takes at most {LONGEST_VALUE} characters here; these are {len(value)}")
