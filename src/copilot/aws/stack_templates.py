"""How a template gets to CloudFormation, and the limits it has there."""

from __future__ import annotations

import hashlib

from copilot.aws.client import Aws
from copilot.aws.errors import explained
from copilot.aws.stack_values import StackRequest
from copilot.aws.templates.reading import read_template
from copilot.errors import UnsupportedError

# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html; "1 MB" there is 1,000,000 bytes.
LARGEST_BODY = 51_200
LARGEST_TEMPLATE = 1_000_000
MOST_RESOURCES = 500
_SMALLEST_RESOURCE = len("A:\n  Type: A::B::C\n")
_ADVICE = "move resources to the `addons/` folder of another workload, or split the workload in two"


def template_argument(aws: Aws, request: StackRequest) -> dict[str, str]:
    """The argument that gives CloudFormation the template, which is uploaded if it is too big to be sent along.

    Raises:
        UnsupportedError: CloudFormation would not take it.
    """
    data = request.template.encode()
    check_limits(request.name, request.template, len(data))
    if len(data) <= LARGEST_BODY:
        return {"TemplateBody": request.template}
    if request.bucket is None:
        raise UnsupportedError(
            f"the template of stack `{request.name}` has {len(data):,} bytes; CloudFormation takes at most {LARGEST_BODY:,} "
            "that are not in a bucket",
            hint=_ADVICE,
        )
    key = f"manual/templates/{request.name}/{hashlib.sha256(data).hexdigest()}.yml"
    with explained():
        aws.s3.put_object(Bucket=request.bucket, Key=key, Body=data)
    suffix = "amazonaws.com.cn" if aws.s3.meta.partition == "aws-cn" else "amazonaws.com"
    return {"TemplateURL": f"https://{request.bucket}.s3.{aws.region}.{suffix}/{key}"}


def check_limits(stack: str, template: str, size: int) -> None:
    """Raises UnsupportedError for a template of ``size`` bytes that CloudFormation would not take."""
    if size > LARGEST_TEMPLATE:
        raise UnsupportedError(
            f"the template of stack `{stack}` has {size:,} bytes; CloudFormation takes at most {LARGEST_TEMPLATE:,}", hint=_ADVICE
        )
    if size <= MOST_RESOURCES * _SMALLEST_RESOURCE:
        return
    count = len(read_template(template).get("Resources") or {})
    if count > MOST_RESOURCES:
        raise UnsupportedError(
            f"the template of stack `{stack}` has {count} resources; CloudFormation takes at most {MOST_RESOURCES}", hint=_ADVICE
        )
