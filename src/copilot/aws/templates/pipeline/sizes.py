"""How long a pipeline's policies are when CloudFormation has put in all names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from troposphere import AWSHelperFn

from copilot.aws.templates.pipeline.network import network_policies
from copilot.aws.templates.pipeline.permissions import build_policy, pipeline_policy, project_policy
from copilot.aws.templates.pipeline.projects import BUILD
from copilot.aws.templates.pipeline.settings import PipelineSettings
from copilot.errors import Problem

LONGEST_POLICIES = 10_240
"""Characters of all policies that are written into one role, without white space (quotas of IAM)."""

_VARIABLE = re.compile(r"\$\{([A-Za-z0-9:]+)\}")
_RANDOM = "-123456789012"
"""What CloudFormation adds to logical IDs to make names of them."""
_CONNECTION = "x" * 60
"""As long as the ARN of a connection."""
_ID = "x" * 24
"""As long as what EC2 calls a network or something in it."""


def oversized_roles(settings: PipelineSettings) -> Iterator[Problem]:
    """A problem if one of the roles would have longer policies than IAM takes."""
    given = settings.manifest.build and settings.manifest.build.additional_policy
    additional = _length(given.PolicyDocument, settings) if given else 0
    places = [(name, settings.environments[action.environment]) for action, name in settings.projects.items()]
    of_projects = ([project_policy(settings, name, place), *network_policies(settings, place.name)] for name, place in places)
    longest = max((sum(_length(each, settings) for each in policies) for policies in of_projects), default=0)
    builds = max(longest, _length(build_policy(settings, BUILD), settings))
    if builds <= LONGEST_POLICIES < builds + additional:
        message = f"with it the build's role has policies of {builds + additional} characters; IAM takes {LONGEST_POLICIES}"
        hint = "grant less here, or let the build take another role with `sts:AssumeRole`"
        yield Problem(("build", "additional_policy"), message, hint, "key")
    length = max(builds, _length(pipeline_policy(settings, BUILD), settings))
    if length > LONGEST_POLICIES:
        message = f"a role that may work on all of this has a policy of {length} characters; IAM takes {LONGEST_POLICIES}"
        yield Problem(("stages",), message, "divide it into several pipelines", "key")


def _length(document: Any, settings: PipelineSettings) -> int:
    known = {
        "AWS::AccountId": "123456789012",
        "AWS::Partition": "aws-us-gov",
        "AWS::Region": settings.region,
        "AWS::StackName": settings.stack_name,
    }

    def written(value: Any) -> str:
        if not isinstance(value, AWSHelperFn):
            return str(value)
        ((function, content),) = value.to_dict().items()
        if function == "Fn::Sub" and isinstance(content, list):
            own = {**known, **dict.fromkeys(content[1], _ID)}
            return _VARIABLE.sub(lambda match: own[match[1]], content[0])
        if function == "Fn::Sub":
            return _VARIABLE.sub(lambda match: known.get(match[1], match[1] + _RANDOM), content)
        if function == "Fn::GetAtt":
            return f"arn:aws-us-gov:codebuild:{settings.region}:123456789012:project/{content[0]}{_RANDOM}"
        return _CONNECTION

    # The strings' own spaces count in IAM neither.
    return len("".join(json.dumps(document, separators=(",", ":"), default=written).split()))
