"""Services whose image exists already, in a registry: fetched once for all environments."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from copilot.local.builder import build_workloads
from copilot.local.home import Home
from copilot.workspace import Workspace
from tests.docker import DOCKERFILE, SERVER, DockerEngine, context
from tests.local.docker.test_engine import Shop
from tests.local.harness import get
from tests.registry import serve

MANIFEST = """\
name: api
type: Load Balanced Web Service
image: {{location: "{name}", port: 8080}}
http: {{path: /, healthcheck: {{path: /health, interval: 1s}}}}
"""


def test_every_environment_gets_the_image_that_was_found_first(home: Home, tmp_path: Path, docker: DockerEngine) -> None:
    with serve(tmp_path / "registry") as registry:
        name = f"{registry.host}/web:1"

        def push(version: str) -> str:
            folder = context(tmp_path / version, DOCKERFILE, server_sh=SERVER.replace("$VERSION", version))
            docker.run("build", "--quiet", "--tag", name, str(folder))
            docker.run("push", "--quiet", name)
            return docker.run("image", "inspect", "--format", "{{.Id}}", name)

        first = push("first")
        docker.run("image", "rm", name)
        folder = tmp_path / "repository" / "copilot"
        (folder / "api").mkdir(parents=True)
        (folder / ".workspace").write_text("application: shop\n")
        (folder / "api" / "manifest.yml").write_text(MANIFEST.format(name=name))
        lines: list[str] = []
        test, prod = build_workloads(
            Workspace.find(folder.parent),
            {"api": ("test", "prod")},
            runtimes={"test": "docker", "prod": "docker"},
            home=home,
            revision="",
            out=lines.append,
        )
        assert (test.image, prod.image) == (first, first)
        assert lines.count(f"api: pulling {name}") == 1
        assert f"api: {name} is {first}" in lines
        shop = Shop(home, first)
        try:
            prod_port = shop.service.create_environment("shop", "prod", "docker").port
            assert prod_port is not None
            # What is published under that name in between, and fetched, changes nothing.
            assert push("second") != first
            for description in (test, prod):
                assert shop.deploy_as_described(replace(description, grace_period=3.0)).status == "Succeeded"
            assert (get(shop.port()), get(prod_port)) == ((200, "first\n"), (200, "first\n"))
        finally:
            shop.service.delete_application("shop")
            shop.service.close()
            docker.run("image", "rm", name)
            docker.ask("image", "rm", first)
