from __future__ import annotations

import pytest

from tests.aws.lint import assert_clean, findings

CLEAN = """\
Resources:
  Repository:
    Type: AWS::ECR::Repository
    Properties:
      RepositoryName: !Sub ${AWS::StackName}/api
"""


def test_a_template_without_findings() -> None:
    assert_clean(CLEAN)


@pytest.mark.parametrize(
    ("more", "rule"),
    [
        ("      Nope: 1\n", "E3002"),
        ("    DependsOn: [\n", "E0000"),
        ("    DeletionPolicy: Retain\n", "W3011"),
        ("Parameters:\n  Unused:\n    Type: String\n", "W2001"),
        ("  Database:\n    Type: AWS::RDS::DBInstance\n    Properties:\n      DBInstanceClass: db.t3.small\n", "I3011"),
    ],
)
def test_findings_of_each_level(more: str, rule: str) -> None:
    assert rule in {line.split()[0] for line in findings(CLEAN + more)}
    with pytest.raises(AssertionError, match=rule):
        assert_clean(CLEAN + more)
