"""From a task to its containers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from copilot.local.docker import names
from copilot.local.docker.command import Container, Mount
from copilot.local.docker.names import Names
from copilot.local.runtime import TaskSpec
from copilot.release.description import Sidecar, Volume

_UNITS_OF_A_CPU = 1024


def main_container(of: Names, spec: TaskSpec) -> Container:
    """The container of the workload's own image. Variables are not in it yet."""
    d = spec.description
    return Container(
        name=of.container(spec.id),
        image=d.image,
        network=of.network(d.application, d.environment),
        aliases=(f"{d.workload}.{d.environment}.{d.application}.local", d.workload),
        labels=_labels(of, spec),
        publish=(spec.port, d.port) if spec.port is not None and d.port is not None else None,
        cpus=d.cpu / _UNITS_OF_A_CPU,
        memory=d.memory,
        platform=d.platform,
        entrypoint=d.entrypoint,
        command=d.command,
        mounts=_mounts(of, spec, d.volumes),
        check=d.check,
        stop_seconds=d.grace_period,
    )


def sidecar_containers(of: Names, spec: TaskSpec) -> Iterator[tuple[Sidecar, Container]]:
    """Those of its sidecars, on the network interface of the main one."""
    d = spec.description
    for sidecar in d.sidecars:
        own = {names.SIDECAR: sidecar.name, names.ESSENTIAL: "true" if sidecar.essential else "false"}
        yield (
            sidecar,
            Container(
                name=of.container(spec.id, sidecar.name),
                image=sidecar.image,
                network=f"container:{of.container(spec.id)}",
                labels=_labels(of, spec) | own,
                platform=d.platform,
                entrypoint=sidecar.entrypoint,
                command=sidecar.command,
                mounts=_mounts(of, spec, sidecar.volumes),
                check=sidecar.check,
                stop_seconds=d.grace_period,
            ),
        )


def _labels(of: Names, spec: TaskSpec) -> dict[str, str]:
    d = spec.description
    return {
        **of.labels(d.application, d.environment),
        names.WORKLOAD: d.workload,
        names.RELEASE: str(spec.release),
        names.REVISION: d.revision,
        names.TASK: spec.id,
    }


def _mounts(of: Names, spec: TaskSpec, volumes: Sequence[Volume]) -> tuple[Mount, ...]:
    d = spec.description
    return tuple(
        Mount(of.volume(d.application, d.environment, d.workload, volume.name), volume.path, volume.read_only)
        for volume in volumes
    )
