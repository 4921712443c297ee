"""What the emulator cannot show: waiting, failing, being in the way of others."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from copilot.aws.client import connect
from copilot.aws.stacks import StackEvent, StackRequest, Stacks
from copilot.errors import ConflictError, CopilotError, DeploymentError, EngineUnavailableError
from tests.aws.recorded import Happening, Recording, Refusal, arn, change_set, own, recorded, stack

_NAME = "shop-test-api"
_ID = arn(_NAME)
_MISSING = Refusal("ValidationError", f"Stack with id {_NAME} does not exist")
_REQUEST = StackRequest(_NAME, "Resources: {}")
_RAN = stack(_NAME, "UPDATE_COMPLETE")


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recording]:
    with recorded() as recording, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", recording.url)
        patch.setenv("AWS_CONFIG_FILE", str(tmp_path_factory.mktemp("no-aws") / "config"))
        yield recording


@pytest.fixture
def cloudformation(endpoint: Recording) -> Recording:
    endpoint.forget()
    endpoint.on("CreateChangeSet", {"Id": "arn:change-set", "StackId": _ID})
    return endpoint


@contextmanager
def _connected() -> Iterator[Stacks]:
    aws = connect(region="us-east-1", access_key_id="AKIARECORDED", secret_access_key="not-a-secret")
    yield Stacks(aws, pause=0.01)
    aws.cloudformation.close()


@pytest.fixture(scope="module")
def stacks(endpoint: Recording) -> Iterator[Stacks]:
    with _connected() as found:
        yield found


def _updating(cloudformation: Recording, *batches: list[Happening], end: str = "UPDATE_COMPLETE", **more: str) -> None:
    """An update of a stack that exists; what happened before is seen at the first look."""
    cloudformation.on("DescribeStacks", _RAN, stack(_NAME, end, **more))
    cloudformation.on("DescribeChangeSet", change_set("CREATE_PENDING"), change_set("CREATE_IN_PROGRESS"), change_set())
    cloudformation.happens(_NAME, [own(_NAME, "UPDATE_IN_PROGRESS", 1), own(_NAME, "UPDATE_COMPLETE", 2)], *batches)


def test_each_event_of_the_operation_is_told_once_in_order(cloudformation: Recording, stacks: Stacks) -> None:
    _updating(
        cloudformation,
        [],
        [
            own(_NAME, "UPDATE_IN_PROGRESS", 10),
            Happening("Role", "UPDATE_IN_PROGRESS", 11),
            Happening("Role", "UPDATE_COMPLETE", 12),
        ],
        [Happening("Service", "UPDATE_IN_PROGRESS", 13)],
        [],
        [Happening("Service", "UPDATE_COMPLETE", 20), own(_NAME, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", 21)],
        [own(_NAME, "UPDATE_COMPLETE", 22)],
    )
    seen: list[StackEvent] = []
    assert stacks.deploy(_REQUEST, seen.append) == "updated"
    assert [(event.logical_id, event.status) for event in seen] == [
        (_NAME, "UPDATE_IN_PROGRESS"),
        ("Role", "UPDATE_IN_PROGRESS"),
        ("Role", "UPDATE_COMPLETE"),
        ("Service", "UPDATE_IN_PROGRESS"),
        ("Service", "UPDATE_COMPLETE"),
        (_NAME, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"),
        (_NAME, "UPDATE_COMPLETE"),
    ]
    assert cloudformation.operations() == ["CreateChangeSet", "ExecuteChangeSet"]


def test_what_is_asked_of_cloudformation(cloudformation: Recording, stacks: Stacks) -> None:
    cloudformation.on(
        "DescribeStacks", stack(_NAME, "UPDATE_COMPLETE", Parameters=[{"ParameterKey": "Kept", "ParameterValue": "old"}])
    )
    cloudformation.on("DescribeChangeSet", change_set())
    cloudformation.happens(_NAME, [], [own(_NAME, "UPDATE_COMPLETE")])
    parameters = {"Image": "api:2", "Kept": None, "New": None}
    role = "arn:aws:iam::1:role/shop-test-CFNExecutionRole"
    stacks.deploy(StackRequest(_NAME, "Resources: {}", parameters, {"copilot-application": "shop"}, role, rollback=False))
    (asked,) = cloudformation.arguments("CreateChangeSet")
    assert asked.pop("ChangeSetName") == asked.pop("ClientToken")
    assert asked == {
        "StackName": _NAME,
        "TemplateBody": "Resources: {}",
        "ChangeSetType": "UPDATE",
        "Parameters.member.1.ParameterKey": "Image",
        "Parameters.member.1.ParameterValue": "api:2",
        "Parameters.member.2.ParameterKey": "Kept",
        "Parameters.member.2.UsePreviousValue": "true",
        "Capabilities.member.1": "CAPABILITY_IAM",
        "Capabilities.member.2": "CAPABILITY_NAMED_IAM",
        "Capabilities.member.3": "CAPABILITY_AUTO_EXPAND",
        "RoleARN": role,
        "Tags.member.1.Key": "copilot-application",
        "Tags.member.1.Value": "shop",
    }
    (executed,) = cloudformation.arguments("ExecuteChangeSet")
    assert (executed["ChangeSetName"], executed["DisableRollback"]) == ("arn:change-set", "true")


def test_the_stack_as_it_is_in_the_end(cloudformation: Recording, stacks: Stacks) -> None:
    cloudformation.on(
        "DescribeStacks", _MISSING, stack(_NAME, "CREATE_COMPLETE", Outputs=[{"OutputKey": "Url", "OutputValue": "http://a"}])
    )
    cloudformation.on("DescribeChangeSet", change_set())
    cloudformation.happens(
        _NAME, [own(_NAME, "REVIEW_IN_PROGRESS")], [own(_NAME, "CREATE_IN_PROGRESS")], [own(_NAME, "CREATE_COMPLETE")]
    )
    proposal = stacks.propose(_REQUEST)
    assert proposal is not None
    assert proposal.creates
    assert cloudformation.arguments("CreateChangeSet")[0]["ChangeSetType"] == "CREATE"
    assert stacks.execute(proposal).outputs == {"Url": "http://a"}
    proposal.discard()
    assert "DeleteChangeSet" not in cloudformation.operations()


def test_changes_that_nobody_waits_for(cloudformation: Recording, stacks: Stacks) -> None:
    _updating(cloudformation)
    proposal = stacks.propose(_REQUEST)
    assert proposal is not None
    with proposal:
        stacks.begin(proposal)
    assert cloudformation.operations() == ["CreateChangeSet", "ExecuteChangeSet"]
    assert cloudformation.arguments("DescribeStackEvents") == []


def test_the_first_cause_of_a_failure(cloudformation: Recording, stacks: Stacks) -> None:
    breaker = 'Resource handler returned message: "The circuit breaker was triggered." (RequestToken: 1, HandlerErrorCode: X)'
    _updating(
        cloudformation,
        [
            own(_NAME, "UPDATE_IN_PROGRESS", 10),
            Happening("Service", "UPDATE_IN_PROGRESS", 11),
            Happening("Rule", "CREATE_IN_PROGRESS", 11),
        ],
        [Happening("Service", "UPDATE_FAILED", 12, breaker)],
        [Happening("Rule", "CREATE_FAILED", 13, "Resource creation cancelled", "AWS::ElasticLoadBalancingV2::ListenerRule")],
        [own(_NAME, "UPDATE_ROLLBACK_IN_PROGRESS", 14, "The following resource(s) failed to update: [Service].")],
        [own(_NAME, "UPDATE_ROLLBACK_COMPLETE", 15)],
        end="UPDATE_ROLLBACK_COMPLETE",
    )
    asked_at: list[int] = []
    seen: list[StackEvent] = []

    def stopped_tasks(event: StackEvent) -> list[str]:
        asked_at.append(len(seen))
        return [f"tasks of {event.logical_id}: exit code 1"]

    with pytest.raises(DeploymentError) as caught:
        stacks.deploy(_REQUEST, seen.append, stopped_tasks)
    assert caught.value.message == (
        "stack `shop-test-api`: `Service` (AWS::ECS::Service) could not be updated: The circuit breaker was triggered"
    )
    assert caught.value.hint == "what ran before still runs; mend the cause, then run this again"
    assert caught.value.details == ("tasks of Service: exit code 1",)
    assert asked_at == [4]


def test_what_the_environment_does_not_allow_has_a_way_out(cloudformation: Recording, stacks: Stacks) -> None:
    role = "arn:aws:iam::123456789012:role/shop-test-CFNExecutionRole"
    denied = Happening("Stream", "CREATE_FAILED", 11, "API: kinesis:CreateStream Access Denied", "AWS::Kinesis::Stream")
    rolled_back = own(_NAME, "UPDATE_ROLLBACK_COMPLETE", 12)
    _updating(
        cloudformation, [own(_NAME, "UPDATE_IN_PROGRESS", 10), denied, rolled_back], end="UPDATE_ROLLBACK_COMPLETE", RoleARN=role
    )
    with pytest.raises(DeploymentError) as caught:
        stacks.deploy(_REQUEST)
    assert caught.value.hint == (
        "what ran before still runs; the environment's role for CloudFormation does not allow this `AWS::Kinesis::Stream`: "
        "attach a policy that allows `kinesis:CreateStream` to role `shop-test-CFNExecutionRole`, or make the resource in a "
        "stack of your own, then run this again"
    )


def test_the_cause_is_inside_a_nested_stack(cloudformation: Recording, stacks: Stacks) -> None:
    nested = "shop-test-api-AddonsStack-1X"

    def addons(status: str, at: float, reason: str = "") -> Happening:
        return Happening("AddonsStack", status, at, reason, "AWS::CloudFormation::Stack", arn(nested))

    _updating(
        cloudformation,
        [own(_NAME, "UPDATE_IN_PROGRESS", 10), addons("UPDATE_IN_PROGRESS", 11)],
        [],
        [
            addons("UPDATE_FAILED", 14, "Embedded stack was not successfully updated: [Table]"),
            own(_NAME, "UPDATE_ROLLBACK_IN_PROGRESS", 15),
        ],
        [own(_NAME, "UPDATE_ROLLBACK_COMPLETE", 16)],
        end="UPDATE_ROLLBACK_COMPLETE",
    )
    old = Happening("Table", "CREATE_FAILED", 5, "An old story", "AWS::DynamoDB::Table")
    cloudformation.happens(
        nested,
        [old, own(nested, "UPDATE_IN_PROGRESS", 10.5)],
        [Happening("Table", "UPDATE_FAILED", 13, "Too many indexes", "AWS::DynamoDB::Table"), own(nested, "UPDATE_FAILED", 13.5)],
    )
    seen: list[StackEvent] = []
    with pytest.raises(
        DeploymentError, match=r"`Table` \(AWS::DynamoDB::Table\) could not be updated: Too many indexes$"
    ) as caught:
        stacks.deploy(_REQUEST, seen.append)
    assert caught.value.details == ()
    assert "An old story" not in {event.reason for event in seen}
    assert [event.status for event in seen if event.stack == nested] == ["UPDATE_IN_PROGRESS", "UPDATE_FAILED", "UPDATE_FAILED"]


def test_a_second_run_waits_for_the_first_and_says_so(cloudformation: Recording, stacks: Stacks) -> None:
    busy = stack(_NAME, "UPDATE_IN_PROGRESS")
    cloudformation.on("DescribeStacks", busy, busy, stack(_NAME, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"), _RAN)
    cloudformation.on(
        "DescribeChangeSet", change_set("FAILED", "The submitted information didn't contain changes. Submit different …")
    )
    seen: list[StackEvent] = []
    assert stacks.deploy(_REQUEST, seen.append) == "unchanged"
    assert [event.reason for event in seen] == ["it is already being updated; waiting until that is done"]
    assert cloudformation.operations() == ["CreateChangeSet", "DeleteChangeSet"]


def test_someone_else_is_quicker(cloudformation: Recording, stacks: Stacks) -> None:
    taken = Refusal("ValidationError", f"Stack:{_ID} is in UPDATE_IN_PROGRESS state and can not be updated.")
    obsolete = Refusal("InvalidChangeSetStatus", "ChangeSet [x] cannot be executed in its current execution status of [OBSOLETE]")
    cloudformation.on("CreateChangeSet", taken, {"Id": "arn:change-set", "StackId": _ID})
    cloudformation.on("DescribeStacks", _RAN)
    cloudformation.on("DescribeChangeSet", change_set())
    cloudformation.on("ExecuteChangeSet", obsolete, {})
    cloudformation.happens(_NAME, [], [], [own(_NAME, "UPDATE_COMPLETE")])
    assert stacks.deploy(_REQUEST) == "updated"
    assert cloudformation.operations() == [
        "CreateChangeSet",
        "CreateChangeSet",
        "ExecuteChangeSet",
        "DeleteChangeSet",
        "CreateChangeSet",
        "ExecuteChangeSet",
    ]


def test_throttling_slows_down_and_nothing_more(cloudformation: Recording) -> None:
    _updating(cloudformation, [own(_NAME, "UPDATE_IN_PROGRESS", 10)], [own(_NAME, "UPDATE_COMPLETE", 11)])
    cloudformation.refuses_events(Refusal("Throttling", "Rate exceeded"))
    seen: list[StackEvent] = []
    with _connected() as stacks:  # boto3 goes on slowly with a client that was throttled
        assert stacks.deploy(_REQUEST, seen.append) == "updated"
    assert len(seen) == 2


def test_credentials_that_expire_meanwhile(cloudformation: Recording, stacks: Stacks) -> None:
    _updating(cloudformation, [own(_NAME, "UPDATE_IN_PROGRESS", 10)])
    cloudformation.refuses_events(Refusal("ExpiredToken", "The security token included in the request is expired", 403))
    with pytest.raises(EngineUnavailableError) as caught:
        stacks.deploy(_REQUEST)
    assert caught.value.message == "the AWS credentials have expired; AWS goes on with stack `shop-test-api` meanwhile"
    assert "aws sso login" in (caught.value.hint or "")
    assert cloudformation.operations() == ["CreateChangeSet", "ExecuteChangeSet"]


def test_control_c_while_waiting(cloudformation: Recording, stacks: Stacks) -> None:
    _updating(cloudformation, [own(_NAME, "UPDATE_IN_PROGRESS", 10)])
    with pytest.raises(KeyboardInterrupt, match="AWS goes on with stack `shop-test-api`; run the same command again"):
        stacks.deploy(_REQUEST, lambda _: os.kill(os.getpid(), signal.SIGINT))
    assert cloudformation.operations() == ["CreateChangeSet", "ExecuteChangeSet"]


def test_a_refused_change_set_leaves_nothing_behind(cloudformation: Recording, stacks: Stacks) -> None:
    cloudformation.on("DescribeStacks", _MISSING, stack(_NAME, "REVIEW_IN_PROGRESS"))
    cloudformation.on("DescribeChangeSet", change_set("FAILED", "Template error: no such function"))
    cloudformation.on("ListChangeSets", {"Summaries": []})
    with pytest.raises(CopilotError, match="AWS refuses the changes to stack `shop-test-api`: Template error: no such function"):
        stacks.deploy(_REQUEST)
    assert cloudformation.operations() == ["CreateChangeSet", "DeleteChangeSet", "DeleteStack"]


def test_what_cloudformation_finds_wrong_with_resources_beforehand(cloudformation: Recording, stacks: Stacks) -> None:
    cloudformation.on("DescribeStacks", _RAN)
    useless = "The following hook(s)/validation failed: [AWS::EarlyValidation::ResourceExistenceCheck]. To troubleshoot, use …"
    cloudformation.on("DescribeChangeSet", change_set("FAILED", useless))
    taken = {"EventType": "VALIDATION_ERROR", "LogicalResourceId": "Bucket", "ResourceType": "AWS::S3::Bucket"}
    events = [
        {**taken, "ValidationStatusReason": "It already exists.", "ValidationPath": "/Resources/Bucket/Properties/BucketName"},
        {**taken, "LogicalResourceId": "Other", "ValidationStatusReason": "Its name is too long"},
        {"EventType": "PROGRESS_EVENT"},
    ]
    cloudformation.on("DescribeEvents", {"OperationEvents": events})
    with pytest.raises(CopilotError) as caught:
        stacks.deploy(_REQUEST)
    assert caught.value.message == (
        "AWS refuses the changes to stack `shop-test-api`: `Bucket` (AWS::S3::Bucket): It already exists "
        "(at `/Resources/Bucket/Properties/BucketName`)"
    )
    assert caught.value.details == ("`Other` (AWS::S3::Bucket): Its name is too long",)
    cloudformation.on("DescribeEvents", Refusal("AccessDenied", "no", 403))
    with pytest.raises(CopilotError, match="EarlyValidation::ResourceExistenceCheck"):
        stacks.deploy(_REQUEST)


def test_a_new_stack_that_someone_else_proposes_too_stays(cloudformation: Recording, stacks: Stacks) -> None:
    cloudformation.on("DescribeStacks", stack(_NAME, "REVIEW_IN_PROGRESS"))
    cloudformation.on("DescribeChangeSet", change_set())
    cloudformation.on("ListChangeSets", {"Summaries": [{"ChangeSetId": "arn:other", "StackId": _ID}]})
    proposal = stacks.propose(_REQUEST)
    assert proposal is not None
    assert proposal.creates
    proposal.discard()
    assert cloudformation.operations() == ["CreateChangeSet", "DeleteChangeSet"]


def test_a_stack_that_never_was_is_cleared_away_only_when_that_is_wanted(cloudformation: Recording, stacks: Stacks) -> None:
    failed = stack(_NAME, "ROLLBACK_COMPLETE", StackStatusReason="The following resource(s) failed to create: [Role].")
    cloudformation.on("DescribeStacks", failed, failed, failed, stack(_NAME, "DELETE_COMPLETE"), stack(_NAME, "CREATE_COMPLETE"))
    cloudformation.on("DescribeChangeSet", change_set())
    with pytest.raises(ConflictError, match=r"could not be created \(ROLLBACK_COMPLETE\): The following .* \[Role\]$") as caught:
        stacks.deploy(_REQUEST)
    assert "`aws cloudformation delete-stack --stack-name shop-test-api --region us-east-1`" in (caught.value.hint or "")
    assert cloudformation.operations() == []
    cloudformation.happens(
        _NAME, [], [own(_NAME, "DELETE_IN_PROGRESS", 1), own(_NAME, "DELETE_COMPLETE", 2)], [], [own(_NAME, "CREATE_COMPLETE", 3)]
    )
    assert stacks.deploy(_REQUEST, clear_failed=True) == "created"
    assert cloudformation.operations() == ["DeleteStack", "CreateChangeSet", "ExecuteChangeSet"]


def test_a_protected_stack_is_not_deleted(cloudformation: Recording, stacks: Stacks) -> None:
    cloudformation.on("DescribeStacks", stack(_NAME, "UPDATE_COMPLETE", EnableTerminationProtection="true"))
    with pytest.raises(ConflictError, match="stack `shop-test-api` is protected from being deleted") as caught:
        stacks.delete(_NAME)
    assert "--no-enable-termination-protection --stack-name shop-test-api" in (caught.value.hint or "")
    assert cloudformation.operations() == []


def test_what_is_in_the_way_of_deleting(cloudformation: Recording, stacks: Stacks) -> None:
    cloudformation.on("DescribeStacks", _RAN, stack(_NAME, "DELETE_FAILED"))
    bucket = Happening("Bucket", "DELETE_FAILED", 11, "The bucket you tried to delete is not empty", "AWS::S3::Bucket")
    cloudformation.happens(
        _NAME, [], [own(_NAME, "DELETE_IN_PROGRESS", 10), bucket, own(_NAME, "DELETE_FAILED", 12, "… failed: [Bucket]")]
    )
    with pytest.raises(DeploymentError) as caught:
        stacks.delete(_NAME, "arn:aws:iam::1:role/r")
    assert caught.value.message == (
        "stack `shop-test-api`: `Bucket` (AWS::S3::Bucket) could not be deleted: The bucket you tried to delete is not empty"
    )
    assert caught.value.hint == "remove what is in the way, then run this again"
    assert cloudformation.arguments("DeleteStack")[0]["RoleARN"] == "arn:aws:iam::1:role/r"


def test_a_stack_deleted_by_hand_meanwhile(cloudformation: Recording, stacks: Stacks) -> None:
    _updating(cloudformation, [own(_NAME, "DELETE_IN_PROGRESS", 10)], [own(_NAME, "DELETE_COMPLETE", 11)], end="DELETE_COMPLETE")
    with pytest.raises(DeploymentError) as caught:
        stacks.deploy(_REQUEST)
    assert caught.value.hint == "the stack was deleted meanwhile; run this again to create it"


def test_access_denied_names_the_action(cloudformation: Recording, stacks: Stacks) -> None:
    text = "User: arn:aws:iam::1:user/ana is not authorized to perform: cloudformation:DescribeStacks on resource: arn:x"
    cloudformation.on("DescribeStacks", Refusal("AccessDenied", text, 403))
    with pytest.raises(EngineUnavailableError, match="`arn:aws:iam::1:user/ana` may not do `cloudformation:DescribeStacks`"):
        stacks.find(_NAME)
