from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from copilot.manifest.loader import SourceText
from copilot.manifest.workload import parse_workload
from copilot.release.description import ContainerCheck, ReleaseDescription, Sidecar, Volume
from copilot.release.unsupported import REFUSED_BY_LOCAL, WITHOUT_EFFECT_HERE, refused_by_local, unsupported_by_host

PLAIN = ReleaseDescription("shop", "test", "api", "Backend Service", "sha256:" + "a" * 64)


@pytest.mark.parametrize(
    ("description", "keys"),
    [
        (PLAIN, ()),
        (replace(PLAIN, platform="linux/amd64", variables={"A": "b"}, secrets={"C": "d"}, command=("x",)), ()),
        (replace(PLAIN, image="nginx"), ("image.location: nginx",)),
        (replace(PLAIN, check=ContainerCheck(("x",))), ("image.healthcheck",)),
        (replace(PLAIN, platform="linux/arm64"), ("platform: linux/arm64",)),
        (
            replace(PLAIN, sidecars=(Sidecar("s", "nginx"),), volumes=(Volume("data", "/data"),)),
            ("sidecars", "storage.volumes"),
        ),
    ],
)
def test_what_only_a_container_engine_can_do(description: ReleaseDescription, keys: tuple[str, ...]) -> None:
    assert unsupported_by_host(description, "linux/amd64") == keys


API = "name: api\ntype: Backend Service\nimage: {build: Dockerfile, port: 80}\n"
WEB = "name: web\ntype: Load Balanced Web Service\nimage: {build: Dockerfile, port: 80}\n"
WORKER = "name: worker\ntype: Worker Service\nimage: {build: Dockerfile}\n"
REFUSED = {
    "type: Worker Service": (WORKER, "type", "`type: Worker Service` is for AWS only: its queue is there"),
    "publish.topics": (API + "publish: {topics: [{name: a}]}\n", "publish.topics",
                       "`publish.topics` is for AWS only: topics are there"),
    "variables.<name>.from_cfn, secrets.<name>.from_cfn": (
        API + "variables: {A: {from_cfn: x}}\n", "variables.A",
        "`variables.A` is for AWS only: stacks that export a value are there"),
    "http (Backend Service)": (API + "http: {path: /}\n", "http",
                               "`http` is for AWS only: there is no internal load balancer here"),
    "http.additional_rules": (WEB + "http: {path: /, additional_rules: [{path: /a}]}\n", "http.additional_rules",
                              "`http.additional_rules` is for AWS only: here a service has one path"),
    "http.version": (WEB + "http: {path: /, version: grpc}\n", "http.version",
                     "`http.version` must be `http1` here, which the front door speaks with tasks"),
    "http.target_container, http.target_port": (
        WEB + "http: {path: /, target_container: s}\nsidecars: {s: {image: x, port: 81}}\n", "http.target_container",
        "`http.target_container` is for AWS only: here requests go to the main container"),
    "network.connect.alias": (API + "network: {connect: {alias: x}}\n", "network.connect.alias",
                              "`network.connect.alias` is for AWS only: here services have their own names"),
    "image.depends_on, sidecars.<name>.depends_on": (
        API + "sidecars: {s: {image: x, depends_on: {api: healthy}}}\n", "sidecars.s.depends_on.api",
        "`sidecars.s.depends_on.api` must be `start` here: containers of a task start one after the other"),
    "storage.volumes.<name>.efs.id": (
        API + "storage: {volumes: {a: {path: /a, efs: {id: fs-1}}}}\n", "storage.volumes.a.efs.id",
        "`storage.volumes.a.efs.id` is for AWS only: the file system is there"),
}  # fmt: skip
WITHOUT_EFFECT = {
    "count.range": API + "count: {range: 1-2, cpu_percentage: 5}\n",
    "count.spot": API + "count: {spot: 2}\n",
    "deployment": API + "deployment: {rolling: recreate, rollback_alarms: [a]}\n",
    "exec": API + "exec: true\n",
    "http.alias": WEB + "http: {path: /, alias: a.org, hosted_zone: Z}\n",
    "http.allowed_source_ips": WEB + "http: {path: /, allowed_source_ips: [10.0.0.0/8]}\n",
    "http.redirect_to_https": WEB + "http: {path: /, redirect_to_https: false}\n",
    "http.stickiness": WEB + "http: {path: /, stickiness: true}\n",
    "image.credentials": API.replace("build: Dockerfile", "location: x, credentials: y"),
    "logging": API + "logging: {retention: 1, destination: {Name: x}}\n",
    "network.connect": API + "network: {connect: true}\n",
    "network.vpc": API + "network: {vpc: {placement: private, security_groups: [{from_cfn: x}]}}\n",
    "sidecars.<name>.credentialsParameter": API + "sidecars: {s: {image: x, credentialsParameter: y}}\n",
    "storage.ephemeral": API + "storage: {ephemeral: 30}\n",
    "storage.readonly_fs": API + "storage: {readonly_fs: true}\n",
    "storage.volumes.<name>.efs": API + "storage: {volumes: {a: {path: /a, efs: {uid: 1, gid: 1}}, b: {path: /b}}}\n",
    "taskdef_overrides": API + "taskdef_overrides: [{path: a, value: b}]\n",
}


def refused(text: str) -> list[tuple[str, str]]:
    manifest = parse_workload(SourceText(Path("m.yml"), "m.yml", text)).model
    return [(".".join(map(str, problem.path)), problem.message) for problem in refused_by_local(manifest)]


@pytest.mark.parametrize("key", [refusal.key for refusal in REFUSED_BY_LOCAL])
def test_what_the_local_engine_refuses(key: str) -> None:
    text, *expected = REFUSED[key]
    assert refused(text) == [tuple(expected)]


@pytest.mark.parametrize("key", WITHOUT_EFFECT_HERE)
def test_what_changes_nothing_is_not_refused(key: str) -> None:
    assert refused(WITHOUT_EFFECT[key]) == []


@pytest.mark.parametrize(
    "more",
    ["http: {path: /, target_container: web, target_port: 80}\n", "http: {path: /}\nsecrets: {A: {secretsmanager: b}}\n",
     "http: {path: /}\nsidecars: {s: {image: {build: s}, depends_on: {web: start}}}\n"],
)  # fmt: skip
def test_what_means_the_same_here(more: str) -> None:
    assert refused(WEB + more) == []


def test_imports_of_sidecars() -> None:
    text = WEB + "http: {path: /, target_port: 9}\nsidecars: {s: {image: x, secrets: {A: {from_cfn: b}}}}\n"
    assert [path for path, _ in refused(text)] == ["sidecars.s.secrets.A", "http.target_port"]
