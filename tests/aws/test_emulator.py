from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from copilot.aws.client import connect
from copilot.aws.stacks import StackRequest, Stacks

_DEADLINE = 60.0

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


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stacks]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    script = str(Path(__file__).with_name("emulator.py"))
    command = [sys.executable, "-W", "ignore", script, "-H", "127.0.0.1", "-p", str(port)]
    with (
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ)) as process,
        pytest.MonkeyPatch.context() as patch,
    ):
        try:
            _wait_for(port, process)
            patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
            patch.setenv("AWS_CONFIG_FILE", str(tmp_path_factory.mktemp("no-aws") / "config"))
            yield Stacks(connect(region="us-east-1", access_key_id="a", secret_access_key="b"), pause=0.01)
        finally:
            process.terminate()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _DEADLINE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the emulator does not answer")


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
