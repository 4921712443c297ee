from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.aws.records import ApplicationRecord, EnvironmentRecord, WorkloadRecord
from copilot.errors import CopilotError

APPLICATION = '{"name":"ecs-kudos","account":"123456789012","domain":"","domainHostedZoneID":"","version":"1.0"}'
ENVIRONMENT = (
    '{"app":"ecs-kudos","name":"test","region":"us-east-1","accountID":"123456789012","registryURL":"",'
    '"executionRoleARN":"arn:aws:iam::123456789012:role/ecs-kudos-test-CFNExecutionRole",'
    '"managerRoleARN":"arn:aws:iam::123456789012:role/ecs-kudos-test-EnvManagerRole"}'
)
WORKLOAD = '{"app":"ecs-kudos","name":"api-frontend","type":"Load Balanced Web Service"}'


@pytest.mark.parametrize(
    ("kind", "text"), [(ApplicationRecord, APPLICATION), (EnvironmentRecord, ENVIRONMENT), (WorkloadRecord, WORKLOAD)]
)
def test_what_aws_copilot_wrote_is_written_again_to_the_letter(
    kind: type[ApplicationRecord | EnvironmentRecord | WorkloadRecord], text: str
) -> None:
    assert kind.from_json(text, "/x").to_json() == text


def test_the_fields() -> None:
    environment = EnvironmentRecord.from_json(ENVIRONMENT, "/x")
    assert (environment.application, environment.name, environment.account) == ("ecs-kudos", "test", "123456789012")
    assert environment.manager_role.endswith("role/ecs-kudos-test-EnvManagerRole")
    assert ApplicationRecord("shop", "1").to_json() == APPLICATION.replace("ecs-kudos", "shop").replace("123456789012", "1")


def test_optional_keys_stand_where_aws_copilot_writes_them() -> None:
    record = ApplicationRecord("shop", "1", "limits", "example.com", "Z1", tags={"team": "a"})
    assert record.to_json() == (
        '{"name":"shop","account":"1","permissionsBoundary":"limits","domain":"example.com","domainHostedZoneID":"Z1","version":"1.0",'
        '"tags":{"team":"a"}}'
    )
    assert ApplicationRecord.from_json(record.to_json(), "/x") == record


@given(st.dictionaries(st.text().filter(lambda key: key not in {"app", "name", "type"}), st.none() | st.integers() | st.text()))
def test_keys_that_are_not_known_are_kept(extra: dict[str, object]) -> None:
    text = json.dumps({"app": "shop", "name": "api", "type": "Backend Service", **extra})
    record = WorkloadRecord.from_json(text, "/x")
    assert record.extra == extra
    assert json.loads(record.to_json()) == json.loads(text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "is not a JSON object"),
        ("[]", "is not a JSON object"),
        ("{}", "has no `app`"),
        ('{"app":"shop","name":null,"type":"Backend Service"}', "has no `name`"),
    ],
)
def test_what_is_no_record(text: str, problem: str) -> None:
    with pytest.raises(CopilotError) as caught:
        WorkloadRecord.from_json(text, "/copilot/x")
    assert caught.value.message == f"the SSM parameter `/copilot/x` {problem}"
    assert caught.value.hint
