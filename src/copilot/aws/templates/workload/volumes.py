"""The volumes of a task: on the environment's file system, on another one, or for as long as the task lives."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

from troposphere import GetAtt, ImportValue, Ref, Sub, ecs, efs

from copilot.aws.templates.policies import allow
from copilot.aws.templates.rendering import described
from copilot.aws.templates.workload.environment_variables import CONTROLLER
from copilot.errors import UnsupportedError
from copilot.manifest.storage import Efs, VolumeSettings
from copilot.manifest.variables import FromCfn
from copilot.manifest.workload import Workload

ACCESS_POINT = "AccessPoint"
_OWN_FILE_SYSTEM = "ManagedFileSystemID"
_ARN = "arn:${AWS::Partition}:elasticfilesystem:${AWS::Region}:${AWS::AccountId}"


def own_volume(manifest: Workload) -> tuple[str, Efs] | None:
    """The volume that is on the environment's own file system: its name and what the manifest says of it; None without one.

    Raises:
        UnsupportedError: There is more than one.
    """
    found = [(name, volume.efs) for name, volume in sorted(manifest.storage.volumes.items()) if volume.efs and volume.efs.managed]
    if len(found) > 1:
        listed = " and ".join(f"`{name}`" for name, _ in found)
        raise UnsupportedError(
            f"`{manifest.name}` has more than one volume on the environment's file system: {listed}",
            hint="on AWS a workload has one folder there; put both into folders of one volume",
        )
    return found[0] if found else None


def volumes(manifest: Workload) -> list[ecs.Volume]:
    """The volumes of a task definition."""
    own = own_volume(manifest)
    first = [own[0]] if own else []
    others = [name for name in sorted(manifest.storage.volumes) if name not in first]
    return [_volume(name, manifest.storage.volumes[name]) for name in (*first, *others)]


def access_point(manifest: Workload) -> efs.AccessPoint | None:
    """The workload's folder on the environment's file system, which belongs to it alone; None if it has no volume there.

    AWS Copilot takes the checksum of the name for user and group where the manifest says none. None of the properties can be
    changed: another access point would take its place.
    """
    own = own_volume(manifest)
    if own is None:
        return None
    checksum = zlib.crc32(manifest.name.encode())
    user = str(own[1].uid if own[1].uid is not None else checksum)
    group = str(own[1].gid if own[1].gid is not None else checksum)
    return efs.AccessPoint(
        ACCESS_POINT,
        ClientToken=Sub("${AppName}-${EnvName}-${WorkloadName}"),
        FileSystemId=GetAtt(CONTROLLER, _OWN_FILE_SYSTEM),
        PosixUser=efs.PosixUser(Uid=user, Gid=group),
        RootDirectory=efs.RootDirectory(
            Path=f"/{manifest.name}",
            CreationInfo=efs.CreationInfo(OwnerUid=user, OwnerGid=group, Permissions="0755"),
        ),
        Metadata=described("A folder on the environment's file system for this workload alone"),
    )


def mount_statements(manifest: Workload) -> dict[str, dict[str, Any]]:
    """Statements by which tasks may use file systems that ask IAM, by the name of the policy that each is in."""
    statements = {}
    for name, volume in sorted(manifest.storage.volumes.items()):
        if volume.efs is None or not (volume.efs.managed or _asks_iam(volume.efs)):
            continue
        policy = "GrantAccessCopilotManagedEFS" if volume.efs.managed else f"GrantEFSAccess-{name}"
        point = _access_point_arn(volume.efs)
        actions = ["elasticfilesystem:ClientMount"]
        if _written(manifest, name):
            actions.append("elasticfilesystem:ClientWrite")
        limits = {"StringEquals": {"elasticfilesystem:AccessPointArn": point}} if point is not None else None
        arn = Sub(f"{_ARN}:file-system/${{FileSystem}}", FileSystem=_file_system(volume.efs))
        statements[policy] = allow(actions, [arn], condition=limits)
    return statements


def mount_points(mounts: Mapping[str, tuple[str, bool]]) -> list[ecs.MountPoint]:
    """The mount points of a container: volume to its path and whether it is read-only."""
    return [
        ecs.MountPoint(ContainerPath=path, ReadOnly=read_only, SourceVolume=name) for name, (path, read_only) in mounts.items()
    ]


def _volume(name: str, volume: VolumeSettings) -> ecs.Volume:
    if volume.efs is None:
        return ecs.Volume(Name=name)
    if volume.efs.managed:
        return ecs.Volume(
            Name=name,
            EFSVolumeConfiguration=ecs.EFSVolumeConfiguration(
                FilesystemId=_file_system(volume.efs),
                RootDirectory="/",
                TransitEncryption="ENABLED",
                AuthorizationConfig=ecs.AuthorizationConfig(AccessPointId=Ref(ACCESS_POINT), IAM="ENABLED"),
            ),
        )
    point = volume.efs.auth.access_point_id if volume.efs.auth else None
    authorization = {"IAM": "ENABLED" if _asks_iam(volume.efs) else "DISABLED", **({"AccessPointId": point} if point else {})}
    return ecs.Volume(
        Name=name,
        EFSVolumeConfiguration=ecs.EFSVolumeConfiguration(
            FilesystemId=_file_system(volume.efs),
            RootDirectory=volume.efs.root_dir or "/",
            TransitEncryption="ENABLED",
            AuthorizationConfig=ecs.AuthorizationConfig(**authorization),
        ),
    )


def _file_system(settings: Efs) -> Any:
    if settings.managed:
        return GetAtt(CONTROLLER, _OWN_FILE_SYSTEM)
    return ImportValue(settings.id.from_cfn) if isinstance(settings.id, FromCfn) else settings.id


def _asks_iam(settings: Efs) -> bool:
    auth = settings.auth
    if auth is None:
        return False
    return auth.iam if auth.iam is not None else auth.access_point_id is not None


def _access_point_arn(settings: Efs) -> Any:
    if settings.managed:
        return GetAtt(ACCESS_POINT, "Arn")
    point = settings.auth.access_point_id if settings.auth else None
    return Sub(f"{_ARN}:access-point/{point}") if point else None


def _written(manifest: Workload, volume: str) -> bool:
    mounts = [mount for sidecar in manifest.sidecars.values() for mount in sidecar.mount_points if mount.source_volume == volume]
    return not manifest.storage.volumes[volume].read_only or any(not mount.read_only for mount in mounts)
