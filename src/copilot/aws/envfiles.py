"""Files that a deployment takes from the application's bucket: variables of containers, and templates of nested stacks.

Where they are is AWS Copilot's choice. The content's hash is part of it, so that a stack changes when a file does, and only then.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from copilot.aws.client import Aws
from copilot.aws.errors import explained
from copilot.errors import CopilotError


@dataclass(frozen=True)
class ArtifactBucket:
    """The application's bucket in a region.

    Attributes:
        aws: An identity that may write to it, in its region.
        name: The bucket.
    """

    aws: Aws
    name: str

    def put(self, key: str, content: bytes) -> None:
        """Write a file. Raises CopilotError if AWS refuses."""
        with explained():
            self.aws.s3.put_object(Bucket=self.name, Key=key, Body=content)

    def arn(self, key: str) -> str:
        """How ECS is told of a file."""
        return f"arn:{self.aws.s3.meta.partition}:s3:::{self.name}/{key}"

    def url(self, key: str) -> str:
        """How CloudFormation is told of a file."""
        suffix = "amazonaws.com.cn" if self.aws.s3.meta.partition == "aws-cn" else "amazonaws.com"
        return f"https://{self.name}.s3.{self.aws.region}.{suffix}/{key}"


def env_file_key(path: str, content: bytes) -> str:
    """Where a file of variables is kept: ``manual/env-files/<path>/<hash>.env``, with the path from the repository's root."""
    return f"manual/env-files/{posixpath.normpath(path)}/{sha256(content).hexdigest()}.env"


def addons_key(workload: str, template: bytes) -> str:
    """Where the template of a workload's addons is kept: ``manual/addons/<workload>/<hash>.yml``."""
    return f"manual/addons/{workload}/{sha256(template).hexdigest()}.yml"


def upload_env_files(bucket: ArtifactBucket, root: Path, files: Mapping[str, str]) -> dict[str, str]:
    """Upload the files of variables of a workload's containers.

    Args:
        bucket: In the region of the environment: ECS reads from no other.
        root: The folder that their paths begin at.
        files: Container to path, as `Workload.env_files` has them. They were read once before, so nothing is wrong in them.

    Returns:
        Container to the ARN of its file, as a task definition takes it.

    Raises:
        CopilotError: A file cannot be read, or AWS refuses.
    """
    arns: dict[str, str] = {}
    keys: set[str] = set()
    for container, path in files.items():
        try:
            content = (root / path).read_bytes()
        except OSError as error:
            raise CopilotError(f"`{path}` cannot be read: {error.strerror}", hint="It is the `env_file` of a manifest") from None
        key = env_file_key(path, content)
        if key not in keys:
            bucket.put(key, content)
            keys.add(key)
        arns[container] = bucket.arn(key)
    return arns


def upload_addons_template(bucket: ArtifactBucket, workload: str, template: str) -> str:
    """Upload the template of a workload's addons; the answer is its URL, as a stack takes it. Raises CopilotError."""
    content = template.encode()
    key = addons_key(workload, content)
    bucket.put(key, content)
    return bucket.url(key)
