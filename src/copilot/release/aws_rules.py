"""Limits of AWS that a manifest may be over although it is well-formed; found before anything is created."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from copilot.errors import KeyPath, Problem
from copilot.manifest.http import RoutingRule
from copilot.manifest.image import ContainerHealthCheck
from copilot.manifest.schedule import Every, parse_schedule
from copilot.manifest.workload import BackendService, LoadBalancedWebService, ScheduledJob, Workload

_GIB = 1024
FARGATE_MEMORY: dict[int, tuple[int, ...]] = {
    256: (512, 1 * _GIB, 2 * _GIB),
    512: tuple(range(1 * _GIB, 4 * _GIB + 1, _GIB)),
    1024: tuple(range(2 * _GIB, 8 * _GIB + 1, _GIB)),
    2048: tuple(range(4 * _GIB, 16 * _GIB + 1, _GIB)),
    4096: tuple(range(8 * _GIB, 30 * _GIB + 1, _GIB)),
    8192: tuple(range(16 * _GIB, 60 * _GIB + 1, 4 * _GIB)),
    16384: tuple(range(32 * _GIB, 120 * _GIB + 1, 8 * _GIB)),
}
"""MiB of memory that a task may have, by its CPU units. Source: the task sizes of AWS Fargate for Linux (ECS developer guide)."""

LEAST_DISK, MOST_DISK = 20, 200
"""GiB of a task's own disk (ECS: EphemeralStorage; 20 is what every task has)."""

MOST_CONDITIONS = 5
"""Values that the conditions of one listener rule may have together (quotas of Elastic Load Balancing)."""

LONGEST_PATTERN = 128
"""Characters of a path or a host that a listener rule matches (Elastic Load Balancing), with what stands for all below it."""

RULES_OF_A_DEPTH = 8
"""Rules of one workload whose paths have the same number of segments: so many priorities are kept free for it."""

LONGEST_TOPIC = 256
"""Characters of a topic's name with everything in front and behind (SNS)."""


LONGEST_STATE_MACHINE = 80
"""Characters of the name of a state machine (Step Functions): a job's is ``<application>-<environment>-<job>``."""


def aws_faults(manifest: Workload, *, application: str, environment: str) -> tuple[Problem, ...]:
    """What AWS would refuse in a manifest, with places in it.

    Args:
        manifest: Resolved for the environment, with placeholders filled in.
        application: Name of the application. Names of resources begin with it.
        environment: Name of the environment.
    """
    prefix = f"{application}-{environment}-"
    return (
        *_size(manifest),
        *_storage(manifest),
        *_checks(manifest),
        *_routing(manifest),
        *_topics(manifest, prefix),
        *_order(manifest),
        *_job(manifest, prefix),
    )


def _size(manifest: Workload) -> Iterator[Problem]:
    sizes = FARGATE_MEMORY.get(manifest.cpu)
    if sizes is None:
        known = ", ".join(map(str, FARGATE_MEMORY))
        yield Problem(("cpu",), f"`cpu` of a task on AWS cannot be {manifest.cpu}", f"it is one of {known}")
    elif manifest.memory not in sizes:
        enough = next((size for size in sizes if size >= manifest.memory), sizes[-1])
        message = f"`memory` of a task with {manifest.cpu} CPU units cannot be {manifest.memory} on AWS"
        yield Problem(("memory",), message, f"it is {_from_to(sizes)} MiB; did you mean {enough}?")


def _from_to(sizes: tuple[int, ...]) -> str:
    if len(sizes) <= 3:
        return ", ".join(map(str, sizes))
    return f"{sizes[0]} to {sizes[-1]} in steps of {sizes[1] - sizes[0]}"


def _storage(manifest: Workload) -> Iterator[Problem]:
    disk = manifest.storage.ephemeral
    if disk is not None and not LEAST_DISK <= disk <= MOST_DISK:
        message = f"`storage.ephemeral` must be {LEAST_DISK} to {MOST_DISK} GiB, not {disk}"
        yield Problem(("storage", "ephemeral"), message)
    managed = [name for name, volume in manifest.storage.volumes.items() if volume.efs is not None and volume.efs.managed]
    for name in managed[1:]:
        message = f"volumes `{managed[0]}` and `{name}` would be one: the environment's file system has one folder for a workload"
        yield Problem(("storage", "volumes", name, "efs"), message, "use folders of one volume, or `efs: {id: …}`")


def _checks(manifest: Workload) -> Iterator[Problem]:
    """Times are whole seconds, and a check of a container is not made more often than every five."""
    own: KeyPath = ("image", "healthcheck")
    sidecars = ((("sidecars", name, "healthcheck"), sidecar.healthcheck) for name, sidecar in manifest.sidecars.items())
    for path, check in ((own, manifest.image.healthcheck), *sidecars):
        if check is not None:
            yield from _check(path, check)


def _check(path: KeyPath, check: ContainerHealthCheck) -> Iterator[Problem]:
    """Source: HealthCheck in the API reference of ECS."""
    yield from _seconds((*path, "interval"), check.interval, 5, 300)
    yield from _seconds((*path, "timeout"), check.timeout, 2, 60)
    yield from _seconds((*path, "start_period"), check.start_period, 0, 300)


def _seconds(path: KeyPath, value: float, least: int, most: int) -> Iterator[Problem]:
    if not value.is_integer() or not least <= value <= most:
        message = f"`{_dotted(path)}` on AWS must be whole seconds from {least} to {most}, not {value:g}"
        yield Problem(path, message)


def _routing(manifest: Workload) -> Iterator[Problem]:
    if not isinstance(manifest, (LoadBalancedWebService, BackendService)) or manifest.http is None:
        return
    http = manifest.http
    paths: list[KeyPath] = [("http",), *(("http", "additional_rules", i) for i in range(len(http.additional_rules)))]
    depths: Counter[int] = Counter()
    yield from _seconds(("http", "healthcheck", "grace_period"), http.healthcheck.grace_period, 0, 86400)
    for path, rule in zip(paths, http.routing_rules, strict=True):
        yield from _rule(path, rule)
        depth = len([segment for segment in rule.path.split("/") if segment])
        depths[depth] += 1
        if depths[depth] == RULES_OF_A_DEPTH + 1:
            message = f"a service can have at most {RULES_OF_A_DEPTH} rules whose paths have {depth} segments"
            yield Problem((*path, "path"), message, "use paths above them, or another service")
    if manifest.image.port is None and http.target_port is None and http.target_container is None:
        yield Problem(
            ("http",), "`http` needs a port that requests go to", "write `port` under `image`, or `http.target_port`", "key"
        )


def _rule(path: KeyPath, rule: RoutingRule) -> Iterator[Problem]:
    # A path below `/` is matched by two values: itself, and all that is below it.
    conditions = (1 if rule.path == "/" else 2) + len(rule.alias) + len(rule.allowed_source_ips)
    if conditions > MOST_CONDITIONS:
        message = (
            f"the path, the names in `alias` and `allowed_source_ips` make {conditions} conditions; AWS takes {MOST_CONDITIONS}"
        )
        key = "alias" if rule.alias else "allowed_source_ips"
        yield Problem((*path, key), message, "spread them over `additional_rules` with the same path", "key")
    matched = f"/{rule.path.strip('/')}/*"
    if len(matched) > LONGEST_PATTERN:
        message = f"`{_dotted((*path, 'path'))}` may have at most {LONGEST_PATTERN - 3} characters on AWS, not {len(matched) - 3}"
        yield Problem((*path, "path"), message)
    for alias in rule.alias:
        if len(alias.name) > LONGEST_PATTERN:
            message = f"the name of a host may have at most {LONGEST_PATTERN} characters on AWS, not {len(alias.name)}"
            yield Problem((*path, "alias"), message)
    check = (*path, "healthcheck")
    yield from _seconds((*check, "interval"), rule.healthcheck.interval, 5, 300)
    yield from _seconds((*check, "timeout"), rule.healthcheck.timeout, 2, 120)
    if rule.healthcheck.timeout >= rule.healthcheck.interval:
        message = f"`{_dotted((*check, 'timeout'))}` must be shorter than the interval, {rule.healthcheck.interval:g} seconds"
        yield Problem((*check, "timeout"), message)
    yield from _seconds((*path, "deregistration_delay"), rule.deregistration_delay, 0, 3600)


def _topics(manifest: Workload, prefix: str) -> Iterator[Problem]:
    """SNS: names with prefix and suffix have at most 256 characters."""
    for index, topic in enumerate(manifest.publish.topics):
        full = f"{prefix}{manifest.name}-{topic.full_name}"
        if len(full) > LONGEST_TOPIC:
            room = LONGEST_TOPIC - len(full) + len(topic.name)
            message = f"the topic's name may have at most {room} characters here"
            hint = f"AWS allows {LONGEST_TOPIC}, with application, environment and workload in front"
            yield Problem(("publish", "topics", index, "name"), message, hint)


def _order(manifest: Workload) -> Iterator[Problem]:
    """ECS knows the health of a container only from a check in the task definition, not from one in the image."""
    checked = {name for name, sidecar in manifest.sidecars.items() if sidecar.healthcheck is not None}
    checked |= {manifest.name} if manifest.image.healthcheck is not None else set()
    own: KeyPath = ("image", "depends_on")
    sidecars = ((("sidecars", name, "depends_on"), sidecar.depends_on) for name, sidecar in manifest.sidecars.items())
    for path, conditions in ((own, manifest.image.depends_on), *sidecars):
        for other, state in conditions.items():
            if state == "healthy" and other not in checked:
                message = f"container `{other}` has no `healthcheck`, without which it is never healthy on AWS"
                yield Problem((*path, other), message, "give it one, or wait for `start`")


def _job(manifest: Workload, prefix: str) -> Iterator[Problem]:
    """EventBridge starts jobs by the minute, and Step Functions ends them by the second."""
    if not isinstance(manifest, ScheduledJob):
        return
    name = prefix + manifest.name
    if len(name) > LONGEST_STATE_MACHINE:
        text = f"is too long: `{name}` on AWS must have at most {LONGEST_STATE_MACHINE} characters, not {len(name)}"
        yield Problem(("name",), f"the job's name {text}", "shorten the name of the job, the environment or the application")
    schedule = parse_schedule(manifest.on.schedule)
    if isinstance(schedule, Every) and schedule.seconds % 60:
        yield Problem(("on", "schedule"), "`on.schedule` on AWS must be a whole number of minutes", "such as `@every 5m`")
    if manifest.timeout is not None and not manifest.timeout.is_integer():
        yield Problem(("timeout",), f"`timeout` on AWS must be whole seconds, not {manifest.timeout:g}")


def _dotted(path: KeyPath) -> str:
    return ".".join(f"[{part}]" if isinstance(part, int) else part for part in path).replace(".[", "[")
