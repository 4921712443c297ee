"""The queues that a worker service gets its messages from, and its subscriptions to topics of other workloads."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from troposphere import GetAtt, Ref, Sub, Template, kms, sns, sqs

from copilot.aws import names
from copilot.aws.templates.policies import allow, policy
from copilot.aws.templates.rendering import described
from copilot.aws.templates.workload.environment_variables import QUEUE
from copilot.aws.templates.workload.settings import WorkloadSettings
from copilot.errors import UnsupportedError
from copilot.manifest.topics import Queue, Subscribe, Subscription
from copilot.manifest.workload import WorkerService

_KEY = "EventsKMSKey"
_KEPT_SECONDS, _FAILED_KEPT_SECONDS = 4 * 86400, 14 * 86400
# What a queue holds is of no use without those who read it. Said explicitly, because it is data.
_GOES_WITH_THE_STACK: Mapping[str, Any] = {"DeletionPolicy": "Delete", "UpdateReplacePolicy": "Delete"}
_TASK_ROLE = {"AWS": GetAtt("TaskRole", "Arn")}
_SNS = {"Service": "sns.amazonaws.com"}

# What an administrator of the account may do with the key, through IAM: everything but grants.
_ADMINISTRATION = (
    "kms:CancelKeyDeletion",
    "kms:Create*",
    "kms:Decrypt",
    "kms:Delete*",
    "kms:Describe*",
    "kms:Disable*",
    "kms:Enable*",
    "kms:Encrypt",
    "kms:GenerateDataKey*",
    "kms:Get*",
    "kms:List*",
    "kms:Put*",
    "kms:ReEncrypt*",
    "kms:Revoke*",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:Update*",
)


def add_queue(template: Template, settings: WorkloadSettings) -> None:
    """Add the service's queue, those of single topics, and the subscriptions that fill them.

    Raises:
        UnsupportedError: Two subscriptions differ in nothing but characters that a template cannot name them by.
    """
    subscribe = _subscribe(settings)
    if subscribe is None:
        return
    template.add_resource(_key())
    shared = [each for each in subscribe.topics if each.queue is None]
    _add_queue(template, "", subscribe.queue, [_topic_arn(subscribe, each) for each in shared], "your service")
    seen: dict[str, Subscription] = {}
    for each in subscribe.topics:
        prefix = _prefix(subscribe, each)
        if prefix in seen:
            raise UnsupportedError(
                f"`{settings.manifest.name}` subscribes to `{seen[prefix].name}` of `{seen[prefix].service}` and to "
                f"`{each.name}` of `{each.service}`, which differ in no letter or digit",
                hint="CloudFormation knows resources by letters and digits only; rename one of the topics",
            )
        seen[prefix] = each
        template.add_resource(_subscription(subscribe, each))
        if each.queue is not None:
            _add_queue(template, prefix, each.queue, [_topic_arn(subscribe, each)], f"the topic {each.name}")


def own_queues(settings: WorkloadSettings) -> list[str]:
    """Logical IDs of the queues that are for a single topic."""
    subscribe = _subscribe(settings)
    topics = subscribe.topics if subscribe else ()
    return [f"{_prefix(subscribe, each)}{QUEUE}" for each in topics if subscribe and each.queue is not None]


def queue_variables(settings: WorkloadSettings) -> dict[str, Any]:
    """What tasks get to know of the queues: the URL of the service's own, and those of single topics as a JSON object."""
    subscribe = _subscribe(settings)
    if subscribe is None:
        return {}
    keys, urls = {}, {}
    for each in subscribe.topics:
        if each.queue is not None:
            service, topic = names.alphanumeric(each.service), names.alphanumeric(subscribe.full_name(each))
            keys[f"{service}{topic[:1].upper()}{topic[1:]}{QUEUE}"] = f"${{{service}{topic}URL}}"
            urls[f"{service}{topic}URL"] = Ref(f"{service}{topic}{QUEUE}")
    variables: dict[str, Any] = {"COPILOT_QUEUE_URI": Ref(QUEUE)}
    if keys:
        variables["COPILOT_TOPIC_QUEUE_URIS"] = Sub(json.dumps(keys, sort_keys=True, separators=(",", ":")), urls)
    return variables


def _subscribe(settings: WorkloadSettings) -> Subscribe | None:
    return settings.manifest.subscribe if isinstance(settings.manifest, WorkerService) else None


def _prefix(subscribe: Subscribe, subscription: Subscription) -> str:
    return names.alphanumeric(subscription.service) + names.alphanumeric(subscribe.full_name(subscription))


def _topic_arn(subscribe: Subscribe, subscription: Subscription) -> Sub:
    topic = f"{subscription.service}-{subscribe.full_name(subscription)}"
    return Sub(f"arn:${{AWS::Partition}}:sns:${{AWS::Region}}:${{AWS::AccountId}}:${{AppName}}-${{EnvName}}-{topic}")


def _key() -> kms.Key:
    root = {"AWS": Sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:root")}
    own_sqs = {"Service": "sqs.amazonaws.com"}
    return kms.Key(
        _KEY,
        KeyPolicy=policy(
            allow(_ADMINISTRATION, "*", principal=root, sid="Administration"),
            allow(["kms:Decrypt", "kms:GenerateDataKey*"], "*", principal=_SNS, sid="Delivery"),
            allow(
                ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"], "*", principal=own_sqs, sid="Keeping"
            ),
            allow(["kms:Decrypt", "kms:Encrypt"], "*", principal=_TASK_ROLE, sid="Tasks"),
        ),
        Metadata=described("A KMS key to encrypt the messages in your queues"),
        **_GOES_WITH_THE_STACK,
    )


def _add_queue(template: Template, prefix: str, queue: Queue, topics: Sequence[Sub], whose: str) -> None:
    """Add a queue with its policy, and the one for failed messages if it is asked for."""
    logical_id, failed = f"{prefix}{QUEUE}", f"{prefix}DeadLetterQueue"
    properties: dict[str, Any] = {"KmsMasterKeyId": Ref(_KEY), **_timing(queue), **_order(queue), **_GOES_WITH_THE_STACK}
    if queue.dead_letter is not None:
        properties["RedrivePolicy"] = sqs.RedrivePolicy(
            deadLetterTargetArn=GetAtt(failed, "Arn"), maxReceiveCount=queue.dead_letter.tries
        )
    template.add_resource(sqs.Queue(logical_id, **properties, Metadata=described(f"A queue for the messages of {whose}")))
    if queue.dead_letter is not None:
        ordered: dict[str, Any] = {"FifoQueue": True} if queue.fifo is not None else {}
        ordered.update(_GOES_WITH_THE_STACK)
        template.add_resource(
            sqs.Queue(
                failed,
                KmsMasterKeyId=Ref(_KEY),
                MessageRetentionPeriod=_FAILED_KEPT_SECONDS,
                **ordered,
                Metadata=described(f"A queue for messages of {whose} that failed again and again"),
            )
        )
        template.add_resource(_policy(f"{prefix}DeadLetterPolicy", failed, ()))
    template.add_resource(_policy(f"{prefix}QueuePolicy", logical_id, topics))


def _timing(queue: Queue) -> dict[str, int]:
    kept = _KEPT_SECONDS if queue.retention is None else queue.retention
    given = {"MessageRetentionPeriod": kept, "DelaySeconds": queue.delay, "VisibilityTimeout": queue.timeout}
    return {name: int(seconds) for name, seconds in given.items() if seconds is not None}


def _order(queue: Queue) -> dict[str, Any]:
    fifo = queue.fifo
    if fifo is None:
        return {}
    limit = "perMessageGroupId" if fifo.high_throughput else fifo.throughput_limit
    scope = "messageGroup" if fifo.high_throughput else fifo.deduplication_scope
    given = {
        "FifoQueue": True,
        "FifoThroughputLimit": limit,
        "DeduplicationScope": scope,
        "ContentBasedDeduplication": fifo.content_based_deduplication or None,
    }
    return {name: value for name, value in given.items() if value is not None}


def _policy(logical_id: str, queue: str, topics: Sequence[Sub]) -> sqs.QueuePolicy:
    arn = GetAtt(queue, "Arn")
    statements = [allow(["sqs:DeleteMessage", "sqs:ReceiveMessage"], arn, principal=_TASK_ROLE)]
    statements += [
        allow(["sqs:SendMessage"], arn, principal=_SNS, condition={"ArnEquals": {"aws:SourceArn": topic}}) for topic in topics
    ]
    return sqs.QueuePolicy(
        logical_id,
        Queues=[Ref(queue)],
        PolicyDocument=policy(*statements),
        Metadata=described("Lets tasks take messages from the queue" + (", and topics send to it" if topics else "")),
    )


def _subscription(subscribe: Subscribe, subscription: Subscription) -> sns.SubscriptionResource:
    prefix = _prefix(subscribe, subscription)
    # A policy is anything that JSON can say; what a manifest makes of text is more than plain text.
    filtered = {"FilterPolicy": json.loads(json.dumps(subscription.filter_policy))} if subscription.filter_policy else {}
    endpoint = QUEUE if subscription.queue is None else f"{prefix}{QUEUE}"
    return sns.SubscriptionResource(
        f"{prefix}SNSTopicSubscription",
        TopicArn=_topic_arn(subscribe, subscription),
        Protocol="sqs",
        Endpoint=GetAtt(endpoint, "Arn"),
        **filtered,
        Metadata=described(f"A subscription to the topic {subscription.name} of {subscription.service}"),
    )
