"""Building the images of a checkout's workloads, with the host runtime's real builder."""

from __future__ import annotations

from pathlib import Path

import pytest

from copilot.errors import CopilotError, ManifestError, UnsupportedError
from copilot.local.builder import build_workloads, image_builder, write_descriptions
from copilot.local.home import Home
from copilot.local.workers.deploy import _DESCRIPTION
from copilot.release.description import ReleaseDescription
from copilot.release.plan import release_path
from copilot.workspace import Workspace

MANIFEST = """\
name: {name}
type: Backend Service
image: {{build: {name}/Dockerfile, port: 8080}}
"""


class Checkout:
    def __init__(self, folder: Path) -> None:
        self.root = folder / "checkout"
        (self.root / "copilot").mkdir(parents=True)
        (self.root / "copilot" / ".workspace").write_text("application: shop\nengine: local\n")
        self.home = Home(folder / "home")
        self.home.create()
        self.printed: list[str] = []

    def workload(self, name: str, more: str = "", dockerfile: str = "FROM scratch\nCOPY . /app\nCMD run\n") -> None:
        self.write(f"copilot/{name}/manifest.yml", MANIFEST.format(name=name) + more)
        self.write(f"{name}/Dockerfile", dockerfile)

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def build(self, targets: dict[str, tuple[str, ...]]) -> list[ReleaseDescription]:
        return build_workloads(
            Workspace.find(self.root),
            targets,
            runtimes={environment: "host" for environments in targets.values() for environment in environments},
            home=self.home,
            revision="a" * 40,
            out=self.printed.append,
        )

    def images_built(self) -> int:
        return sum("building from" in line for line in self.printed)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_an_image_is_built_once_for_all_environments(checkout: Checkout) -> None:
    checkout.workload("web", "environments: {prod: {count: 3}}\n")
    checkout.workload("api")
    descriptions = checkout.build({"web": ("test", "staging", "prod"), "api": ("test",)})
    assert [(d.workload, d.environment, d.count) for d in descriptions] == [
        ("web", "test", 1),
        ("web", "staging", 1),
        ("web", "prod", 3),
        ("api", "test", 1),
    ]
    assert len({d.image for d in descriptions if d.workload == "web"}) == 1
    assert checkout.images_built() == 2
    assert {d.revision for d in descriptions} == {"a" * 40}


def test_an_environment_may_have_an_image_of_its_own(checkout: Checkout) -> None:
    checkout.workload("web", "environments:\n  prod:\n    image: {build: web/Dockerfile.prod}\n")
    checkout.write("web/Dockerfile.prod", "FROM scratch\nCMD other\n")
    test, prod, again = checkout.build({"web": ("test", "prod", "staging")})
    assert test.image == again.image != prod.image
    assert checkout.images_built() == 2


def test_all_that_is_wrong_in_all_manifests_is_said_before_anything_is_built(checkout: Checkout) -> None:
    checkout.workload("good")
    checkout.workload("web", "cuont: 2\n")
    checkout.workload("api", "cpu: many\nmemory: -1\n")
    with pytest.raises(ManifestError) as caught:
        checkout.build({"good": ("test",), "web": ("test",), "api": ("test",), "gone": ("test",)})
    files = [Path(d.file).parent.name for d in caught.value.diagnostics]
    assert files == ["api", "api", "gone", "web"]
    assert checkout.printed == []


def test_an_image_from_elsewhere_names_its_workload(checkout: Checkout) -> None:
    checkout.write("copilot/web/manifest.yml", "name: web\ntype: Backend Service\nimage: {location: docker.io/nginx, port: 80}\n")
    with pytest.raises(CopilotError, match=r"`web`.*docker.io/nginx"):
        checkout.build({"web": ("test",)})


@pytest.mark.parametrize(
    ("dockerfile", "reason"),
    [
        ("FROM scratch\nRUN make\nCMD run\n", "RUN"),
        ("FROM scratch\nCOPY missing.txt /\nCMD run\n", "missing.txt"),
        ("FROM scratch\nCOPY ../../secret /\nCMD run\n", "secret"),
        ("nonsense\n", "nonsense"),
        ("", "Dockerfile"),
    ],
)
def test_a_dockerfile_that_fails_names_its_workload(checkout: Checkout, dockerfile: str, reason: str) -> None:
    checkout.workload("web", dockerfile=dockerfile)
    with pytest.raises(CopilotError, match=r"^image of `web`: ") as caught:
        checkout.build({"web": ("test",)})
    error = caught.value
    assert reason.lower() in " ".join([error.message, *error.details, error.hint or ""]).lower()


def test_a_dockerfile_that_is_missing_names_its_workload(checkout: Checkout) -> None:
    checkout.workload("web")
    (checkout.root / "web" / "Dockerfile").unlink()
    with pytest.raises(CopilotError, match=r"^image of `web`: .*web/Dockerfile"):
        checkout.build({"web": ("test",)})


@pytest.mark.parametrize("path", ["../Dockerfile", "{outside}/Dockerfile"])
def test_a_dockerfile_outside_of_the_repository_is_no_defect(checkout: Checkout, tmp_path: Path, path: str) -> None:
    checkout.workload("web")
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCMD run\n")
    manifest = checkout.root / "copilot" / "web" / "manifest.yml"
    manifest.write_text(manifest.read_text().replace("web/Dockerfile", path.format(outside=tmp_path)))
    assert checkout.build({"web": ("test",)})[0].image.startswith("sha256:")


def test_what_is_written_is_what_deployments_read(checkout: Checkout, tmp_path: Path) -> None:
    checkout.workload("web")
    descriptions = checkout.build({"web": ("test", "prod")})
    folder = tmp_path / "out" / "infrastructure"
    written = write_descriptions(descriptions, folder)
    assert [str(p.relative_to(folder.parent)) for p in written] == [release_path("web", e) for e in ("test", "prod")]
    assert [_DESCRIPTION.validate_json(p.read_bytes()) for p in written] == descriptions


def test_a_runtime_that_is_not_there() -> None:
    with pytest.raises(UnsupportedError, match="runtime `podman` is not part of this release"):
        image_builder("podman", Home(Path("/nowhere")))


def test_what_the_runtime_cannot_honour_is_refused_before_anything_is_built(checkout: Checkout) -> None:
    checkout.workload("api")
    checkout.workload("web", "environments: {prod: {sidecars: {proxy: {image: nginx}}}}\n")
    with pytest.raises(UnsupportedError, match="`web` has `sidecars`, which the host runtime of environment `prod`"):
        checkout.build({"api": ("test",), "web": ("test", "prod")})
    assert checkout.images_built() == 0
    assert len(checkout.build({"api": ("test",), "web": ("test",)})) == 2


def test_the_file_of_variables_is_read_for_each_environment(checkout: Checkout) -> None:
    checkout.workload("web", "env_file: all.env\nvariables: {B: manifest}\nenvironments: {prod: {env_file: prod.env}}\n")
    checkout.write("all.env", "A=all\nB=all\n")
    checkout.write("prod.env", "A=prod\n")
    test, prod = checkout.build({"web": ("test", "prod")})
    assert (test.variables, prod.variables) == ({"A": "all", "B": "manifest"}, {"A": "prod", "B": "manifest"})
    checkout.write("prod.env", "A\n")
    with pytest.raises(ManifestError) as caught:
        checkout.build({"web": ("test", "prod")})
    assert [(Path(d.file).name, d.line) for d in caught.value.diagnostics] == [("prod.env", 1)]


def test_what_needs_aws_is_refused_before_anything_is_built(checkout: Checkout) -> None:
    checkout.workload("api", "publish: {topics: [{name: t}]}\n")
    checkout.workload("web")
    with pytest.raises(ManifestError, match="1 error in"):
        checkout.build({"api": ("test",), "web": ("test",)})
    assert checkout.printed == []
