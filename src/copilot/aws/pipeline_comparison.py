"""Comparing what a manifest asks for with a pipeline that is there. Pure."""

from __future__ import annotations

from dataclasses import replace

from copilot.aws.templates.pipeline.projects import DEFAULT_COMPUTE, DEFAULT_IMAGE
from copilot.errors import RepositoryError
from copilot.release.plan import Action, BuildAction, Plan, SourceAction
from copilot.repository import host_of, owner_and_name


def as_aws_tells(wanted: Plan, present: Plan) -> Plan:
    """A plan as AWS will tell it, so that it differs from that of the present pipeline only where the pipeline will.

    What a manifest leaves out has the value that it comes to; what AWS keeps to itself, such as the name of a token's secret, is
    as in the present one.
    """
    there = {(stage.name, action.name): action for stage in present.stages for action in stage.actions}

    def told(stage: str, action: Action) -> Action:
        other = there.get((stage, action.name))
        if isinstance(action, BuildAction):
            return replace(action, image=action.image or DEFAULT_IMAGE, compute=action.compute or DEFAULT_COMPUTE)
        if isinstance(action, SourceAction) and isinstance(other, SourceAction):
            return _source(action, other)
        return action

    stages = [replace(stage, actions=tuple(told(stage.name, each) for each in stage.actions)) for stage in wanted.stages]
    return replace(wanted, stages=tuple(stages))


def _source(wanted: SourceAction, present: SourceAction) -> SourceAction:
    provider = "GitHubV1" if wanted.access_token_secret is not None else wanted.provider
    if provider == present.provider:
        # The provider of a connection is not its type where the server is one's own, but then neither is its host known.
        wanted = replace(wanted, connection_name=wanted.connection_name or present.connection_name)
    same = _place(wanted.repository) == _place(present.repository)
    return replace(
        wanted,
        provider=provider,
        repository=present.repository if same else wanted.repository,
        access_token_secret=present.access_token_secret,
    )


def _place(repository: str) -> tuple[str, ...]:
    """What two ways to write a repository have in common."""
    try:
        return (host_of(repository).lower(), *(part.lower() for part in owner_and_name(repository)))
    except RepositoryError:
        return (repository,)
