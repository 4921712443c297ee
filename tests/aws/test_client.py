from __future__ import annotations

from pathlib import Path

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from botocore.parsers import ResponseParserError

from copilot.aws.client import Aws, connect
from copilot.aws.errors import explain, explained
from copilot.errors import CopilotError, EngineUnavailableError, UsageError
from tests.aws.conftest import ACCOUNT, REGION


def _answer(code: str, text: str = "", operation: str = "CreateStack") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": text}}, operation)


def test_it_is_the_caller_in_the_region_of_the_environment(aws: Aws) -> None:
    assert (aws.account, aws.identity.partition, aws.region) == (ACCOUNT, "aws", REGION)


def test_another_region_is_the_same_identity(aws: Aws) -> None:
    other = aws.in_region("eu-west-1")
    assert other.ssm.meta.region_name == "eu-west-1"
    assert other.account == aws.account
    assert aws.in_region(REGION) is aws


def test_a_role_of_another_account(aws: Aws) -> None:
    other = aws.assumed("arn:aws:iam::222222222222:role/shop-test-EnvManagerRole", "eu-west-1")
    assert other.region == "eu-west-1"
    assert other.account == "222222222222"
    assert other.identity.arn == "arn:aws:sts::222222222222:assumed-role/shop-test-EnvManagerRole/copilot"
    assert other.ssm.describe_parameters()["Parameters"] == []


def test_a_profile(aws_environment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").write_text("[profile prod]\nregion = eu-central-1\naws_access_key_id = a\naws_secret_access_key = b\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    assert connect("prod").region == "eu-central-1"
    with pytest.raises(UsageError, match="nowhere") as caught:
        connect("nowhere")
    assert caught.value.hint == "`aws configure list-profiles` lists those there are"


def test_a_region_that_cannot_be(aws_environment: str) -> None:
    assert connect(region="us-east-9").region == "us-east-9"  # it may be newer than boto3
    with pytest.raises(UsageError, match="`mars-1` is no AWS region"):
        connect(region="mars-1")


def test_half_a_key(aws_environment: str) -> None:
    with pytest.raises(UsageError, match="`--aws-secret-access-key` is missing"):
        connect(access_key_id="a")
    with pytest.raises(UsageError, match="`--aws-access-key-id` is missing"):
        connect(secret_access_key="b")


def test_the_region_as_other_tools_of_aws_take_it(aws_environment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    assert connect().region == "eu-west-3"
    assert connect(region="eu-west-1").region == "eu-west-1"


def test_no_region(aws_environment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    with pytest.raises(UsageError, match="no AWS region is set"):
        connect()


def test_no_credentials(aws_environment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(EngineUnavailableError, match="there are no AWS credentials"):
        connect().account  # noqa: B018 - asking for it asks AWS


def test_nothing_answers(aws_environment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    error = explain(EndpointConnectionError(endpoint_url="http://127.0.0.1:9"))
    assert isinstance(error, EngineUnavailableError)
    assert error.message.startswith("AWS does not answer: ")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (_answer("ExpiredToken"), "the AWS credentials have expired"),
        (_answer("InvalidClientTokenId"), "AWS does not accept these credentials"),
        (_answer("Throttling"), "AWS answers too many requests at once (CreateStack)"),
        (_answer("AccessDenied"), "these AWS credentials may not do CreateStack"),
        (
            _answer(
                "AccessDenied",
                "User: arn:aws:iam::1:user/ana is not authorized to perform: ssm:PutParameter on resource: arn:aws:ssm:::x as",
            ),
            "`arn:aws:iam::1:user/ana` may not do `ssm:PutParameter` on `arn:aws:ssm:::x`",
        ),
        (_answer("LimitExceeded", "Too many stacks."), "AWS refused CreateStack (LimitExceeded): Too many stacks"),
        (_answer("Odd"), "AWS refused CreateStack (Odd): it gave no reason"),
        (NoCredentialsError(), "there are no AWS credentials"),
        (ResponseParserError("<!doctype html>"), "the answer is not one of AWS"),
    ],
)
def test_each_error_is_a_sentence(error: Exception, message: str) -> None:
    with pytest.raises(CopilotError) as caught, explained():
        raise error
    assert caught.value.message == message
    assert caught.value.__cause__ is error
