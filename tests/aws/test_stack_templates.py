from __future__ import annotations

from pathlib import Path

import pytest

from copilot.aws.client import connect
from copilot.aws.stack_templates import LARGEST_BODY, LARGEST_TEMPLATE, template_argument
from copilot.aws.stack_values import StackRequest
from copilot.errors import UnsupportedError


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))


def _argument(template: str) -> dict[str, str]:
    aws = connect(region="us-east-1", access_key_id="a", secret_access_key="b")
    return template_argument(aws, StackRequest("shop-test-api", template))


def _of_size(size: int) -> str:
    start = "Resources: {}\n# "
    return start + "x" * (size - len(start))


def _with_resources(count: int) -> str:
    return "Resources:\n" + "".join(f"  R{number}: {{Type: AWS::SQS::Queue}}\n" for number in range(count))


def test_a_template_goes_along_while_it_fits() -> None:
    assert _argument(_of_size(LARGEST_BODY)) == {"TemplateBody": _of_size(LARGEST_BODY)}
    assert "TemplateBody" in _argument(_with_resources(500))


@pytest.mark.parametrize(
    ("template", "words"),
    [
        (_of_size(LARGEST_BODY + 1), "has 51,201 bytes; CloudFormation takes at most 51,200 that are not in a bucket"),
        (_of_size(LARGEST_BODY // 2) + "é" * LARGEST_BODY, "bytes"),
        (_of_size(LARGEST_TEMPLATE + 1), "has 1,000,001 bytes; CloudFormation takes at most 1,000,000"),
        (_with_resources(501), "has 501 resources; CloudFormation takes at most 500"),
    ],
    ids=["body", "letters of two bytes", "bucket", "resources"],
)
def test_what_cloudformation_would_not_take(template: str, words: str) -> None:
    with pytest.raises(UnsupportedError, match=f"^the template of stack `shop-test-api` .*{words}") as caught:
        _argument(template)
    assert caught.value.hint
