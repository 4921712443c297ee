from __future__ import annotations

import pytest

from copilot.aws.client import Aws
from copilot.aws.stacks import StackRequest, Stacks

_ENVIRONMENT = """\
Parameters:
  Name: {Type: String}
Conditions:
  Named: !Not [!Equals [!Ref Name, '']]
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties: {QueueName: !Ref Name}
Outputs:
  QueueName:
    Condition: Named
    Value: !GetAtt Queue.QueueName
    Export: {Name: !Sub '${AWS::StackName}-QueueName'}
"""
_WORKLOAD = """\
Resources:
  Parameter:
    Type: AWS::SSM::Parameter
    Properties: {Name: seen, Type: String, Value: !ImportValue shop-test-QueueName}
"""


@pytest.fixture
def stacks(aws: Aws) -> Stacks:
    return Stacks(aws, pause=0.01)


def test_stacks_made_by_change_sets_have_outputs_and_see_each_others_exports(stacks: Stacks) -> None:
    stacks.deploy(StackRequest("shop-test", _ENVIRONMENT, {"Name": "jobs"}))
    assert stacks.require("shop-test").outputs == {"QueueName": "jobs"}
    assert stacks.deploy(StackRequest("shop-test-api", _WORKLOAD)) == "created"
    assert stacks._aws.ssm.get_parameter(Name="seen")["Parameter"]["Value"] == "jobs"
    changed = StackRequest(
        "shop-test", _ENVIRONMENT.replace("    Export", "    Description: A queue\n    Export"), {"Name": None}
    )
    assert stacks.deploy(changed) == "updated"
    assert stacks.require("shop-test").outputs == {"QueueName": "jobs"}
    assert stacks.deploy(changed) == "unchanged"
    exports = stacks._aws.cloudformation.list_exports()["Exports"]
    assert [(export["Name"], export["Value"]) for export in exports] == [("shop-test-QueueName", "jobs")]


def test_a_proposal_that_was_left_over_is_taken_up(stacks: Stacks) -> None:
    request = StackRequest("shop-prod", _ENVIRONMENT, {"Name": "prod-jobs"})
    assert stacks.propose(request) is not None
    assert stacks.deploy(request) == "created"
    assert stacks.require("shop-prod").status == "CREATE_COMPLETE"
