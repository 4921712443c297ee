"""Files of variables, which Amazon ECS reads from S3: by which parameters a stack knows those of its containers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from troposphere import Equals, If, Join, Not, NoValue, Ref, Select, Split, Sub, ecs, iam

from copilot.aws import names
from copilot.aws.templates.policies import allow, policy
from copilot.errors import UnsupportedError
from copilot.manifest.workload import Workload


@dataclass(frozen=True)
class EnvFile:
    """What a stack says of the file of one container.

    Attributes:
        suffix: Ends the names of what is for this container; the main one's have none.
    """

    suffix: str

    @property
    def parameter(self) -> str:
        """The parameter with its ARN in S3, which is empty if there is no file."""
        return f"EnvFileARN{self.suffix}"

    @property
    def condition(self) -> str:
        """Whether there is one."""
        return f"HasEnvFile{self.suffix}"

    def exists(self) -> Not:
        """The condition itself."""
        return Not(Equals(Ref(self.parameter), ""))

    def property(self) -> If:
        """What the container definition says of it."""
        return If(self.condition, ecs.EnvironmentFile(Type="s3", Value=Ref(self.parameter)), NoValue)

    def policy(self) -> If:
        """The inline policy by which it may be read, and decrypted, by the role that starts tasks."""
        name = Sub(f"${{AppName}}-${{EnvName}}-${{WorkloadName}}GetEnvFilePolicy{self.suffix}")
        return If(self.condition, iam.Policy(PolicyName=name, PolicyDocument=policy(*self._statements())), NoValue)

    def _statements(self) -> Iterator[dict[str, Any]]:
        path = Select(5, Split(":", Ref(self.parameter)))
        bucket = Select(0, Split("/", path))
        yield allow(["s3:GetObject"], [Ref(self.parameter)])
        yield allow(["s3:GetBucketLocation"], [Join("", ["arn:", Ref("AWS::Partition"), ":s3:::", bucket])])
        yield allow(["kms:Decrypt"], [Ref("ArtifactKeyARN")])


def env_files(manifest: Workload) -> Mapping[str, EnvFile]:
    """The files by container: that of the main one, whether there is one or not, and those of sidecars that have one.

    Raises:
        UnsupportedError: Two sidecars differ in nothing but characters that a template cannot name them by.
    """
    found = {manifest.name: EnvFile("")}
    owners: dict[str, str] = {}
    for name in sorted(manifest.env_files.keys() - {manifest.name}):
        suffix = f"For{names.alphanumeric(name)}"
        other = owners.setdefault(suffix, name)
        if other != name:
            raise UnsupportedError(
                f"sidecars `{other}` and `{name}` of `{manifest.name}` have an `env_file` and differ in no letter or digit",
                hint="CloudFormation knows parameters by letters and digits only; rename one of them",
            )
        found[name] = EnvFile(suffix)
    return found
