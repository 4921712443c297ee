from __future__ import annotations

import json

import pytest

from copilot.aws.templates.workload.topics import topic_policies, topic_variables
from copilot.errors import UnsupportedError
from tests.aws.templates.workload.service_stacks import BACKEND, JOB, resources_of, settings_of, stack_of

PUBLISH = """
publish:
  topics:
    - name: gives-dogs
    - {name: orders, fifo: true}
    - {name: bills, fifo: {content_based_deduplication: true}}
"""


def test_topics() -> None:
    resources = resources_of(BACKEND, PUBLISH)
    assert resources["givesdogsSNSTopic"]["Properties"] == {
        "TopicName": {"Fn::Sub": "${AWS::StackName}-gives-dogs"},
        "KmsMasterKeyId": "alias/aws/sns",
    }
    orders = resources["ordersfifoSNSTopic"]["Properties"]
    assert orders["TopicName"] == {"Fn::Sub": "${AWS::StackName}-orders.fifo"}
    assert orders["FifoTopic"] is True
    assert "ContentBasedDeduplication" not in orders
    assert resources["billsfifoSNSTopic"]["Properties"]["ContentBasedDeduplication"] is True


def test_queues_of_the_account_may_subscribe() -> None:
    policy = resources_of(BACKEND, PUBLISH)["ordersfifoSNSTopicPolicy"]["Properties"]
    assert policy["Topics"] == [{"Ref": "ordersfifoSNSTopic"}]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Principal": {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}},
        "Action": ["sns:Subscribe"],
        "Resource": {"Ref": "ordersfifoSNSTopic"},
        "Condition": {"StringEquals": {"sns:Protocol": "sqs"}},
    }


def test_tasks_may_publish() -> None:
    (policy,) = topic_policies(settings_of(BACKEND, PUBLISH))
    assert policy["PolicyName"] == "Publish2SNS"
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Action"] == ["sns:Publish"]
    topics = [each.to_dict() for each in statement["Resource"]]
    assert topics == [{"Ref": "givesdogsSNSTopic"}, {"Ref": "ordersfifoSNSTopic"}, {"Ref": "billsfifoSNSTopic"}]
    assert topic_policies(settings_of(BACKEND)) == []


def test_tasks_know_the_topics() -> None:
    variables = topic_variables(settings_of(BACKEND, PUBLISH))
    assert json.loads(variables["COPILOT_SNS_TOPIC_ARNS"]) == {
        "gives-dogs": "arn:aws:sns:us-west-2:123456789012:my-app-test-api-gives-dogs",
        "orders.fifo": "arn:aws:sns:us-west-2:123456789012:my-app-test-api-orders.fifo",
        "bills.fifo": "arn:aws:sns:us-west-2:123456789012:my-app-test-api-bills.fifo",
    }
    assert topic_variables(settings_of(BACKEND)) == {}


def test_a_job_publishes_too() -> None:
    assert "ordersfifoSNSTopic" in resources_of(JOB, PUBLISH + "on: {schedule: '@daily'}")


def test_topics_that_a_template_cannot_tell_apart() -> None:
    with pytest.raises(UnsupportedError, match="topics `a-b` and `a_b` of `api` differ in no letter or digit"):
        stack_of(BACKEND, "publish: {topics: [{name: a-b}, {name: a_b}]}")
