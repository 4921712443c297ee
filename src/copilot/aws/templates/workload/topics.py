"""The topics that a workload publishes messages to."""

from __future__ import annotations

import json
from typing import Any

from troposphere import Ref, Sub, Template, sns

from copilot.aws import names
from copilot.aws.templates.policies import allow, policy
from copilot.aws.templates.rendering import described
from copilot.aws.templates.workload.settings import WorkloadSettings
from copilot.errors import UnsupportedError
from copilot.manifest.topics import Topic

_KEY = "alias/aws/sns"


def add_topics(template: Template, settings: WorkloadSettings) -> None:
    """Add the workload's topics, which queues of the same account may subscribe to.

    Raises:
        UnsupportedError: Two topics differ in nothing but characters that a template cannot name them by.
    """
    seen: dict[str, str] = {}
    for topic in settings.manifest.publish.topics:
        logical_id = _logical_id(topic)
        if logical_id in seen:
            raise UnsupportedError(
                f"topics `{seen[logical_id]}` and `{topic.name}` of `{settings.manifest.name}` differ in no letter or digit",
                hint="CloudFormation knows resources by letters and digits only; rename one of them",
            )
        seen[logical_id] = topic.name
        template.add_resource(_topic(topic))
        template.add_resource(_policy(logical_id))


def topic_policies(settings: WorkloadSettings) -> list[dict[str, Any]]:
    """What tasks need to publish: inline policies of their role, as properties of a role have them."""
    topics = [Ref(_logical_id(topic)) for topic in settings.manifest.publish.topics]
    return [{"PolicyName": "Publish2SNS", "PolicyDocument": policy(allow(["sns:Publish"], topics))}] if topics else []


def topic_variables(settings: WorkloadSettings) -> dict[str, str]:
    """What tasks get to know of the topics: a JSON object of their ARNs, by name."""
    facts = settings.facts
    stack = names.workload_stack(settings.application, settings.environment, settings.manifest.name)
    prefix = f"arn:{facts.partition}:sns:{facts.region}:{facts.account}:{stack}-"
    arns = {topic.full_name: prefix + topic.full_name for topic in settings.manifest.publish.topics}
    return {"COPILOT_SNS_TOPIC_ARNS": json.dumps(arns, sort_keys=True, separators=(",", ":"))} if arns else {}


def _logical_id(topic: Topic) -> str:
    return f"{names.alphanumeric(topic.full_name)}SNSTopic"


def _topic(topic: Topic) -> sns.Topic:
    ordered: dict[str, Any] = {}
    if topic.fifo is not None:
        ordered["FifoTopic"] = True
        if topic.fifo.content_based_deduplication:
            ordered["ContentBasedDeduplication"] = True
    return sns.Topic(
        _logical_id(topic),
        TopicName=Sub(f"${{AWS::StackName}}-{topic.full_name}"),
        **ordered,
        KmsMasterKeyId=_KEY,
        Metadata=described(f"A topic for messages about {topic.name}"),
    )


def _policy(topic: str) -> sns.TopicPolicy:
    account = {"AWS": Sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:root")}
    queues_only = {"StringEquals": {"sns:Protocol": "sqs"}}
    return sns.TopicPolicy(
        f"{topic}Policy",
        Topics=[Ref(topic)],
        PolicyDocument=policy(allow(["sns:Subscribe"], Ref(topic), principal=account, condition=queues_only)),
        Metadata=described("Lets queues of the account subscribe to the topic"),
    )
