"""What `svc init` finds in a repository, and the manifest it writes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.cli._service_files import (
    BACKEND,
    LOAD_BALANCED,
    ServiceAnswers,
    dockerfile_inside,
    exposed_port,
    find_dockerfiles,
    host_runtime_objection,
    manifest_text,
)
from copilot.errors import NotFoundError, UsageError
from copilot.manifest.workload import LoadBalancedWebService, ReachableService, load_workload


def write(path: Path, text: str = "FROM scratch\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def load_service(path: Path) -> ReachableService:
    model = load_workload(path).model
    assert isinstance(model, ReachableService)
    return model


def test_dockerfiles_are_found_nearest_first(tmp_path: Path) -> None:
    for name in (
        "web/Dockerfile",
        "Dockerfile",
        "api/Dockerfile.prod",
        "api/api.Dockerfile",
        "api/Dockerfile.dockerignore",
        "node_modules/x/Dockerfile",
        ".git/Dockerfile",
        "a/b/c/d/e/Dockerfile",
        "a/b/c/d/e/f/Dockerfile",
        "notes/Dockerfiles",
    ):
        write(tmp_path / name)
    found = find_dockerfiles(tmp_path)
    assert found == ["Dockerfile", "api/Dockerfile.prod", "api/api.Dockerfile", "web/Dockerfile", "a/b/c/d/e/Dockerfile"]


def test_a_dockerfile_is_named_from_here_or_from_the_root(tmp_path: Path) -> None:
    write(tmp_path / "api" / "Dockerfile")
    api = tmp_path / "api"
    assert dockerfile_inside(tmp_path, "Dockerfile", api) == "api/Dockerfile"
    assert dockerfile_inside(tmp_path, "api/Dockerfile", api) == "api/Dockerfile"
    assert dockerfile_inside(tmp_path, "../api/./Dockerfile", api) == "api/Dockerfile"
    assert dockerfile_inside(tmp_path, str(api / "Dockerfile"), tmp_path) == "api/Dockerfile"
    with pytest.raises(NotFoundError, match="a folder, not a Dockerfile") as caught:
        dockerfile_inside(tmp_path, "api", tmp_path)
    assert caught.value.hint == "did you mean `api/Dockerfile`?"
    with pytest.raises(NotFoundError, match="`nothing` is not there"):
        dockerfile_inside(tmp_path, "nothing", tmp_path)
    write(tmp_path / "outside" / "Dockerfile")
    with pytest.raises(UsageError, match="outside of the repository"):
        dockerfile_inside(api, "../outside/Dockerfile", api)


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("FROM scratch\nEXPOSE 8080\n", 8080),
        ("FROM scratch\nENV P=9000\nEXPOSE $P/tcp 1\n", 9000),
        ("FROM scratch\nCMD true\n", None),
        ("FROM python AS build\nRUN pip install x\nEXPOSE 5000\n", 5000),
        ("nonsense", None),
    ],
)
def test_the_port_comes_from_expose(tmp_path: Path, text: str, port: int | None) -> None:
    assert exposed_port(write(tmp_path / "Dockerfile", text)) == port


def test_what_the_host_runtime_cannot_run_is_said_at_once(tmp_path: Path) -> None:
    assert host_runtime_objection(write(tmp_path / "a", "FROM scratch\nCOPY . /app\nCMD ['x']\n"), "a") is None
    objection = host_runtime_objection(write(tmp_path / "b", "FROM python\nRUN pip install x\n"), "b")
    assert objection is not None
    assert "RUN" in objection.message


names = st.from_regex(r"[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,4})?", fullmatch=True)
paths = st.from_regex(r"[A-Za-z0-9_. #:'-]{1,8}/Dockerfile", fullmatch=True).filter(
    lambda p: p == p.strip() and not p.startswith(("..", "-"))
)


@given(names, st.sampled_from([LOAD_BALANCED, BACKEND]), paths, st.integers(1, 65535))
def test_the_manifest_loads_back(name: str, type_: str, dockerfile: str, port: int) -> None:
    path = "/" if type_ == LOAD_BALANCED else None
    with tempfile.TemporaryDirectory() as folder:
        file = write(Path(folder) / "manifest.yml", manifest_text(ServiceAnswers(name, type_, dockerfile, port, path)))
        model = load_service(file)
    assert (model.name, model.type, model.image.port, model.count.desired) == (name, type_, port, 1)
    assert model.image.build is not None
    assert model.image.build.dockerfile == dockerfile
    assert not isinstance(model, LoadBalancedWebService) or model.http.path == "/"


def test_a_backend_without_a_port_loads_back(tmp_path: Path) -> None:
    file = write(tmp_path / "manifest.yml", manifest_text(ServiceAnswers("jobs", BACKEND, "Dockerfile", None, None)))
    assert load_service(file).image.port is None


@pytest.mark.parametrize("type_", [LOAD_BALANCED, BACKEND])
def test_what_is_commented_out_can_be_used(tmp_path: Path, type_: str) -> None:
    text = manifest_text(
        ServiceAnswers(
            "api", type_, "Dockerfile", 80 if type_ == LOAD_BALANCED else None, "/" if type_ == LOAD_BALANCED else None
        )
    )
    keys = ("healthcheck:", "port:", "variables:", "  LOG_LEVEL:", "environments:", "  prod:", "    count:")
    lines = []
    for line in text.splitlines():
        indent, hash_, rest = line.partition("# ")
        lines.append(indent + rest if hash_ and not indent.strip() and rest.startswith(keys) else line)
    model = load_service(write(tmp_path / "manifest.yml", "\n".join(lines)))
    assert model.variables == {"LOG_LEVEL": "info"}
    assert model.resolved("prod").count.desired == 2
    assert not isinstance(model, LoadBalancedWebService) or model.http.healthcheck.path == "/healthz"
    assert model.image.port is not None
