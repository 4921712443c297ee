"""Where the public load balancer writes down its requests: a bucket that is made for that, or one that exists."""

from __future__ import annotations

from troposphere import AWSObject, Ref, Sub, s3
from troposphere import elasticloadbalancingv2 as elb

from copilot.aws.templates.environment.settings import EnvironmentSettings
from copilot.aws.templates.policies import allow, policy
from copilot.aws.templates.rendering import described

BUCKET = "ELBAccessLogsBucket"
BUCKET_POLICY = "ELBAccessLogsBucketPolicy"
_LOG_SERVICE = "logdelivery.elasticloadbalancing.amazonaws.com"

# In regions that opened before August 2022 load balancers write as an account of AWS, in later ones as a service. The source is
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
_ACCOUNTS = {
    "af-south-1": "098369216593",
    "ap-east-1": "754344448648",
    "ap-northeast-1": "582318560864",
    "ap-northeast-2": "600734575887",
    "ap-northeast-3": "383597477331",
    "ap-south-1": "718504428378",
    "ap-southeast-1": "114774131450",
    "ap-southeast-2": "783225319266",
    "ap-southeast-3": "589379963580",
    "ca-central-1": "985666609251",
    "cn-north-1": "638102146993",
    "cn-northwest-1": "037604701340",
    "eu-central-1": "054676820928",
    "eu-north-1": "897822967062",
    "eu-south-1": "635631232127",
    "eu-west-1": "156460612806",
    "eu-west-2": "652711504416",
    "eu-west-3": "009996457667",
    "me-south-1": "076674570225",
    "sa-east-1": "507241528517",
    "us-east-1": "127311923021",
    "us-east-2": "033677994240",
    "us-gov-east-1": "190560391635",
    "us-gov-west-1": "048591011584",
    "us-west-1": "027434742980",
    "us-west-2": "797873946194",
}


def makes_bucket(settings: EnvironmentSettings) -> bool:
    """Whether the environment has a bucket of its own for access logs."""
    logs = settings.manifest.http.public.access_logs
    return logs is not None and logs.bucket_name is None


def log_attributes(settings: EnvironmentSettings) -> list[elb.LoadBalancerAttributes]:
    """The attributes of the public load balancer that say where it writes its requests, if anywhere."""
    logs = settings.manifest.http.public.access_logs
    if logs is None:
        return [elb.LoadBalancerAttributes(Key="access_logs.s3.enabled", Value="false")]
    attributes = [elb.LoadBalancerAttributes(Key="access_logs.s3.enabled", Value="true")]
    if logs.prefix:
        attributes.append(elb.LoadBalancerAttributes(Key="access_logs.s3.prefix", Value=logs.prefix))
    bucket = elb.LoadBalancerAttributes(Key="access_logs.s3.bucket", Value=logs.bucket_name or Ref(BUCKET))
    return [*attributes, bucket]


def access_logs(settings: EnvironmentSettings) -> list[AWSObject]:
    """The bucket for access logs, and who may write into it.

    The policy exists like the load balancer only while a service asks for it; the bucket stays. AWS Copilot has a function that
    empties the bucket when it is to be deleted; here `env delete` does.
    """
    logs = settings.manifest.http.public.access_logs
    if logs is None or not makes_bucket(settings):
        return []
    folder = f"{logs.prefix}/AWSLogs" if logs.prefix else "AWSLogs"
    account = _ACCOUNTS.get(settings.region)
    writer = {"AWS": Sub(f"arn:${{AWS::Partition}}:iam::{account}:root")} if account else {"Service": _LOG_SERVICE}
    files = Sub(f"arn:${{AWS::Partition}}:s3:::${{{BUCKET}}}/{folder}/${{AWS::AccountId}}/*")
    encryption = s3.ServerSideEncryptionByDefault(SSEAlgorithm="AES256")
    return [
        s3.Bucket(
            BUCKET,
            VersioningConfiguration=s3.VersioningConfiguration(Status="Enabled"),
            BucketEncryption=s3.BucketEncryption(
                ServerSideEncryptionConfiguration=[s3.ServerSideEncryptionRule(ServerSideEncryptionByDefault=encryption)]
            ),
            PublicAccessBlockConfiguration=s3.PublicAccessBlockConfiguration(
                BlockPublicAcls=True, BlockPublicPolicy=True, IgnorePublicAcls=True, RestrictPublicBuckets=True
            ),
            DeletionPolicy="Delete",
            UpdateReplacePolicy="Delete",
            Metadata=described("A bucket in which the public load balancer writes down its requests"),
        ),
        s3.BucketPolicy(
            BUCKET_POLICY,
            Condition="CreateALB",
            Bucket=Ref(BUCKET),
            PolicyDocument=policy(allow(["s3:PutObject"], files, principal=writer)),
            Metadata=described("A policy that lets the load balancer write into the bucket"),
        ),
    ]
