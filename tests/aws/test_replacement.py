from __future__ import annotations

import pytest

from tests.aws.replacement import assert_updates_in_place, create_only, replacements

BEFORE = """\
Parameters:
  App:
    Type: String
Resources:
  Repository:
    Type: AWS::ECR::Repository
    Properties:
      RepositoryName: !Sub ${App}/api
      ImageTagMutability: MUTABLE
  Record:
    Type: AWS::Route53::RecordSet
    Properties:
      HostedZoneId: !Sub ${Zone}
      Name: a.example.com
      Type: A
Outputs:
  Repository:
    Value: !GetAtt Repository.Arn
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("MUTABLE", "IMMUTABLE"),
        ("!Sub ${App}/api", "shop/api"),
        ("!Sub ${Zone}", "!Ref Zone"),
        ("Outputs:", "  More:\n    Type: AWS::ECR::Repository\nOutputs:"),
    ],
)
def test_in_place(old: str, new: str) -> None:
    assert_updates_in_place(BEFORE, BEFORE.replace(old, new), {"App": "shop"})


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("api", "web", "Repository: RepositoryName would go from shop/api to shop/web, which replaces it"),
        (
            "      RepositoryName: !Sub ${App}/api\n",
            "",
            "Repository: RepositoryName would go from shop/api to nothing, which replaces it",
        ),
        ("  Record:", "  Other:", "Record (AWS::Route53::RecordSet) is gone"),
        ("AWS::Route53::RecordSet", "AWS::S3::Bucket", "Record was of type AWS::Route53::RecordSet, is AWS::S3::Bucket"),
        ("Outputs:\n  Repository", "Outputs:\n  Other", "output Repository is gone"),
    ],
)
def test_not_in_place(old: str, new: str, problem: str) -> None:
    assert replacements(BEFORE, BEFORE.replace(old, new), {"App": "shop"}) == [problem]
    with pytest.raises(AssertionError):
        assert_updates_in_place(BEFORE, BEFORE.replace(old, new), {"App": "shop"})


def test_what_never_changes() -> None:
    assert ("RepositoryName",) in create_only("AWS::ECR::Repository")
    assert create_only("AWS::KMS::Key") == []
    assert create_only("Custom::EnvControllerFunction") == [("ServiceToken",)]
