from __future__ import annotations

import pytest

from copilot.aws.client import Aws
from copilot.aws.stacks import StackEvent, StackRequest, Stacks
from copilot.errors import NotFoundError, UnsupportedError

_TEMPLATE = """\
Parameters:
  Count: {Type: String, Default: '1'}
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: !Sub '${AWS::StackName}-jobs'
      DelaySeconds: 1
Outputs:
  QueueName:
    Value: !GetAtt Queue.QueueName
"""


@pytest.fixture
def stacks(aws: Aws) -> Stacks:
    return Stacks(aws, pause=0.01)


def _request(template: str = _TEMPLATE, **more: object) -> StackRequest:
    return StackRequest("shop-test-api", template, **more)  # type: ignore[arg-type]


def test_a_stack_is_created_then_updated_then_left_alone(stacks: Stacks) -> None:
    assert stacks.find("shop-test-api") is None
    request = _request(parameters={"Count": "1"}, tags={"copilot-application": "shop"})
    assert stacks.deploy(request) == "created"
    stack = stacks.require("shop-test-api")
    assert stack.status == "CREATE_COMPLETE"
    assert stack.parameters == {"Count": "1"}
    assert stack.tags == {"copilot-application": "shop"}
    assert stacks.template("shop-test-api") == _TEMPLATE
    assert stacks.deploy(request) == "unchanged"
    assert (
        stacks.deploy(_request(_TEMPLATE.replace("DelaySeconds: 1", "DelaySeconds: 2"), parameters={"Count": "1"})) == "updated"
    )
    assert stacks.require("shop-test-api").status == "UPDATE_COMPLETE"


def test_a_proposal_says_what_would_change_and_leaves_nothing_behind(stacks: Stacks, aws: Aws) -> None:
    proposal = stacks.propose(_request())
    assert proposal is not None
    with proposal:
        assert [(change.logical_id, change.action) for change in proposal.changes] == [("Queue", "add")]
        assert proposal.creates
    assert stacks.find("shop-test-api") is None
    assert aws.cloudformation.list_change_sets(StackName="shop-test-api")["Summaries"] == []


def test_a_stack_that_is_gone_is_made_again(stacks: Stacks) -> None:
    with pytest.raises(NotFoundError, match="there is no stack `shop-test-api` in us-east-1"):
        stacks.require("shop-test-api")
    with pytest.raises(NotFoundError):
        stacks.template("shop-test-api")
    stacks.delete("shop-test-api")
    stacks.deploy(_request())
    seen: list[StackEvent] = []
    stacks.delete("shop-test-api", watch=seen.append)
    assert [event.status for event in seen] == ["DELETE_IN_PROGRESS", "DELETE_COMPLETE"]
    assert stacks.find("shop-test-api") is None
    assert stacks.deploy(_request()) == "created"


def test_a_big_template_goes_through_the_bucket(stacks: Stacks, aws: Aws) -> None:
    template = _TEMPLATE + "# " + "x" * 51_200 + "\n"
    with pytest.raises(UnsupportedError, match="51,2"):
        stacks.deploy(_request(template))
    aws.s3.create_bucket(Bucket="artifacts")
    for _ in range(2):
        stacks.deploy(_request(template, bucket="artifacts"))
    (queue,) = aws.cloudformation.list_stack_resources(StackName="shop-test-api")["StackResourceSummaries"]
    assert queue["LogicalResourceId"] == "Queue"
    (upload,) = aws.s3.list_objects_v2(Bucket="artifacts")["Contents"]
    assert upload["Key"].startswith("manual/templates/shop-test-api/")
