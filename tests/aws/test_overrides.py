from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.aws.overrides import check_overrides, overridden, pipeline_overrides
from copilot.aws.templates.pipeline.stack import pipeline_stack
from copilot.aws.templates.reading import read_template
from copilot.aws.templates.rendering import dump, render
from copilot.errors import ManifestError
from copilot.workspace import Workspace
from tests.aws.lint import assert_clean
from tests.aws.templates.pipeline.pipelines import BUILD, STAGES, settings_of, source

TEMPLATE = """\
AWSTemplateFormatVersion: '2010-09-09'
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      ManagedPolicyArns: [one, two]
      Path: /
      Tags:
        a/b: slash
        c~d: tilde
  Topic:
    Type: AWS::SNS::Topic
    DependsOn: Role
    Properties:
      TopicName: !Sub ${AWS::StackName}-${Role}
Outputs:
  Topic:
    Value: !GetAtt Topic.TopicArn
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = Path("overrides")
    folder.mkdir()
    return folder


def patched(folder: Path, patches: str) -> dict[str, Any]:
    (folder / "cfn.patches.yml").write_text(patches)
    return read_template(overridden(folder, TEMPLATE))


def refused(folder: Path, patches: str) -> list[str]:
    (folder / "cfn.patches.yml").write_text(patches)
    with pytest.raises(ManifestError) as error:
        overridden(folder, TEMPLATE)
    return [
        f"{d.file}:{d.line}:{d.column}: {d.message}{f' ({d.hint})' if d.hint else ''}".removeprefix("overrides/cfn.patches.yml:")
        for d in error.value.diagnostics
    ]


def test_patches_are_applied_one_after_the_other(folder: Path) -> None:
    resources = patched(
        folder,
        """\
- op: add
  path: /Resources/Role/Properties/RoleName
  value: ours
- op: replace
  path: /Resources/Role/Properties/RoleName
  value: mine
- {op: remove, path: /Resources/Role/Properties/Path}
- {op: add, path: /Resources/Role/Properties/ManagedPolicyArns/-, value: last}
- {op: add, path: /Resources/Role/Properties/ManagedPolicyArns/0, value: first}
- {op: remove, path: /Resources/Role/Properties/ManagedPolicyArns/1}
- {op: replace, path: /Resources/Role/Properties/Tags/a~1b, value: 1}
- {op: replace, path: /Resources/Role/Properties/Tags/c~0d, value: true}
""",
    )["Resources"]
    assert resources["Role"]["Properties"] == {
        "ManagedPolicyArns": ["first", "two", "last"],
        "Tags": {"a/b": 1, "c~d": True},
        "RoleName": "mine",
    }
    assert list(resources) == ["Role", "Topic"]


def test_functions_have_their_short_forms(folder: Path) -> None:
    patches = """\
- op: add
  path: /Resources/Queue
  value:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: !Sub ${AWS::StackName}-queue
      KmsMasterKeyId: !GetAtt Topic.TopicArn
      Tags: [{Key: !Ref Role, Value: !Select [0, !Split [",", "a,b"]]}]
"""
    assert patched(folder, patches)["Resources"]["Queue"]["Properties"] == {
        "QueueName": {"Fn::Sub": "${AWS::StackName}-queue"},
        "KmsMasterKeyId": {"Fn::GetAtt": ["Topic", "TopicArn"]},
        "Tags": [{"Key": {"Ref": "Role"}, "Value": {"Fn::Select": [0, {"Fn::Split": [",", "a,b"]}]}}],
    }
    (folder / "cfn.patches.yml").write_text(patches)
    assert "QueueName: !Sub ${AWS::StackName}-queue" in overridden(folder, TEMPLATE)


def test_without_patches_a_template_is_as_it_was(folder: Path) -> None:
    assert overridden(folder / "nowhere", TEMPLATE) == TEMPLATE
    assert overridden(folder, TEMPLATE) == TEMPLATE
    (folder / "cfn.patches.yml").write_text("# - op: add\n")
    assert overridden(folder, TEMPLATE) == TEMPLATE
    assert check_overrides(folder) == check_overrides(folder / "nowhere") == []


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        ("op: add", "1:1: the file must be a list (begin each item with `- `)"),
        ("- add", "1:3: a patch must be a mapping of keys to values, not text (with `op` and `path`)"),
        ("- {path: /Resources/A, value: 1}", "1:3: `op` is missing in this patch"),
        ("- {op: add, value: 1}", "1:3: `path` is missing in this patch"),
        ("- {op: move, path: /Resources/A}", "1:4: `op` is unknown: `move` (it is one of: add, remove, replace)"),
        ("- {op: add, path: /Resources/A}", "1:3: `value` is missing: `add` needs one"),
        (
            "- {op: add, path: /Resources/A, value: }",
            "1:33: `value` has no value (CloudFormation takes no empty values; `remove` removes one)",
        ),
        (
            "- {op: remove, path: /Resources/Role, vlaue: 1}",
            "1:39: unknown key `vlaue` in a patch (did you mean `value`?)",
        ),
        (
            "- {op: remove, path: Resources/Role}",
            "1:16: `path` must begin with `/` (such as `/Resources/BuildProject/Properties/TimeoutInMinutes`)",
        ),
        ("- {op: remove, path: /a~2}", "1:16: a `~` in `path` is written `~0`, and a `/` in a key `~1`"),
        ("- {op: remove, path: /Resources/Roll}", "1:16: there is no `Roll` in `/Resources` (did you mean `Role`?)"),
        ("- {op: replace, path: /Resources/X/Y, value: 1}", "1:17: there is no `X` in `/Resources` (there is: Role, Topic)"),
        ("- {op: add, path: /Resources/Role/Type/x, value: 1}", "1:13: `/Resources/Role/Type` is text, and has nothing in it"),
        (
            "- {op: remove, path: /Resources/Role/Properties/ManagedPolicyArns/2}",
            "1:16: `/Resources/Role/Properties/ManagedPolicyArns` has 2 items, and no item 2 (the first is 0)",
        ),
        (
            "- {op: add, path: /Resources/Role/Properties/ManagedPolicyArns/end, value: 1}",
            (
                "1:13: `/Resources/Role/Properties/ManagedPolicyArns` is a list, of which `end` is no item"
                " (an item is a number, or `-` for its end)"
            ),
        ),
        ("- {op: remove, path: /Resources/Role}", "1:16: `Topic` refers to `Role`, which is not in the template"),
        ("- {op: remove, path: /Resources/Role/Type}", "1:16: resource `Role` must be a mapping with a `Type`"),
        (
            "- {op: replace, path: /Resources, value: []}",
            "1:17: `Resources` must be a mapping of names to what they are",
        ),
        ("- {op: replace, path: /Resources, value: {}}", "1:17: the template must have `Resources`"),
        ("- {op: replace, path: /Outputs, value: none}", "1:17: `Outputs` must be a mapping of names to what they are"),
        ("- {op: add, path: /Resource, value: {}}", "1:13: a template has no section `Resource` (did you mean `Resources`?)"),
        (
            "- {op: add, path: /Resources/Topic/Properties/TopicName, value: !Ref Roll}",
            "1:13: `Topic` refers to `Roll`, which is not in the template",
        ),
        (
            "- {op: add, path: /Resources/A, value: !Reff B}",
            "1:40: CloudFormation has no function `!Reff` (did you mean `!Ref`?)",
        ),
        (
            "- {op: add, op: remove, path: /Resources/A}",
            "1:13: the key `op` is there twice (the first is in overrides/cfn.patches.yml:1)",
        ),
        ("- {op: add", "1:3: this mapping has no `}`, or lacks a `,`"),
    ],
)
def test_each_fault_has_its_place(folder: Path, patch: str, message: str) -> None:
    assert refused(folder, patch) == [message]


def test_all_faults_are_told_at_once(folder: Path) -> None:
    patches = "- {op: remove, path: /Nothing}\n- {op: remove, path: /Resources/Topic/Properties}\n- {op: remove, path: /Else}\n"
    assert [message[:5] for message in refused(folder, patches)] == ["1:16:", "3:16:"]


def test_a_program_of_the_cdk_is_refused_by_name(folder: Path) -> None:
    (folder / "cdk.json").write_text('{"app": "npx ts-node bin/override.ts"}\n')
    (diagnostic,) = check_overrides(folder)
    assert diagnostic.file == "overrides/cdk.json"
    assert "AWS CDK" in diagnostic.message
    with pytest.raises(ManifestError):
        overridden(folder, TEMPLATE)


def test_a_folder_without_patches_is_not_passed_over(folder: Path) -> None:
    (folder / "cfn.patches.yaml").write_text("[]\n")
    (diagnostic,) = check_overrides(folder)
    assert (diagnostic.file, diagnostic.message) == ("overrides/cfn.patches.yml", "there is no such file")


def test_a_pipelines_folder_has_its_name_in_each_layout(tmp_path: Path) -> None:
    workspace = Workspace.create(tmp_path, "shop", "aws")
    for place, name in (
        ("pipeline.yml", "oldest"),
        ("pipelines/one/manifest.yml", "one"),
        ("pipelines/two/manifest.yml", "other"),
    ):
        path = workspace.folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"name: {name}\n")
    (workspace.folder / "overrides").mkdir()

    def found(name: str) -> str:
        return pipeline_overrides(workspace, workspace.pipeline(name)).relative_to(workspace.folder).as_posix()

    assert [found(name) for name in ("oldest", "one", "other")] == [
        "pipelines/oldest/overrides",
        "pipelines/one/overrides",
        "pipelines/other/overrides",
    ]
    (workspace.folder / "pipelines/two/overrides").mkdir()
    assert found("other") == "pipelines/two/overrides"
    (workspace.folder / "pipelines/other/overrides").mkdir(parents=True)
    assert found("other") == "pipelines/other/overrides"


def test_a_pipelines_template_is_patched_and_stays_one(folder: Path) -> None:
    template = render(pipeline_stack(settings_of(source("GitHub") + BUILD + STAGES)).template)
    (folder / "cfn.patches.yml").write_text(
        """\
- op: replace
  path: /Resources/BuildProject/Properties/TimeoutInMinutes
  value: 120
- op: add
  path: /Resources/BuildProject/Properties/LogsConfig
  value: {CloudWatchLogs: {Status: ENABLED, GroupName: !Ref BuildLogs}}
- op: add
  path: /Resources/BuildLogs
  value: {Type: AWS::Logs::LogGroup, DeletionPolicy: Delete, UpdateReplacePolicy: Delete, Properties: {RetentionInDays: 30}}
- op: add
  path: /Resources/BuildProjectPolicy/Properties/PolicyDocument/Statement/-
  value: {Effect: Allow, Action: ["logs:PutLogEvents"], Resource: !GetAtt BuildLogs.Arn}
- op: replace
  path: /Resources/Pipeline/Properties/Stages/3/Actions/0/TimeoutInMinutes
  value: 60
"""
    )
    made = overridden(folder, template)
    assert made == overridden(folder, template)
    assert_clean(made)
    before, after = read_template(template), read_template(made)
    assert after["Resources"]["BuildProject"]["Properties"]["TimeoutInMinutes"] == 120
    assert after["Resources"]["BuildProject"]["Properties"]["LogsConfig"]["CloudWatchLogs"]["GroupName"] == {"Ref": "BuildLogs"}
    del after["Resources"]["BuildLogs"]
    assert list(after["Resources"]) == list(before["Resources"])
    assert {name for name, resource in before["Resources"].items() if after["Resources"][name] != resource} == {
        "BuildProject",
        "BuildProjectPolicy",
        "Pipeline",
    }


def test_what_is_not_patched_reads_as_before() -> None:
    template = render(pipeline_stack(settings_of(source("CodeCommit") + BUILD + STAGES)).template)
    assert dump(read_template(template)) == template


_KEYS = st.text("ab/~-01", min_size=1, max_size=3)
_DATA = st.recursive(
    st.integers(0, 9) | st.text("xyz", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(_KEYS, _DATA, min_size=1, max_size=3), st.data())
def test_paths_lead_where_the_standard_says(
    tmp_path_factory: pytest.TempPathFactory, data: dict[str, Any], draw: st.DataObject
) -> None:
    """Whatever is in a template: a change is what RFC 6902 says, or refused where that says nothing."""
    folder = tmp_path_factory.mktemp("any")
    template: dict[str, Any] = {"Resources": {"R": {"Type": "T", "Properties": data}}}
    pointers = [f"/Resources/R/Properties{pointer}" for pointer in _pointers(data)]
    pointer = draw.draw(st.sampled_from(pointers)) + draw.draw(st.sampled_from(["", "/0", "/-", "/a", "/a~1b", "/7"]))
    operation = draw.draw(st.sampled_from(["add", "remove", "replace"]))
    patch = {"op": operation, "path": pointer, "value": "new"}
    (folder / "cfn.patches.yml").write_text(dump([patch]))  # type: ignore[arg-type] # a list is written as well
    try:
        expected = jsonpatch.apply_patch(template, [patch])
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException):
        with pytest.raises(ManifestError):
            overridden(folder, dump(template))
    else:
        assert read_template(overridden(folder, dump(template))) == expected


_VALUES = st.recursive(
    st.booleans() | st.integers(0, 9) | st.sampled_from(["Role", "!Ref x", "${Topic}", ""]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["Ref", "Fn::Sub", "Fn::GetAtt", "DependsOn", "Type", "a"]), inner, max_size=2)
    ),
    max_leaves=6,
)


@given(st.data())
def test_any_patch_makes_a_template_or_is_told_to_be_wrong(tmp_path_factory: pytest.TempPathFactory, draw: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("any")
    pointers = st.sampled_from(_pointers(read_template(TEMPLATE))) | st.text("/~01aR-", max_size=4)
    patches = draw.draw(
        st.lists(
            st.fixed_dictionaries(
                {"op": st.sampled_from(["add", "remove", "replace", "move"]), "path": pointers}, optional={"value": _VALUES}
            ),
            max_size=3,
        )
    )
    (folder / "cfn.patches.yml").write_text(dump(patches))  # type: ignore[arg-type] # a list is written as well
    try:
        made = overridden(folder, TEMPLATE)
    except ManifestError as error:
        found = error.diagnostics
    else:
        found = ()
        assert read_template(made)["Resources"]
        assert made == overridden(folder, TEMPLATE)
    assert all(diagnostic.message and diagnostic.line > 0 for diagnostic in found)


def _pointers(data: Any) -> list[str]:
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    found = [""]
    for key, value in items:
        step = str(key).replace("~", "~0").replace("/", "~1")
        found += [f"/{step}{pointer}" for pointer in _pointers(value)]
    return found
