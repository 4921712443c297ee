from __future__ import annotations

import json
from typing import Any

import pytest

from copilot.aws.templates.workload.queue import own_queues, queue_variables
from copilot.errors import UnsupportedError
from tests.aws.templates.workload.service_stacks import BACKEND, WORKER, resources_of, settings_of, stack_of

SUBSCRIBE = """
subscribe:
  queue: {delay: 1s, retention: 2h, timeout: 45s, dead_letter: {tries: 5}}
  topics:
    - name: gives-dogs
      service: dog-svc
      filter_policy: {store: [example_corp], price: [{numeric: ['>=', 100]}], sold: [true]}
    - {name: cats, service: zoo, queue: {dead_letter: {tries: 3}}}
"""
FIFO = """
subscribe:
  queue: {fifo: true, dead_letter: {tries: 2}}
  topics:
    - {name: orders, service: shop}
    - {name: bills, service: shop, queue: {fifo: {high_throughput: true, content_based_deduplication: true}}}
    - {name: mails, service: shop, queue: {fifo: {deduplication_scope: messageGroup, throughput_limit: perQueue}}}
"""
TASK_ROLE = {"AWS": {"Fn::GetAtt": ["TaskRole", "Arn"]}}


def topic(name: str) -> dict[str, str]:
    return {"Fn::Sub": f"arn:${{AWS::Partition}}:sns:${{AWS::Region}}:${{AWS::AccountId}}:${{AppName}}-${{EnvName}}-{name}"}


def senders(policy: dict[str, Any]) -> list[Any]:
    statements = policy["Properties"]["PolicyDocument"]["Statement"]
    return [each["Condition"]["ArnEquals"]["aws:SourceArn"] for each in statements if each["Action"] == ["sqs:SendMessage"]]


def test_a_worker_has_a_queue() -> None:
    resources = resources_of(WORKER)
    queue = resources["EventsQueue"]
    assert queue["Properties"] == {"KmsMasterKeyId": {"Ref": "EventsKMSKey"}, "MessageRetentionPeriod": 345600}
    assert queue["DeletionPolicy"] == queue["UpdateReplacePolicy"] == "Delete"
    (statement,) = resources["QueuePolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Principal"] == TASK_ROLE
    assert statement["Action"] == ["sqs:DeleteMessage", "sqs:ReceiveMessage"]
    assert "DeadLetterQueue" not in resources


def test_no_other_kind_has_a_queue() -> None:
    assert not {"EventsQueue", "EventsKMSKey", "QueuePolicy"} & resources_of(BACKEND).keys()
    assert queue_variables(settings_of(BACKEND)) == {}
    assert own_queues(settings_of(BACKEND)) == []


def test_the_settings_of_a_queue() -> None:
    resources = resources_of(WORKER, SUBSCRIBE)
    assert resources["EventsQueue"]["Properties"] == {
        "KmsMasterKeyId": {"Ref": "EventsKMSKey"},
        "MessageRetentionPeriod": 7200,
        "DelaySeconds": 1,
        "VisibilityTimeout": 45,
        "RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}, "maxReceiveCount": 5},
    }
    assert resources["DeadLetterQueue"]["Properties"] == {
        "KmsMasterKeyId": {"Ref": "EventsKMSKey"},
        "MessageRetentionPeriod": 1209600,
    }
    assert resources["DeadLetterPolicy"]["Properties"]["Queues"] == [{"Ref": "DeadLetterQueue"}]
    assert senders(resources["DeadLetterPolicy"]) == []


def test_subscriptions() -> None:
    resources = resources_of(WORKER, SUBSCRIBE)
    assert resources["dogsvcgivesdogsSNSTopicSubscription"]["Properties"] == {
        "TopicArn": topic("dog-svc-gives-dogs"),
        "Protocol": "sqs",
        "Endpoint": {"Fn::GetAtt": ["EventsQueue", "Arn"]},
        "FilterPolicy": {"store": ["example_corp"], "price": [{"numeric": [">=", 100]}], "sold": [True]},
    }
    own = resources["zoocatsSNSTopicSubscription"]["Properties"]
    assert own["Endpoint"] == {"Fn::GetAtt": ["zoocatsEventsQueue", "Arn"]}
    assert "FilterPolicy" not in own


def test_each_topic_sends_to_its_queue_only() -> None:
    resources = resources_of(WORKER, SUBSCRIBE)
    assert senders(resources["QueuePolicy"]) == [topic("dog-svc-gives-dogs")]
    assert senders(resources["zoocatsQueuePolicy"]) == [topic("zoo-cats")]
    assert "zoocatsDeadLetterQueue" in resources
    assert resources["zoocatsDeadLetterPolicy"]["Properties"]["Queues"] == [{"Ref": "zoocatsDeadLetterQueue"}]


def test_ordered_queues() -> None:
    resources = resources_of(WORKER, FIFO)
    assert resources["EventsQueue"]["Properties"]["FifoQueue"] is True
    assert resources["DeadLetterQueue"]["Properties"]["FifoQueue"] is True
    assert resources["shopordersfifoSNSTopicSubscription"]["Properties"]["TopicArn"] == topic("shop-orders.fifo")
    bills = resources["shopbillsfifoEventsQueue"]["Properties"]
    assert (bills["FifoThroughputLimit"], bills["DeduplicationScope"]) == ("perMessageGroupId", "messageGroup")
    assert bills["ContentBasedDeduplication"] is True
    mails = resources["shopmailsfifoEventsQueue"]["Properties"]
    assert (mails["FifoThroughputLimit"], mails["DeduplicationScope"]) == ("perQueue", "messageGroup")
    assert "ContentBasedDeduplication" not in mails


def test_messages_are_encrypted() -> None:
    statements = resources_of(WORKER)["EventsKMSKey"]["Properties"]["KeyPolicy"]["Statement"]
    users = {each["Sid"]: (each["Principal"], each["Action"]) for each in statements}
    assert users["Tasks"] == (TASK_ROLE, ["kms:Decrypt", "kms:Encrypt"])
    assert users["Delivery"] == ({"Service": "sns.amazonaws.com"}, ["kms:Decrypt", "kms:GenerateDataKey*"])
    assert "kms:PutKeyPolicy" not in users["Administration"][1]
    assert "kms:Put*" in users["Administration"][1]


def test_tasks_know_the_queues() -> None:
    variables = queue_variables(settings_of(WORKER, SUBSCRIBE + FIFO.split("topics:")[1]))
    assert variables["COPILOT_QUEUE_URI"].to_dict() == {"Ref": "EventsQueue"}
    text, values = variables["COPILOT_TOPIC_QUEUE_URIS"].to_dict()["Fn::Sub"]
    assert json.loads(text) == {
        "zooCatsEventsQueue": "${zoocatsURL}",
        "shopBillsfifoEventsQueue": "${shopbillsfifoURL}",
        "shopMailsfifoEventsQueue": "${shopmailsfifoURL}",
    }
    assert values["zoocatsURL"] == {"Ref": "zoocatsEventsQueue"}
    assert list(queue_variables(settings_of(WORKER))) == ["COPILOT_QUEUE_URI"]


def test_subscriptions_that_a_template_cannot_tell_apart() -> None:
    with pytest.raises(UnsupportedError, match="subscribes to `a-b` of `x` and to `ab` of `x`"):
        stack_of(WORKER, "subscribe: {topics: [{name: a-b, service: x}, {name: ab, service: x}]}")
