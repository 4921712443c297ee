"""Images on a real container engine."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from copilot.image import ImageRequest
from copilot.local.builder import build_workloads
from copilot.local.home import Home
from copilot.workspace import Workspace
from tests.docker import BASE, DOCKERFILE, DockerEngine, busybox, context
from tests.local.docker.conftest import Tasks

COMMIT = "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334"


def test_an_image_has_the_names_of_what_built_it(tasks: Tasks, docker: DockerEngine) -> None:
    digest = tasks.build(revision=COMMIT, execution="main-14")
    assert re.fullmatch("sha256:[0-9a-f]{64}", digest)
    prefix = f"{tasks.runtime.names.prefix}/shop/api"
    own = [name for name in docker.inspect(digest)["RepoTags"] if name.startswith(f"{prefix}:")]
    assert sorted(own) == [f"{prefix}:a1b2c3d4e5f6", f"{prefix}:main-14"]
    assert any("COPY server.sh /server.sh" in line for line in tasks.printed)
    assert not any("DEPRECATED" in line or "buildx" in line for line in tasks.printed)
    # Another commit with the same content is the same image.
    assert tasks.build(revision="b" * 40, execution="main-15") == digest
    # What is not a commit does not take the name of another.
    assert tasks.build(DOCKERFILE + "ENV A=b\n", revision=f"{COMMIT}-dirty") != digest
    assert f"{prefix}:a1b2c3d4e5f6" in docker.inspect(digest)["RepoTags"]


def test_all_of_image_build(tasks: Tasks, docker: DockerEngine, tmp_path: Path) -> None:
    text = BASE + "ARG COLOUR=red\nENV COLOUR=$COLOUR\nFROM scratch AS last\nCOPY busybox /bin/none\n"
    stages = text.replace("FROM scratch\n", "FROM scratch AS first\n", 1)
    digest = tasks.build(stages, target="first", args={"COLOUR": "a b$c"}, cache_from=("nothing:here",))
    assert "COLOUR=a b$c" in docker.inspect(digest)["Config"]["Env"]
    folder = context(tmp_path / "elsewhere", BASE + "COPY . /all\n")
    (folder / ".dockerignore").write_text("server.sh\n")
    (folder / "Dockerfile").rename(tmp_path / "Other.Dockerfile")
    wanted = ImageRequest("shop", "web", tmp_path / "Other.Dockerfile", folder)
    tasks.start(tasks.builder.build(wanted, tasks.printed.append), command=("sh", "-c", "echo /all/*"), port=None)
    assert tasks.ended() == "exit 0"
    assert tasks.runtime.tail("t1") == ("/all/busybox",)


def test_workloads_are_built_once_for_each_runtime(tmp_path: Path, home: Home, docker: DockerEngine) -> None:
    folder = tmp_path / "repository"
    for name in ("api", "web"):
        context(folder / name)
        (folder / "copilot" / name).mkdir(parents=True)
        (folder / "copilot" / name / "manifest.yml").write_text(
            f"name: {name}\ntype: Backend Service\nimage: {{build: {name}/Dockerfile, port: 8080}}\n"
        )
    (folder / "copilot" / ".workspace").write_text("application: shop\n")
    lines: list[str] = []
    built = build_workloads(
        Workspace.find(folder),
        {"api": ("test", "prod", "here"), "web": ("test",)},
        runtimes={"test": "docker", "prod": "docker", "here": "host"},
        home=home,
        revision=COMMIT,
        out=lines.append,
        execution="main-1",
    )
    images = {(d.workload, d.environment): d.image for d in built}
    assert images["api", "test"] == images["api", "prod"] != images["api", "here"]
    assert sum(line.startswith("api: building from api/Dockerfile") for line in lines) == 2
    assert all(line.startswith(("api: ", "web: ")) for line in lines)
    assert all(dataclasses.asdict(d)["revision"] == COMMIT for d in built)
    assert Path(busybox()).exists()
