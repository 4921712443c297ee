"""All access to AWS: one identity in one region, with a typed client for each service.

Profiles, regions, ``AWS_ENDPOINT_URL`` and everything else boto3 reads from the environment and ~/.aws count. The clients are
boto3's too, but come from botocore, as they do there: boto3 itself would load much that nothing here needs. They are made when
they are first asked for: making one takes up to a tenth of a second.
"""

from __future__ import annotations

import gzip
import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from botocore.config import Config
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    CredentialProvider,
    CredentialResolver,
    DeferredRefreshableCredentials,
)
from botocore.exceptions import NoRegionError, UnknownRegionError
from botocore.loaders import JSONFileLoader, Loader
from botocore.session import Session

from copilot.aws.errors import explained
from copilot.errors import UsageError

if TYPE_CHECKING:
    from mypy_boto3_acm import ACMClient
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_codebuild import CodeBuildClient
    from mypy_boto3_codeconnections import CodeConnectionsClient
    from mypy_boto3_codepipeline import CodePipelineClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ecr import ECRClient
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_elbv2 import ElasticLoadBalancingv2Client
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_resourcegroupstaggingapi import ResourceGroupsTaggingAPIClient
    from mypy_boto3_route53 import Route53Client
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_sts import STSClient

ServiceName = Literal[
    "acm",
    "cloudformation",
    "codebuild",
    "codeconnections",
    "codepipeline",
    "ec2",
    "ecr",
    "ecs",
    "elbv2",
    "iam",
    "logs",
    "resourcegroupstaggingapi",
    "route53",
    "s3",
    "secretsmanager",
    "ssm",
    "stepfunctions",
    "sts",
]

# Deployments ask for many things at once: botocore itself slows down and tries again when AWS says that is too much.
_CONFIG = Config(retries={"mode": "adaptive", "max_attempts": 8}, connect_timeout=10, read_timeout=60, max_pool_connections=20)


@dataclass(frozen=True)
class Identity:
    """Who AWS takes us for. ``partition`` is ``aws``, ``aws-cn`` or ``aws-us-gov``."""

    account: str
    arn: str
    partition: str


class Aws:
    """AWS as one identity in one region. Safe to use from several threads."""

    def __init__(self, session: Session, region: str, lock: RLock | None = None) -> None:
        self._session = session
        # Sessions make one client at a time.
        self._lock = lock or RLock()
        self._clients: dict[str, Any] = {}
        self.region = region

    @cached_property
    def identity(self) -> Identity:
        """Asked from AWS once. Raises EngineUnavailableError if the credentials are missing, wrong or expired."""
        with explained():
            answer = self.sts.get_caller_identity()
        arn = answer["Arn"]
        return Identity(answer["Account"], arn, arn.split(":")[1])

    @property
    def account(self) -> str:
        """The account's number."""
        return self.identity.account

    @property
    def partition(self) -> str:
        """As in `Identity`, but known from the region, without asking AWS."""
        return self._session.get_partition_for_region(self.region)

    def in_region(self, region: str) -> Aws:
        """The same identity in another region."""
        return self if region == self.region else Aws(self._session, region, self._lock)

    def assumed(self, role_arn: str, region: str | None = None) -> Aws:
        """The identity of a role, which lasts as long as ours: its credentials are renewed before they end.

        The role is taken when AWS is first asked for something; that raises ClientError if we may not have it.
        """
        fetcher = AssumeRoleCredentialFetcher(
            client_creator=self._create,
            source_credentials=cast("Any", self._session.get_credentials()),
            role_arn=role_arn,
            extra_args={"RoleSessionName": "copilot"},
        )
        session = _session(region or self.region, self._session.get_component("data_loader"))
        session.register_component("credential_provider", CredentialResolver([_Role(fetcher)]))
        return Aws(session, region or self.region)

    def client(self, service: ServiceName) -> Any:
        """The client of a service; the typed properties are made of it."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._create(service, region_name=self.region, config=_CONFIG)
            return self._clients[service]

    def _create(self, service: ServiceName, **settings: Any) -> Any:
        with self._lock:
            return self._session.create_client(service, **settings)

    @property
    def acm(self) -> ACMClient:
        """Certificates."""
        return cast("ACMClient", self.client("acm"))

    @property
    def cloudformation(self) -> CloudFormationClient:
        """Stacks and StackSets."""
        return cast("CloudFormationClient", self.client("cloudformation"))

    @property
    def codebuild(self) -> CodeBuildClient:
        """Builds."""
        return cast("CodeBuildClient", self.client("codebuild"))

    @property
    def codeconnections(self) -> CodeConnectionsClient:
        """Connections to providers of git repositories."""
        return cast("CodeConnectionsClient", self.client("codeconnections"))

    @property
    def codepipeline(self) -> CodePipelineClient:
        """Pipelines."""
        return cast("CodePipelineClient", self.client("codepipeline"))

    @property
    def ec2(self) -> EC2Client:
        """Networks."""
        return cast("EC2Client", self.client("ec2"))

    @property
    def ecr(self) -> ECRClient:
        """Images."""
        return cast("ECRClient", self.client("ecr"))

    @property
    def ecs(self) -> ECSClient:
        """Tasks."""
        return cast("ECSClient", self.client("ecs"))

    @property
    def elbv2(self) -> ElasticLoadBalancingv2Client:
        """Load balancers."""
        return cast("ElasticLoadBalancingv2Client", self.client("elbv2"))

    @property
    def iam(self) -> IAMClient:
        """Roles."""
        return cast("IAMClient", self.client("iam"))

    @property
    def logs(self) -> CloudWatchLogsClient:
        """Logs."""
        return cast("CloudWatchLogsClient", self.client("logs"))

    @property
    def tagging(self) -> ResourceGroupsTaggingAPIClient:
        """Resources by their tags."""
        return cast("ResourceGroupsTaggingAPIClient", self.client("resourcegroupstaggingapi"))

    @property
    def route53(self) -> Route53Client:
        """Domains."""
        return cast("Route53Client", self.client("route53"))

    @property
    def s3(self) -> S3Client:
        """Files."""
        return cast("S3Client", self.client("s3"))

    @property
    def secretsmanager(self) -> SecretsManagerClient:
        """Secrets such as access tokens."""
        return cast("SecretsManagerClient", self.client("secretsmanager"))

    @property
    def ssm(self) -> SSMClient:
        """Parameters: what applications are made of, and secrets."""
        return cast("SSMClient", self.client("ssm"))

    @property
    def stepfunctions(self) -> SFNClient:
        """State machines, which run jobs."""
        return cast("SFNClient", self.client("stepfunctions"))

    @property
    def sts(self) -> STSClient:
        """Identities."""
        return cast("STSClient", self.client("sts"))


def connect(
    profile: str | None = None,
    region: str | None = None,
    *,
    access_key_id: str | None = None,
    secret_access_key: str | None = None,
    session_token: str | None = None,
) -> Aws:
    """AWS as the caller: with the profile, the keys, or what boto3 finds in the environment and ~/.aws.

    Nothing is asked of AWS yet.

    Raises:
        UsageError: There is no such profile, the keys are not a whole pair, or no region is known, or none of this name can be.
    """
    _check_keys(profile, access_key_id, secret_access_key, session_token)
    with explained():
        # botocore itself only looks for AWS_DEFAULT_REGION.
        session = _session(region or os.environ.get("AWS_REGION") or None, _Models(file_loader=_Files()), profile)
        if access_key_id and secret_access_key:
            session.set_credentials(access_key_id, secret_access_key, session_token)
        found = session.get_config_variable("region")
        if found is None:
            raise NoRegionError
        try:
            # By the shape of its name: regions that are newer than botocore count.
            session.get_partition_for_region(found)
        except UnknownRegionError:
            raise UsageError(f"`{found}` is no AWS region", hint="a region is called like `eu-west-1`") from None
        return Aws(session, found)


class _Models(Loader):
    """What there is to ask of a service, read from botocore's own files, which are large: once is enough."""

    def list_available_services(self, type_name: str) -> list[str]:
        """Those that we ask. botocore would look through the folders of four hundred."""
        del type_name
        return list(get_args(ServiceName))


class _Files(JSONFileLoader):
    def load_file(self, file_path: str) -> Any:
        """Without the OrderedDict that botocore would make of everything, which takes twice as long."""
        plain, packed = Path(f"{file_path}.json"), Path(f"{file_path}.json.gz")
        if packed.is_file():
            return json.loads(gzip.decompress(packed.read_bytes()))
        return json.loads(plain.read_bytes()) if plain.is_file() else None


class _Role(CredentialProvider):
    """Credentials that renew themselves."""

    METHOD = "assume-role"

    def __init__(self, fetcher: AssumeRoleCredentialFetcher) -> None:
        super().__init__()
        self._fetcher = fetcher

    def load(self) -> DeferredRefreshableCredentials:
        return DeferredRefreshableCredentials(self._fetcher.fetch_credentials, self.METHOD)


def _session(region: str | None, models: Loader, profile: str | None = None) -> Session:
    session = Session(profile=profile)
    session.register_component("data_loader", models)
    if region is not None:
        session.set_config_variable("region", region)
    return session


def _check_keys(profile: str | None, key: str | None, secret: str | None, token: str | None) -> None:
    if profile and (key or secret or token):
        raise UsageError("`--profile` and `--aws-access-key-id` cannot be used together", hint="leave one of them out")
    if bool(key) != bool(secret) or (token and not key):
        missing = "--aws-secret-access-key" if key else "--aws-access-key-id"
        raise UsageError(f"`{missing}` is missing", hint="a key of AWS has two parts: give both, or use `--profile`")
