"""What CloudFormation may do when it makes what belongs to an environment.

AWS Copilot lets it do all but to organizations and accounts. Here it may do what the resources in our templates need. A test
compares that with the permissions that the schemas of CloudFormation's registry name for each type. It is narrowed down to names,
which begin with ``<application>-<environment>-``; where AWS makes names up, to the tags that CloudFormation gives to all of
a stack; and else to kinds of resources. The source is the Service Authorization Reference. An action ends in ``*`` only where all
actions of that name are needed, or only look.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from troposphere import Ref, Sub

from copilot.aws.names import APPLICATION_TAG, ENVIRONMENT_TAG
from copilot.aws.templates.policies import allow

NAMED = "${AppName}-${EnvironmentName}-*"
"""What has the environment's name, or one that CloudFormation made of a stack of the environment."""
HERE = "${AWS::Region}:${AWS::AccountId}"
_WHOLE = 24
_PASSED_TO = ("ecs-tasks.amazonaws.com", "events.amazonaws.com", "lambda.amazonaws.com", "states.amazonaws.com")
_LINKED = ("backup", "ecs", "ecs.application-autoscaling", "elasticfilesystem", "elasticloadbalancing")


@dataclass(frozen=True)
class Grant:
    """Actions of one service on some of its resources.

    Attributes:
        service: As actions and ARNs begin.
        actions: Names of actions without the service, separated by spaces.
        resources: Ends of ARNs, after the service; empty: all, for actions that know none or that tags narrow down.
        tags: ``own``: only on what has the environment's tags; ``new``: only with these tags in the request.
    """

    service: str
    actions: str
    resources: tuple[str, ...] = ()
    tags: Literal["own", "new"] | None = None
    condition: Mapping[str, Any] | None = None

    @property
    def full_actions(self) -> list[str]:
        """The actions with their service."""
        return [f"{self.service}:{action}" for action in self.actions.split()]


def _here(*ends: str) -> tuple[str, ...]:
    return tuple(f"{HERE}:{end}" for end in ends)


_NETWORK = (
    Grant("ec2", "Describe*"),
    Grant(
        "ec2",
        "AllocateAddress CreateInternetGateway CreateNatGateway CreateNetworkInterface CreateRouteTable CreateSecurityGroup"
        " CreateSubnet CreateVpc",
        _here(
            "elastic-ip/*",
            "internet-gateway/*",
            "natgateway/*",
            "network-interface/*",
            "route-table/*",
            "security-group/*",
            "subnet/*",
            "vpc/*",
        ),
    ),
    # Mount targets of file systems have network interfaces, which CloudFormation gives no tags.
    Grant("ec2", "DeleteNetworkInterface ModifyNetworkInterfaceAttribute", _here("network-interface/*", "security-group/*")),
    Grant("ec2", "CreateTags", tags="new"),
    Grant(
        "ec2",
        "AssociateRouteTable AttachInternetGateway AuthorizeSecurityGroup* CreateRoute CreateTags"
        " DeleteInternetGateway DeleteNatGateway DeleteRoute DeleteRouteTable DeleteSecurityGroup DeleteSubnet"
        " DeleteTags DeleteVpc DetachInternetGateway DisassociateAddress DisassociateRouteTable ModifySubnetAttribute"
        " ModifyVpcAttribute ReleaseAddress ReplaceRoute ReplaceRouteTableAssociation RevokeSecurityGroup*"
        " UpdateSecurityGroupRuleDescriptions*",
        tags="own",
    ),
)
_LOAD_BALANCERS = (
    Grant("elasticloadbalancing", "Describe*"),
    Grant("elasticloadbalancing", "AddTags CreateLoadBalancer CreateTargetGroup", tags="new"),
    Grant(
        "elasticloadbalancing",
        "*Targets AddTags DeleteLoadBalancer DeleteTargetGroup ModifyLoadBalancerAttributes ModifyTargetGroup* RemoveTags"
        " SetIpAddressType SetSecurityGroups SetSubnets",
        tags="own",
    ),
    # Listeners of older stacks have no tags: CloudFormation did not give them any.
    Grant(
        "elasticloadbalancing",
        "*Listener* *Rule SetRulePriorities",
        _here("listener*/app/*", "loadbalancer/app/*"),
    ),
)
_DOMAINS = (
    Grant("acm", "AddTagsToCertificate RequestCertificate", tags="new"),
    Grant(
        "acm",
        "AddTagsToCertificate DeleteCertificate Describe* List* RemoveTagsFromCertificate UpdateCertificateOptions",
        tags="own",
    ),
    Grant("route53", "CreateHostedZone ListHostedZonesByName"),
    Grant("route53", "GetChange", ("::change/*",)),
    Grant(
        "route53",
        "AssociateVPCWithHostedZone ChangeResourceRecordSets ChangeTagsForResource DeleteHostedZone DisassociateVPCFromHostedZone"
        " Get* List* UpdateHostedZoneComment",
        ("::hostedzone/*",),
    ),
    Grant("servicediscovery", "GetOperation ListServices"),
    Grant("servicediscovery", "CreatePrivateDnsNamespace CreateService TagResource", tags="new"),
    Grant(
        "servicediscovery",
        "DeleteNamespace DeleteService Get* List* TagResource UntagResource UpdatePrivateDnsNamespace UpdateService",
        tags="own",
    ),
)
_TASKS = (
    Grant("ecs", "DeregisterTaskDefinition DescribeTaskDefinition"),
    Grant("ecs", "CreateCluster TagResource", tags="new"),
    Grant(
        "ecs",
        "CreateService DeleteCluster DeleteService Describe* List* PutClusterCapacityProviders RegisterTaskDefinition"
        " StopServiceDeployment TagResource UntagResource UpdateCluster* UpdateService",
        _here(f"*/{NAMED}"),
    ),
    Grant("application-autoscaling", "Describe*"),
    Grant(
        "application-autoscaling",
        "*ScalableTarget DeleteScalingPolicy ListTagsForResource PutScalingPolicy TagResource UntagResource",
        _here("scalable-target/*"),
    ),
    Grant("cloudwatch", "DescribeAlarms"),
    Grant(
        "cloudwatch",
        "DeleteAlarms ListTagsForResource PutMetricAlarm TagResource UntagResource",
        _here(f"alarm:{NAMED}", f"alarm:TargetTracking-service/{NAMED}"),
    ),
    Grant(
        "logs",
        "*LogGroup *RetentionPolicy DescribeIndexPolicies GetDataProtectionPolicy ListTagsForResource TagResource UntagResource",
        # In `/copilot/`; what functions of AWS Copilot wrote is in `/aws/lambda/`.
        _here(f"log-group:/*/{NAMED}"),
    ),
    Grant("logs", "DeleteResourcePolicy DescribeLogGroups DescribeResourcePolicies PutResourcePolicy"),
)
_STORAGE = (
    Grant("elasticfilesystem", "CreateAccessPoint CreateFileSystem TagResource", tags="new"),
    Grant(
        "elasticfilesystem",
        "CreateAccessPoint CreateMountTarget DeleteAccessPoint DeleteFileSystem DeleteFileSystemPolicy DeleteMountTarget"
        " Describe* List* ModifyMountTargetSecurityGroups PutBackupPolicy PutFileSystemPolicy PutLifecycleConfiguration"
        " TagResource UntagResource UpdateFileSystem",
        tags="own",
    ),
    Grant(
        "s3",
        "CreateBucket DeleteBucket DeleteBucketPolicy Get*Configuration GetBucket* ListBucket ListTagsForResource PutBucket*"
        " PutEncryptionConfiguration PutLifecycleConfiguration TagResource UntagResource",
        (f"::{NAMED}",),
    ),
    # Tables come with addons.
    Grant(
        "dynamodb",
        "CreateTable DeleteTable Describe* List* TagResource UntagResource Update*",
        _here(f"table/{NAMED}"),
    ),
)
_MESSAGES = (
    # The ARN of a subscription begins with that of its topic.
    Grant(
        "sns",
        "CreateTopic DeleteTopic Get* List* SetSubscriptionAttributes SetTopicAttributes Subscribe TagResource Unsubscribe"
        " UntagResource",
        _here(NAMED),
    ),
    Grant(
        "sqs",
        "CreateQueue DeleteQueue Get* List* SetQueueAttributes TagQueue UntagQueue",
        _here(NAMED),
    ),
    Grant(
        "events",
        "DeleteRule DescribeRule List* PutRule PutTargets RemoveTargets TagResource UntagResource",
        _here(f"rule/{NAMED}"),
    ),
    Grant(
        "states",
        "*StateMachine ListTagsForResource TagResource UntagResource",
        _here(f"stateMachine:{NAMED}"),
    ),
)
_KEYS = (
    Grant("kms", "CreateKey", tags="new"),
    # A key's name is a number that AWS chooses, and its tags do not count for minutes after it is made.
    Grant(
        "kms",
        "DescribeKey Disable* Enable* GetKey* ListResourceTags PutKeyPolicy ScheduleKeyDeletion TagResource UntagResource"
        " UpdateKeyDescription",
        _here("key/*"),
    ),
)
_FUNCTIONS = (
    # AWS Copilot's stacks have permissions of functions, which go with them.
    Grant(
        "lambda",
        "CreateFunction DeleteFunction Get* InvokeFunction ListTags RemovePermission TagResource UntagResource UpdateFunction*",
        _here(f"function:{NAMED}"),
    ),
    Grant(
        "cloudformation",
        "CreateStack DeleteStack Describe* GetTemplate UpdateStack",
        _here(f"stack/{NAMED}"),
    ),
)
GRANTS = (*_NETWORK, *_LOAD_BALANCERS, *_DOMAINS, *_TASKS, *_STORAGE, *_MESSAGES, *_KEYS, *_FUNCTIONS)
"""All but what is about roles and the application's bucket."""

# Whoever may do these could give a role more than the application's boundary allows.
_BOUNDED = "AttachRolePolicy CreateRole PutRolePermissionsBoundary PutRolePolicy"
_ROLE_ACTIONS = "DeleteRole DeleteRolePolicy DetachRolePolicy Get* List* TagRole UntagRole UpdateAssumeRolePolicy UpdateRole*"
_POLICY_ACTIONS = "CreatePolicy* DeletePolicy* Get* List* TagPolicy UntagPolicy"


def role_grants(permissions_boundary: str | None) -> Iterable[Grant]:
    """What CloudFormation may do to roles: to those of the environment, and under the application's boundary if it has one."""
    roles, account = (f":${{AWS::AccountId}}:role/{NAMED}",), ":${AWS::AccountId}"
    if permissions_boundary:
        arn = Sub(f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:policy/{permissions_boundary}")
        yield Grant("iam", _BOUNDED, roles, condition={"StringEquals": {"iam:PermissionsBoundary": arn}})
        yield Grant("iam", _ROLE_ACTIONS, roles)
    else:
        yield Grant("iam", f"{_BOUNDED} DeleteRolePermissionsBoundary {_ROLE_ACTIONS}", roles)
    yield Grant("iam", _POLICY_ACTIONS, (f"{account}:policy/{NAMED}",))
    yield Grant("iam", "PassRole", roles, condition={"StringEquals": {"iam:PassedToService": list(_PASSED_TO)}})
    linked = [f"{service}.amazonaws.com" for service in _LINKED]
    yield Grant(
        "iam",
        "CreateServiceLinkedRole",
        (f"{account}:role/aws-service-role/*",),
        condition={"StringEquals": {"iam:AWSServiceName": linked}},
    )


def generated_names(application: str, environment: str) -> str:
    """What stands for `NAMED` in an environment: less than that where names are long.

    A name that CloudFormation makes up is ``<stack>-<logical ID>-<12 or 13 letters>``, and it cuts both parts to fit what the
    resource may have. Where that is 63 or 64 letters, as for buckets, roles and databases, 24 of the stack's name are left.
    """
    beginning = f"{application}-{environment}-"
    return NAMED if len(beginning) <= _WHOLE else f"{beginning[:_WHOLE]}*"


def execution_statements(
    bucket_arn: str, key_arn: str, permissions_boundary: str | None, named: str = NAMED
) -> list[dict[str, Any]]:
    """The policy of the role that CloudFormation has.

    Args:
        bucket_arn: Of the bucket that holds templates of addons and code of functions.
        key_arn: Of the key that they are encrypted with.
        permissions_boundary: Name of the application's boundary, if it has one.
        named: Of `generated_names`.
    """
    return [
        *statements([*GRANTS, *role_grants(permissions_boundary)], named),
        allow(["s3:GetObject", "s3:GetObjectVersion"], f"{bucket_arn}/*"),
        allow(["kms:Decrypt"], key_arn),
    ]


def statements(grants: Iterable[Grant], named: str = NAMED) -> list[dict[str, Any]]:
    """Grants as statements: as few as can be, since the policies of a role have no more than 10,240 characters.

    Those that are narrowed down alike become one. That allows no more than they do each by itself: an action is only allowed on
    resources of its own service.
    """
    together: dict[str, list[Grant]] = {}
    for grant in grants:
        together.setdefault(f"{grant.tags} {bool(grant.resources)} {grant.condition}", []).append(grant)
    return [_statement(alike, named) for alike in together.values()]


def _statement(grants: Sequence[Grant], named: str) -> dict[str, Any]:
    first = grants[0]
    actions = sorted({action for grant in grants for action in grant.full_actions})
    if first.tags:
        key = "aws:ResourceTag" if first.tags == "own" else "aws:RequestTag"
        tags = {f"{key}/{APPLICATION_TAG}": Ref("AppName"), f"{key}/{ENVIRONMENT_TAG}": Ref("EnvironmentName")}
        return allow(actions, "*", condition={"StringEquals": tags})
    ends = dict.fromkeys(f"{grant.service}:{end}" for grant in grants for end in grant.resources)
    resources: Any = [Sub(f"arn:${{AWS::Partition}}:{end.replace(NAMED, named)}") for end in ends] or "*"
    return allow(actions, resources, condition=first.condition)
