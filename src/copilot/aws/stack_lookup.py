"""Looking for a stack, without what it takes to change one."""

from __future__ import annotations

from botocore.exceptions import ClientError

from copilot.aws.client import Aws
from copilot.aws.errors import code_of, explained, text_of
from copilot.aws.stack_values import Stack, stack_of


def find_stack(aws: Aws, name: str) -> Stack | None:
    """A stack of the account in its region, by its name or ARN; by its ARN even when it was deleted."""
    with explained():
        try:
            return stack_of(aws.cloudformation.describe_stacks(StackName=name)["Stacks"][0])
        except ClientError as error:
            if is_missing(error):
                return None
            raise


def is_missing(error: ClientError) -> bool:
    """Whether CloudFormation says that there is no such stack."""
    return code_of(error) == "ValidationError" and "does not exist" in text_of(error)
