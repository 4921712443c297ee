from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from copilot.aws.templates.reading import read_template
from copilot.aws.templates.workload.addon_folder import AddonsTemplate, read_addons
from copilot.errors import ManifestError
from tests.aws.lint import assert_clean

TABLE = """\
AWSTemplateFormatVersion: 2010-09-09
Description: A table
Parameters:
  App: {Type: String}
  Env: {Type: String}
  Name: {Type: String}
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    DeletionPolicy: Retain
    UpdateReplacePolicy: Retain
    Properties:
      TableName: !Sub ${App}-${Env}-${Name}-table
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: yes}
  TablePolicy:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      PolicyDocument:
        Version: 2012-10-17
        Statement:
          - Effect: Allow
            Action: dynamodb:GetItem
            Resource: !GetAtt Table.Arn
Outputs:
  tableName:
    Value: !Ref Table
  tablePolicy:
    Value: !Ref TablePolicy
"""
SECRET = """\
Parameters:
  App: {Type: String}
  Length: {Type: Number}
Conditions:
  IsProd: !Equals [!Ref Env, prod]
Mappings:
  Size: {test: {cpu: 1}, prod: {cpu: 010123456789}}
Resources:
  Secret:
    Type: AWS::SecretsManager::Secret
    Properties:
      GenerateSecretString: {PasswordLength: !Ref Length}
  Group:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: For the database
      VpcId: !ImportValue
        Fn::Sub: ${App}-${Env}-VpcId
Outputs:
  Secret: {Value: !Ref Secret}
  Group: {Value: !Ref Group}
  GroupId: {Value: !GetAtt Group.GroupId}
"""
VALUES = """\
Parameters:
  Length: 32
"""


def addons(folder: Path, **files: str) -> AddonsTemplate | None:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name.replace('_', '.')}.yml").write_text(text)
    return read_addons(folder)


def merged(folder: Path, **files: str) -> dict[str, Any]:
    found = addons(folder, **files)
    assert found is not None
    return read_template(found.text)


def problems(folder: Path, **files: str) -> list[tuple[str, int, int, str]]:
    with pytest.raises(ManifestError) as raised:
        addons(folder, **files)
    return [(Path(each.file).name, each.line, each.column, each.message) for each in raised.value.diagnostics]


def test_no_addons(tmp_path: Path) -> None:
    assert read_addons(tmp_path / "addons") is None
    assert addons(tmp_path / "addons") is None
    (tmp_path / "addons" / "notes.md").write_text("Not a template.")
    assert read_addons(tmp_path / "addons") is None


def test_one_template(tmp_path: Path) -> None:
    found = addons(tmp_path, table=TABLE)
    assert found is not None
    assert found.outputs == {"tableName": "variable", "tablePolicy": "policy"}
    assert found.parameters == {}
    assert_clean(found.text)
    data = read_template(found.text)
    assert list(data) == ["Parameters", "Resources", "Outputs"]
    table = data["Resources"]["Table"]
    assert table["Properties"]["TableName"] == {"Fn::Sub": "${App}-${Env}-${Name}-table"}
    assert table["Properties"]["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert data["Resources"]["TablePolicy"]["Properties"]["PolicyDocument"]["Version"] == "2012-10-17"


def test_several_templates(tmp_path: Path) -> None:
    found = addons(tmp_path, table=TABLE, secret=SECRET, addons_parameters=VALUES)
    assert found is not None
    assert found.outputs == {
        "Secret": "secret",
        "Group": "security group",
        "GroupId": "variable",
        "tableName": "variable",
        "tablePolicy": "policy",
    }
    assert found.parameters == {"Length": "32"}
    data = read_template(found.text)
    assert set(data["Parameters"]) == {"App", "Env", "Name", "Length"}
    assert set(data["Resources"]) == {"Table", "TablePolicy", "Secret", "Group"}
    assert data["Conditions"] == {"IsProd": {"Fn::Equals": [{"Ref": "Env"}, "prod"]}}
    assert data["Mappings"]["Size"]["prod"]["cpu"] == "010123456789"
    vpc = data["Resources"]["Group"]["Properties"]["VpcId"]
    assert vpc == {"Fn::ImportValue": {"Fn::Sub": "${App}-${Env}-VpcId"}}


def test_equal_files_make_equal_templates(tmp_path: Path) -> None:
    first = addons(tmp_path / "one", table=TABLE, secret=SECRET, addons_parameters=VALUES)
    second = addons(tmp_path / "two", secret=SECRET, table=TABLE, addons_parameters=VALUES)
    assert first == second


def test_what_is_written_alike_is_one(tmp_path: Path) -> None:
    assert list(merged(tmp_path, a=TABLE, b=TABLE)["Resources"]) == ["Table", "TablePolicy"]


def test_two_templates_may_fill_one_mapping(tmp_path: Path) -> None:
    more = "Mappings: {Size: {test: {cpu: 1}, dev: {cpu: 3}}}\nResources: {Queue: {Type: AWS::SQS::Queue}}"
    found = merged(tmp_path, a=SECRET.replace("Length: {Type: Number}", "Length: {Type: Number, Default: 32}"), b=more)
    assert list(found["Mappings"]["Size"]) == ["test", "prod", "dev"]


def test_transforms(tmp_path: Path) -> None:
    resources = "Resources: {Queue: {Type: AWS::SQS::Queue}}"
    found = merged(
        tmp_path,
        a=f"Transform: AWS::Serverless-2016-10-31\n{resources}",
        b=f"Transform: [AWS::LanguageExtensions, AWS::Serverless-2016-10-31]\n{resources}",
    )
    assert found["Transform"] == ["AWS::Serverless-2016-10-31", "AWS::LanguageExtensions"]


def test_values_of_parameters(tmp_path: Path) -> None:
    declared = "".join(f"  {name}: {{Type: String}}\n" for name in ("Number", "Flag", "List", "Service", "Text"))
    template = f"Parameters:\n{declared}Resources: {{Queue: {{Type: AWS::SQS::Queue}}}}"
    values = "Parameters: {Number: 012, Flag: true, List: [a, 2], Service: !GetAtt Service.Name, Text: '1.0'}"
    found = addons(tmp_path, queue=template, addons_parameters=values)
    assert found is not None
    assert found.parameters == {
        "Number": "012",
        "Flag": "true",
        "List": "a,2",
        "Service": {"Fn::GetAtt": ["Service", "Name"]},
        "Text": "1.0",
    }


def test_conflicts(tmp_path: Path) -> None:
    other = TABLE.replace("PAY_PER_REQUEST", "PROVISIONED")
    text = "`Table` is in two templates, which say different things of it"
    assert problems(tmp_path, a=TABLE, b=other) == [("b.yml", 8, 3, text)]


def test_conflicts_in_a_mapping(tmp_path: Path) -> None:
    template = "Mappings: {{Size: {{test: {{cpu: {}}}}}}}\nResources: {{Queue: {{Type: AWS::SQS::Queue}}}}"
    ((file, _, _, message),) = problems(tmp_path, a=template.format(1), b=template.format(2))
    assert (file, message) == ("b.yml", "`test` is in two templates, which say different things of it")


@pytest.mark.parametrize(
    ("template", "place", "message"),
    [
        ("Resources:\n  Queue: [", (2, 10), "the file ends in the middle of a value"),
        ("Resources:\n  Queue:\n    Type: !Reff X", (3, 11), "CloudFormation has no function `!Reff`"),
        ("Resources:\n  Queue: {Type: A}\n  Queue: {Type: B}", (3, 3), "the key `Queue` is there twice"),
        ("Resources:\n  Queue: {}", (2, 3), "`Queue` has no `Type`"),
        ("Resources:\n  Queue: AWS::SQS::Queue", (2, 3), "`Queue` has no `Type`"),
        ("Resource:\n  Queue: {Type: AWS::SQS::Queue}", (1, 1), "a template has no section `Resource`"),
        ("Description: Nothing", (1, 1), "the template has no `Resources`"),
        ("Resources: [a]", (1, 1), "`Resources` must be a mapping of names to what they are"),
        ("Resources:\n  Queue: &a\n    Type: *a", (2, 10), "an alias leads back into the value that it is part of"),
        ("Resources:\n  Q: &a {Type: A}\n  R:\n    <<: *a", (4, 5), "`<<` cannot be used in a template"),
        ("Resources: {Q: {Type: A}}\nOutputs:\n  X: {Description: a}", (3, 3), "`X` has no `Value`"),
        (
            "Resources: {Q: {Type: A}}\nParameters:\n  Size: {Type: Number}",
            (3, 3),
            "the parameter `Size` has no value",
        ),
    ],
)
def test_what_is_wrong_with_a_template(tmp_path: Path, template: str, place: tuple[int, int], message: str) -> None:
    found = problems(tmp_path, queue=template)
    assert ("queue.yml", *place, message) in found


@pytest.mark.parametrize(
    ("values", "place", "message"),
    [
        ("Parameters:\n  App: shop\n  Length: 3", (2, 3), "the parameter `App` has its value already"),
        ("Parameters:\n  Lenght: 3", (2, 3), "no template has the parameter `Lenght`"),
        ("Parameters:\n  Length: {a: b}", (2, 3), "the parameter `Length` cannot be that"),
        ("Parameters:\n  Length: [!Ref A]", (2, 3), "the parameter `Length` cannot be that"),
        ("Parameters:\n  Length:", (2, 3), "the parameter `Length` has no value"),
        ("Resources:\n  Length: 3", (1, 1), "`Resources` cannot be here"),
    ],
)
def test_what_is_wrong_with_values(tmp_path: Path, values: str, place: tuple[int, int], message: str) -> None:
    assert ("addons.parameters.yml", *place, message) in problems(tmp_path, secret=SECRET, addons_parameters=values)


def test_two_files_of_values(tmp_path: Path) -> None:
    (tmp_path / "addons.parameters.yaml").write_text(VALUES)
    found = problems(tmp_path, secret=SECRET, addons_parameters=VALUES)
    assert found == [("addons.parameters.yml", 1, 1, "there are two files of parameters")]


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    found = problems(tmp_path, a="Resources: {Q: {Type: !Reff A}}", b="Resources: {Q: {Type: !Subb A}}")
    assert [file for file, *_ in found] == ["a.yml", "b.yml"]
