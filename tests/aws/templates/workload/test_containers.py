from __future__ import annotations

from typing import Any

import pytest

from copilot.aws.templates.workload.containers import containers
from copilot.aws.templates.workload.settings import Addons
from copilot.errors import UnsupportedError
from tests.aws.templates.workload.task_manifests import BACKEND, JOB, SILENT, WEB, WORKER, main_container, settings_of


def _sidecar(text: str, **more: Any) -> dict[str, Any]:
    plain: dict[str, Any] = containers(settings_of(WEB, f"sidecars: {{nginx: {text}}}\n", **more))[1].to_dict()
    return plain


@pytest.mark.parametrize(
    ("text", "key", "expected"),
    [
        ("entrypoint: /bin/start --now\n", "EntryPoint", ["/bin/start", "--now"]),
        ("command: [serve, '8080']\n", "Command", ["serve", "8080"]),
        ("storage: {readonly_fs: true}\n", "ReadonlyRootFilesystem", True),
        ("secrets: {B: b, A: a}\n", "Secrets", [{"Name": "A", "ValueFrom": "a"}, {"Name": "B", "ValueFrom": "b"}]),
        (
            "storage: {volumes: {v: {path: /v, read_only: false}}}\n",
            "MountPoints",
            [{"ContainerPath": "/v", "ReadOnly": False, "SourceVolume": "v"}],
        ),
    ],
)
def test_the_main_container_has_what_the_manifest_says(text: str, key: str, expected: Any) -> None:
    assert key not in main_container(BACKEND)
    assert main_container(BACKEND, text)[key] == expected


@pytest.mark.parametrize(
    ("image", "key", "expected"),
    [
        ("credentials: my-secret", "RepositoryCredentials", {"CredentialsParameter": "my-secret"}),
        ("depends_on: {nginx: healthy}", "DependsOn", [{"ContainerName": "nginx", "Condition": "HEALTHY"}]),
        (
            "healthcheck: {command: 'curl localhost', interval: 1m, retries: 3, start_period: 1500ms}",
            "HealthCheck",
            {"Command": ["CMD-SHELL", "curl localhost"], "Interval": 60, "Retries": 3, "StartPeriod": 2, "Timeout": 5},
        ),
        (
            "healthcheck: {command: [/check, it], interval: 1s, timeout: 1s}",
            "HealthCheck",
            {"Command": ["CMD", "/check", "it"], "Interval": 5, "Retries": 2, "StartPeriod": 0, "Timeout": 2},
        ),
    ],
)
def test_the_image_says_how_it_is_run(image: str, key: str, expected: Any) -> None:
    text = WEB.replace("port: 4000", f"port: 4000, {image}") + "sidecars: {nginx: {image: nginx}}\n"
    assert main_container(text)[key] == expected


@pytest.mark.parametrize("text", [SILENT, WORKER, JOB])
def test_what_listens_nowhere_exposes_no_port(text: str) -> None:
    assert "PortMappings" not in main_container(text)


def test_the_port_that_others_connect_to_has_a_name() -> None:
    (mapping,) = main_container(WEB)["PortMappings"]
    assert mapping == {"ContainerPort": {"Ref": "ContainerPort"}, "Protocol": "tcp", "Name": "target"}


def test_only_one_port_has_the_name() -> None:
    text = WEB.replace("path: /", "path: /, target_port: 9000, additional_rules: [{path: /a, target_container: nginx}]")
    settings = settings_of(text, "sidecars: {nginx: {image: nginx, port: 8080}}\n")
    main, nginx = (each.to_dict() for each in containers(settings))
    assert main["PortMappings"] == [
        {"ContainerPort": {"Ref": "ContainerPort"}, "Protocol": "tcp"},
        {"ContainerPort": 9000, "Protocol": "tcp", "Name": "target"},
    ]
    assert nginx["PortMappings"] == [{"ContainerPort": 8080, "Protocol": "tcp"}]


def test_the_image_is_a_parameter() -> None:
    assert main_container(BACKEND)["Image"] == {"Ref": "ContainerImage"}


@pytest.mark.parametrize(
    ("text", "key", "expected"),
    [
        ("{image: nginx}", "Image", "nginx"),
        ("{image: nginx, port: 53/udp}", "PortMappings", [{"ContainerPort": 53, "Protocol": "udp"}]),
        ("{image: nginx, essential: false}", "Essential", False),
        ("{image: nginx, entrypoint: [/a]}", "EntryPoint", ["/a"]),
        ("{image: nginx, command: b c}", "Command", ["b", "c"]),
        ("{image: nginx, secrets: {A: a}}", "Secrets", [{"Name": "A", "ValueFrom": "a"}]),
        ("{image: nginx, depends_on: {fe: start}}", "DependsOn", [{"ContainerName": "fe", "Condition": "START"}]),
        ("{image: nginx, credentialsParameter: s}", "RepositoryCredentials", {"CredentialsParameter": "s"}),
    ],
)
def test_a_sidecar_has_what_the_manifest_says(text: str, key: str, expected: Any) -> None:
    assert _sidecar(text)[key] == expected


def test_a_sidecar_is_essential_unless_it_says_otherwise() -> None:
    assert "Essential" not in _sidecar("{image: nginx}")


def test_a_built_sidecar_is_what_was_built() -> None:
    text = "{image: {build: nginx/Dockerfile}}"
    assert _sidecar(text, sidecar_images={"nginx": "registry/nginx@sha256:00"})["Image"] == "registry/nginx@sha256:00"
    with pytest.raises(UnsupportedError, match="image of `nginx` was not built"):
        _sidecar(text)


def test_sidecars_come_in_the_order_of_their_names() -> None:
    text = "sidecars: {b: {image: b}, a: {image: a}}\n"
    assert [each.Name for each in containers(settings_of(JOB, text))[1:]] == ["a", "b"]


def test_secrets_of_the_addons_are_the_main_containers_alone() -> None:
    addons = Addons("https://bucket/addons.yml", outputs={"DbPassword": "secret"})
    (secret,) = main_container(WEB, addons=addons)["Secrets"]
    assert secret == {"Name": "DB_PASSWORD", "ValueFrom": {"Fn::GetAtt": ["AddonsStack", "Outputs.DbPassword"]}}
    assert "Secrets" not in _sidecar("{image: nginx}", addons=addons)
