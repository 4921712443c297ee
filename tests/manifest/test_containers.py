"""What a workload's manifest says about its containers: health checks, volumes, sidecars, platform and network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from copilot.errors import Diagnostic, ManifestError
from copilot.manifest.loader import SourceText
from copilot.manifest.workload import parse_workload

API = "name: api\ntype: Backend Service\nimage: {build: Dockerfile}\n"
ALL = """\
name: api
type: Backend Service
platform: linux/x86_64
image:
  build:
    dockerfile: Dockerfile
    cache_from: [registry/api:latest, registry/base]
  port: 8080
  healthcheck:
    command: [CMD-SHELL, "wget -q localhost:8080"]
    interval: 20s
    retries: 3
    timeout: 4s
    start_period: 1m
env_file: api.env
storage:
  volumes:
    data: {path: /var/data, read_only: false, efs: true}
    cache:
      path: /var/cache
sidecars:
  proxy:
    image: nginx:1.27
    port: "8081"
    essential: false
    variables: {A: 1.10}
    secrets: {TOKEN: api-token}
    entrypoint: /entry -v
    command: [nginx]
    healthcheck: {command: [CMD, "true"]}
    mount_points:
      - source_volume: data
        path: /data
      - {source_volume: cache, path: /cache, read_only: false}
  log:
    image: {location: fluent-bit}
exec: true
network:
  connect: true
environments:
  prod:
    platform: linux/arm64
    sidecars: {log: {image: other}, more: {image: x}}
    storage: {volumes: {data: {read_only: true}}}
    image: {healthcheck: {interval: 5s}}
"""


def parsed(text: str) -> Any:
    return parse_workload(SourceText(Path("manifest.yml"), "manifest.yml", text)).model


def problems(text: str) -> list[Diagnostic]:
    with pytest.raises(ManifestError) as caught:
        parsed(text)
    return list(caught.value.diagnostics)


def test_every_key() -> None:
    api = parsed(ALL)
    assert (api.platform, api.env_file, api.exec, api.network.connect is not None) == ("linux/amd64", "api.env", True, True)
    assert api.image.build.cache_from == ("registry/api:latest", "registry/base")
    check = api.image.healthcheck
    assert check.command == ("CMD-SHELL", "wget -q localhost:8080")
    assert (check.interval, check.retries, check.timeout, check.start_period) == (20.0, 3, 4.0, 60.0)
    data, cache = api.storage.volumes.values()
    assert (data.path, data.read_only, cache.path, cache.read_only) == ("/var/data", False, "/var/cache", True)
    proxy, log = api.sidecars.values()
    assert (proxy.image.location, proxy.port, proxy.essential) == ("nginx:1.27", (8081, "tcp"), False)
    assert (proxy.variables, proxy.secrets) == ({"A": "1.10"}, {"TOKEN": "api-token"})
    assert (proxy.entrypoint, proxy.command, proxy.healthcheck.command) == (("/entry", "-v"), ("nginx",), ("true",))
    assert [(m.source_volume, m.path, m.read_only) for m in proxy.mount_points] == [
        ("data", "/data", True),
        ("cache", "/cache", False),
    ]
    assert (log.image.location, log.port, log.essential, log.mount_points, log.healthcheck) == (
        "fluent-bit",
        None,
        True,
        (),
        None,
    )


def test_overrides() -> None:
    prod = parsed(ALL).resolved("prod")
    assert prod.platform == "linux/arm64"
    assert {name: s.image.location for name, s in prod.sidecars.items()} == {"proxy": "nginx:1.27", "log": "other", "more": "x"}
    assert (prod.storage.volumes["data"].path, prod.storage.volumes["data"].read_only) == ("/var/data", True)
    assert (prod.image.healthcheck.interval, prod.image.healthcheck.retries) == (5.0, 3)


def test_what_aws_copilot_itself_writes() -> None:
    common = "image:\n  build: Dockerfile\n%scpu: 256\nmemory: 512\nplatform: linux/x86_64  # See the docs\n"
    service = "count: 1\nexec: true\nnetwork:\n  connect: true\n"
    port = "  port: 80\n"
    assert parsed("name: a\ntype: Load Balanced Web Service\nhttp:\n  path: '/'\n" + common % port + service).exec
    assert parsed("name: a\ntype: Backend Service\n" + common % port + service).network.connect
    assert parsed('name: a\ntype: Scheduled Job\non:\n  schedule: "@daily"\n' + common % "").platform == "linux/amd64"


def test_without_them() -> None:
    api = parsed(API)
    assert (api.platform, api.env_file, api.exec, api.network.connect, api.image.healthcheck) == (None, None, False, None, None)
    assert (api.storage.volumes, api.sidecars, api.image.build.cache_from) == ({}, {}, ())


@pytest.mark.parametrize(
    ("written", "command"),
    [
        ("{}", ("CMD-SHELL", "curl -f http://localhost/ || exit 1")),
        ("{command: curl -f localhost || exit 1}", ("CMD-SHELL", "curl -f localhost || exit 1")),
        ("{command: [CMD, check, -v]}", ("check", "-v")),
        ("{command: [check, -v]}", ("check", "-v")),
        ("{command: [CMD-SHELL, check]}", ("CMD-SHELL", "check")),
    ],
)
def test_the_command_of_a_health_check(written: str, command: tuple[str, ...]) -> None:
    check = parsed(API.replace("Dockerfile}", f"Dockerfile, healthcheck: {written}}}")).image.healthcheck
    assert check.command == command
    assert (check.interval, check.retries, check.timeout, check.start_period) == (10.0, 2, 5.0, 0.0)


@pytest.mark.parametrize(
    ("added", "position", "message", "hint"),
    [
        ("platform: linux/arm", "4:11+9", "`platform` is unknown: `linux/arm`", "it is `linux/amd64` or `linux/arm64`"),
        ("platform: 3", "4:11+1", "`platform` is unknown: `3`", "it is `linux/amd64` or `linux/arm64`"),
        ("platform: windows/amd64", "4:11+13", "`platform` `windows/amd64` is not supported yet",
         "it is `linux/amd64` or `linux/arm64`"),
        ("exec: maybe", "4:7+5", "`exec` must be true or false, not text", None),
        ("network: {conect: true}", "4:11+6", "unknown key `conect` in `network`", "did you mean `connect`?"),
        ("storage: {volumes: {a: {}}}", "4:21+1", "`path` is missing in `storage.volumes.a`", "such as `path: /data`"),
        ("storage: {volumes: {a: {path: data}}}", "4:31+4",
         "`storage.volumes.a.path` must begin with `/` and have letters, digits and `.`, `-`, `_`, `/` only, at most 241",
         "such as `/data`"),
        ("storage: {volumes: {a: {path: '/a:/b'}}}", "4:31+7",
         "`storage.volumes.a.path` must begin with `/` and have letters, digits and `.`, `-`, `_`, `/` only, at most 241",
         "such as `/data`"),
        ("storage: {volumes: {a: {path: /a/../b}}}", "4:31+7", "`storage.volumes.a.path` must be a folder below `/`",
         "such as `/data`"),
        ("storage: {volumes: {a: {path: //}}}", "4:31+2", "`storage.volumes.a.path` must be a folder below `/`",
         "such as `/data`"),
        ("storage: {volumes: {a/b: {path: /a}}}", "4:21+3",
         "`storage.volumes.a/b` must have letters, digits, `-` and `_` only, at most 100, and begin with a letter or digit",
         None),
        ("storage: {volumes: {a: {path: /a}, b: {path: /a/}}}", "4:46+3",
         "`storage.volumes.b.path` is where another volume is: `/a/`", None),
        ("sidecars: {s: {}}", "4:12+1", "`image` is missing in `sidecars.s`", "such as `image: nginx:1.27`"),
        ("sidecars: {s: {image: -v}}", "4:23+2", "`sidecars.s.image.location` must not begin with a hyphen", None),
        ("sidecars: {s: {image: x, labels: {a: b}}}", "4:26+6", "`sidecars.s.labels` is not supported yet", None),
        ("sidecars: {api: {image: x}}", "4:12+3", "sidecar `api` is called as the workload, whose main container has that name",
         "give it another name"),
        ("sidecars: {s: {image: x, mount_points: [{source_volume: a, path: /a}]}}", "4:57+1", "the workload has no volume `a`",
         "name it in `storage.volumes`"),
        ("storage: {volumes: {b: {path: /b}}}\nsidecars: {s: {image: x, mount_points: [{source_volume: a, path: /a}]}}", "5:57+1",
         "the workload has no volume `a`", "there are: b"),
        ("storage: {volumes: {b: {path: /b}}}\nsidecars: {s: {image: x, mount_points: [%s, %s]}}"
         % (("{source_volume: b, path: /a}",) * 2), "5:96+2",
         "`path` in item 2 of `mount_points` is where another volume is: `/a`", None),
        ("env_file: api.txt", "4:11+7", "`env_file` must end in `.env`", "Amazon ECS takes no other file"),
    ],
)  # fmt: skip
def test_mistakes(added: str, position: str, message: str, hint: str | None) -> None:
    (d,) = problems(API + added + "\n")
    assert (f"{d.line}:{d.column}+{d.length}", d.message, d.hint) == (position, message, hint)


@pytest.mark.parametrize(
    ("check", "message"),
    [
        ("{command: []}", "`image.healthcheck.command` must not be empty"),
        ("{command: [CMD-SHELL, a, b]}", "`image.healthcheck.command` must have one shell command after `CMD-SHELL`"),
        ("{command: [CMD]}", "`image.healthcheck.command` must not be empty"),
        ("{retries: 0}", "`image.healthcheck.retries` must be at least 1, not 0"),
        ("{interval: 10}", "`image.healthcheck.interval` must be a duration, such as `10s` or `1m30s`"),
        ("{interval: 10m}", "`image.healthcheck.interval` must be at most 300 seconds, not `10m`"),
        ("{intervall: 10s}", "unknown key `intervall` in `image.healthcheck`"),
    ],
)
def test_bad_health_checks(check: str, message: str) -> None:
    (diagnostic,) = problems(API.replace("Dockerfile}", f"Dockerfile, healthcheck: {check}}}"))
    assert diagnostic.message == message


def test_a_sidecar_of_one_environment_may_need_a_volume_of_all() -> None:
    text = API + "storage: {volumes: {a: {path: /a}}}\nenvironments:\n  prod:\n    sidecars:\n      s:\n        image: x\n"
    mount = "        mount_points: [{source_volume: %s, path: /a}]\n"
    assert parsed(text + mount % "a").resolved("prod").sidecars["s"].mount_points[0].source_volume == "a"
    (diagnostic,) = problems(text + mount % "b")
    assert (diagnostic.line, diagnostic.message) == (10, "the workload has no volume `b`")
