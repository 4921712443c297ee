from __future__ import annotations

from pathlib import Path

import pytest

from copilot.manifest.loader import SourceText
from copilot.manifest.workload import Workload, parse_workload
from copilot.release.describe import describe
from copilot.release.description import (
    ContainerCheck,
    HealthCheck,
    ReleaseDescription,
    Routing,
    Schedule,
    Sidecar,
    Volume,
)

DIGEST = "sha256:" + "a" * 64
WEB = """\
name: web
type: Load Balanced Web Service
image: {build: Dockerfile, port: 8080}
http:
  path: shop/
  healthcheck: {path: /up, interval: 1s}
  deregistration_delay: 5s
count: 2
variables: {STAGE: "${COPILOT_ENVIRONMENT_NAME}"}
environments:
  prod: {count: 3, http: {path: /}, command: serve -v, entrypoint: [/entry]}
"""
BACKEND = "name: api\ntype: Backend Service\nimage: {build: Dockerfile}\nsecrets: {TOKEN: shop-token}\n"


def manifest(text: str) -> Workload:
    return parse_workload(SourceText(Path("m.yml"), "m.yml", text)).model


def described(text: str, environment: str) -> ReleaseDescription:
    return describe(manifest(text), application="shop", environment=environment, image=DIGEST, revision="a1b2c3d")


def test_a_web_service() -> None:
    assert described(WEB, "test") == ReleaseDescription(
        application="shop",
        environment="test",
        workload="web",
        type="Load Balanced Web Service",
        image=DIGEST,
        revision="a1b2c3d",
        count=2,
        port=8080,
        routing=Routing("/shop", HealthCheck(path="/up", interval=1.0), 5.0),
        variables={"STAGE": "test"},
    )


def test_its_overrides() -> None:
    prod = described(WEB, "prod")
    assert prod.routing is not None
    assert (prod.count, prod.routing.path, prod.variables) == (3, "/", {"STAGE": "prod"})
    assert (prod.entrypoint, prod.command) == (("/entry",), ("serve", "-v"))


def test_a_backend_service() -> None:
    api = described(BACKEND, "test")
    assert (api.type, api.port, api.routing, api.secrets) == ("Backend Service", None, None, {"TOKEN": "shop-token"})


def test_a_job() -> None:
    text = "name: r\ntype: Scheduled Job\nimage: {build: Dockerfile}\non: {schedule: '@daily'}\nretries: 2\ntimeout: 1m\n"
    report = described(text + "environments: {prod: {on: {schedule: none}}}\n", "test")
    assert (report.type, report.port, report.routing, report.count) == ("Scheduled Job", None, None, 1)
    assert report.schedule == Schedule("@daily", 2, 60.0)
    assert described(text + "environments: {prod: {on: {schedule: none}}}\n", "prod").schedule == Schedule("none", 2, 60.0)


def test_what_only_containers_have() -> None:
    text = """\
name: api
type: Backend Service
platform: linux/arm64
image:
  build: Dockerfile
  healthcheck: {command: [CMD, check], interval: 20s, retries: 3, timeout: 4s, start_period: 1m}
storage: {volumes: {data: {path: /data, read_only: false}, cache: {path: /cache}}}
sidecars:
  proxy:
    image: nginx
    port: 80
    essential: false
    variables: {STAGE: "${COPILOT_ENVIRONMENT_NAME}"}
    secrets: {TOKEN: t}
    entrypoint: [/entry]
    command: serve -v
    mount_points: [{source_volume: data, path: /d}]
    healthcheck: {command: "true"}
"""
    api = described(text, "test")
    assert (api.platform, api.check) == ("linux/arm64", ContainerCheck(("check",), 20.0, 3, 4.0, 60.0))
    assert api.volumes == (Volume("data", "/data"), Volume("cache", "/cache", read_only=True))
    proxy = Sidecar(
        name="proxy",
        image="nginx",
        port=80,
        essential=False,
        variables={"STAGE": "test"},
        secrets={"TOKEN": "t"},
        entrypoint=("/entry",),
        command=("serve", "-v"),
        volumes=(Volume("data", "/d", read_only=True),),
        check=ContainerCheck(("CMD-SHELL", "true")),
    )
    assert api.sidecars == (proxy,)


def test_defaults_of_containers_are_the_descriptions_own() -> None:
    api = described(
        BACKEND.replace("Dockerfile", "Dockerfile, healthcheck: {command: x}") + "sidecars: {s: {image: x}}\n", "test"
    )
    assert (api.check, api.sidecars) == (ContainerCheck(("CMD-SHELL", "x")), (Sidecar("s", "x"),))


def test_variables_win_over_the_file_of_variables() -> None:
    api = describe(
        manifest(BACKEND + "variables: {A: manifest}\n"),
        application="shop",
        environment="test",
        image=DIGEST,
        revision="",
        env_files={"api": {"A": "file", "B": "file"}},
    )
    assert api.variables == {"A": "manifest", "B": "file"}


def test_defaults_are_the_descriptions_own() -> None:
    text = "name: w\ntype: Load Balanced Web Service\nimage: {build: Dockerfile, port: 80}\nhttp: {path: /}\n"
    given = described(text, "test")
    assert given == ReleaseDescription(
        application="shop",
        environment="test",
        workload="w",
        type="Load Balanced Web Service",
        image=DIGEST,
        revision="a1b2c3d",
        port=80,
        routing=Routing("/"),
    )


@pytest.mark.parametrize(
    ("written", "path"), [("/", "/"), ("api", "/api"), ("/api", "/api"), ("/api/", "/api"), ("/a/b", "/a/b")]
)
def test_paths(written: str, path: str) -> None:
    routing = described(WEB.replace("shop/", written), "test").routing
    assert routing is not None
    assert routing.path == path


def test_a_manifest_that_was_resolved_before_gives_the_same() -> None:
    resolved = manifest(WEB).resolved("prod")
    assert describe(resolved, application="shop", environment="prod", image=DIGEST, revision="a1b2c3d") == described(WEB, "prod")


def test_what_scales_runs_with_the_fewest_tasks_here() -> None:
    assert described(BACKEND + "count: {range: 2-5, cpu_percentage: 70}\n", "test").count == 2
    assert described(BACKEND + "count: {spot: 3}\n", "test").count == 3


def test_secrets_of_secrets_manager_have_the_same_name_here() -> None:
    text = BACKEND.replace("TOKEN: shop-token", "TOKEN: {secretsmanager: 'shop/db:password::'}")
    assert described(text, "test").secrets == {"TOKEN": "shop/db:password::"}


def test_sidecars_have_a_port_and_a_file_of_variables_of_their_own() -> None:
    api = describe(
        manifest(BACKEND + "sidecars: {s: {image: {build: s}, port: 53/udp, variables: {A: manifest}}}\n"),
        application="shop",
        environment="test",
        image=DIGEST,
        revision="",
        env_files={"s": {"A": "file", "B": "file"}},
    )
    assert api.sidecars == (Sidecar("s", "", port=53, variables={"A": "manifest", "B": "file"}),)
