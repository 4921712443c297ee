"""Looking for a stack, without what it takes to change one."""

from __future__ import annotations

import json
import re
from typing import Any

from botocore.exceptions import ClientError

from copilot.aws import names
from copilot.aws.client import Aws
from copilot.aws.errors import code_of, explained, text_of
from copilot.aws.stack_states import is_new
from copilot.aws.stack_values import Stack, stack_of
from copilot.errors import NotFoundError

_STACK_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,127}")


def find_stack(aws: Aws, name: str) -> Stack | None:
    """A stack of the account in its region, by its name or ARN; by its ARN even when it was deleted."""
    with explained():
        try:
            return stack_of(aws.cloudformation.describe_stacks(StackName=name)["Stacks"][0])
        except ClientError as error:
            if is_missing(error):
                return None
            raise


def require_stack(aws: Aws, name: str) -> Stack:
    """`find_stack`. Raises NotFoundError if there is none, or one with nothing in it yet."""
    stack = find_stack(aws, name)
    if stack is None or is_new(stack):
        raise NotFoundError(
            f"there is no stack `{name}` in {aws.region}",
            hint="it was not deployed yet, or deleted since: deploy it, and it is made again",
        )
    return stack


def stack_template(aws: Aws, name: str) -> str:
    """A stack's template as it was sent. Raises NotFoundError if there is no such stack."""
    with explained():
        try:
            body: Any = aws.cloudformation.get_template(StackName=name, TemplateStage="Original")["TemplateBody"]
        except ClientError as error:
            if is_missing(error):
                require_stack(aws, name)
            raise
    return body if isinstance(body, str) else json.dumps(body, indent=2)  # boto3 parses those that were sent as JSON


def is_missing(error: ClientError) -> bool:
    """Whether CloudFormation says that there is no such stack."""
    return code_of(error) == "ValidationError" and "does not exist" in text_of(error)


def is_oldest_layout(aws: Aws, application: str, pipeline: str) -> bool:
    """Whether a pipeline stands in a stack that is called as the manifest says, as early versions of AWS Copilot made them.

    Such a stack has no tag with the pipeline's name, whichever version updated it last.
    """
    if not _STACK_NAME.fullmatch(pipeline):
        return False
    stack = find_stack(aws, pipeline)
    others = {names.ENVIRONMENT_TAG, names.SERVICE_TAG, names.PIPELINE_TAG}
    return stack is not None and stack.tags.get(names.APPLICATION_TAG) == application and not others & set(stack.tags)
