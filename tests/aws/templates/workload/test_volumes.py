from __future__ import annotations

import zlib
from typing import Any

import pytest
from troposphere import encode_to_dict

from copilot.aws.templates.workload.volumes import access_point, mount_statements, volumes
from copilot.errors import UnsupportedError
from tests.aws.templates.workload.task_manifests import BACKEND, manifest_of

FILE_SYSTEM = {"Fn::GetAtt": ["EnvControllerAction", "ManagedFileSystemID"]}
ARN = "arn:${AWS::Partition}:elasticfilesystem:${AWS::Region}:${AWS::AccountId}"


def _storage(volume: str, more: str = "") -> Any:
    return manifest_of(BACKEND, f"storage: {{volumes: {{data: {volume}}}}}\n", more)


def _volumes(volume: str) -> Any:
    return [each.to_dict() for each in volumes(_storage(volume))]


def test_a_volume_without_a_file_system_lives_as_long_as_its_task() -> None:
    assert _volumes("{path: /data}") == [{"Name": "data"}]
    assert mount_statements(_storage("{path: /data}")) == {}


def test_the_environments_file_system_is_used_through_the_workloads_own_folder() -> None:
    (volume,) = _volumes("{path: /data, efs: true}")
    assert volume == {
        "Name": "data",
        "EFSVolumeConfiguration": {
            "FilesystemId": FILE_SYSTEM,
            "RootDirectory": "/",
            "TransitEncryption": "ENABLED",
            "AuthorizationConfig": {"AccessPointId": {"Ref": "AccessPoint"}, "IAM": "ENABLED"},
        },
    }


def test_the_folder_belongs_to_the_checksum_of_the_name() -> None:
    point = access_point(_storage("{path: /data, efs: true}"))
    assert point is not None
    user = str(zlib.crc32(b"api"))
    assert point.to_dict()["Properties"] == {
        "ClientToken": {"Fn::Sub": "${AppName}-${EnvName}-${WorkloadName}"},
        "FileSystemId": FILE_SYSTEM,
        "PosixUser": {"Uid": user, "Gid": user},
        "RootDirectory": {"Path": "/api", "CreationInfo": {"OwnerUid": user, "OwnerGid": user, "Permissions": "0755"}},
    }


def test_the_manifest_may_say_whom_the_folder_belongs_to() -> None:
    point = access_point(_storage("{path: /data, efs: {uid: 1000, gid: 0}}"))
    assert point is not None
    assert point.to_dict()["Properties"]["PosixUser"] == {"Uid": "1000", "Gid": "0"}


@pytest.mark.parametrize(
    ("efs", "expected"),
    [
        ("{id: fs-1}", {"FilesystemId": "fs-1", "RootDirectory": "/", "AuthorizationConfig": {"IAM": "DISABLED"}}),
        (
            "{id: fs-1, root_dir: /sub, auth: {iam: true}}",
            {"FilesystemId": "fs-1", "RootDirectory": "/sub", "AuthorizationConfig": {"IAM": "ENABLED"}},
        ),
        (
            "{id: fs-1, auth: {access_point_id: fsap-1}}",
            {
                "FilesystemId": "fs-1",
                "RootDirectory": "/",
                "AuthorizationConfig": {"AccessPointId": "fsap-1", "IAM": "ENABLED"},
            },
        ),
        (
            "{id: {from_cfn: Shared}}",
            {"FilesystemId": {"Fn::ImportValue": "Shared"}, "RootDirectory": "/", "AuthorizationConfig": {"IAM": "DISABLED"}},
        ),
    ],
)
def test_an_existing_file_system_is_used_as_the_manifest_says(efs: str, expected: dict[str, Any]) -> None:
    (volume,) = _volumes(f"{{path: /data, efs: {efs}}}")
    assert volume["EFSVolumeConfiguration"] == {**expected, "TransitEncryption": "ENABLED"}


@pytest.mark.parametrize(
    ("volume", "more", "actions"),
    [
        ("{path: /data, efs: true}", "", ["ClientMount"]),
        ("{path: /data, efs: true, read_only: false}", "", ["ClientMount", "ClientWrite"]),
        (
            "{path: /data, efs: true}",
            "sidecars: {n: {image: n, mount_points: [{source_volume: data, path: /d, read_only: false}]}}\n",
            ["ClientMount", "ClientWrite"],
        ),
    ],
)
def test_who_only_reads_may_not_write(volume: str, more: str, actions: list[str]) -> None:
    (statement,) = encode_to_dict(mount_statements(_storage(volume, more))).values()
    assert statement["Action"] == [f"elasticfilesystem:{action}" for action in actions]
    assert statement["Condition"] == {
        "StringEquals": {"elasticfilesystem:AccessPointArn": {"Fn::GetAtt": ["AccessPoint", "Arn"]}}
    }


def test_a_file_system_that_asks_no_one_needs_no_permission() -> None:
    assert mount_statements(_storage("{path: /data, efs: {id: fs-1}}")) == {}


def test_an_existing_file_system_is_allowed_through_its_access_point_alone() -> None:
    found = encode_to_dict(mount_statements(_storage("{path: /data, efs: {id: fs-1, auth: {access_point_id: fsap-1}}}")))
    (statement,) = found.values()
    assert statement["Resource"] == [{"Fn::Sub": [f"{ARN}:file-system/${{FileSystem}}", {"FileSystem": "fs-1"}]}]
    assert statement["Condition"] == {
        "StringEquals": {"elasticfilesystem:AccessPointArn": {"Fn::Sub": f"{ARN}:access-point/fsap-1"}}
    }


def test_two_volumes_on_the_environments_file_system_are_refused() -> None:
    manifest = manifest_of(BACKEND, "storage: {volumes: {a: {path: /a, efs: true}, b: {path: /b, efs: true}}}\n")
    with pytest.raises(UnsupportedError, match=r"more than one volume .*`a` and `b`"):
        volumes(manifest)
