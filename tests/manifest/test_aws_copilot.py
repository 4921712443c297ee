from __future__ import annotations

import pytest

from copilot.manifest.aws_copilot import GeneratedBuildspec, deployed_environments, foreign_build, generated
from copilot.manifest.buildspec import Buildspec
from copilot.manifest.loader import parse
from copilot.manifest.pipeline import PipelineManifest
from tests.aws_copilot import BUILDSPEC, EARLY_BUILDSPEC, ENVIRONMENTS, MANIFEST

DOWNLOAD = ("phases", "install", "commands", 2)


def buildspec(text: str) -> Buildspec:
    return parse(text, Buildspec, "buildspec.yml").model


@pytest.mark.parametrize(("text", "version"), [(BUILDSPEC, "1.34.1"), (EARLY_BUILDSPEC, "1.1.0")])
def test_what_nobody_edited_is_all_aws_copilots(text: str, version: str) -> None:
    assert generated(buildspec(text)) == GeneratedBuildspec(version, DOWNLOAD, {}, ())


def test_commands_of_ones_own_are_told_apart() -> None:
    edited = BUILDSPEC.replace("chmod +x ./copilot-linux\n", "chmod +x ./copilot-linux\n      - npm ci\n")
    edited = edited.replace(
        '      - echo "Run your tests"\n      # - make test\n', "      - |\n        npm test\n        npm run lint\n"
    )
    edited = edited.replace("      - export CI", "      - tag=$(git describe)\n      - export CI")
    edited = edited.replace("      - ls -lah ./infrastructure\n", "      - ls -lah ./infrastructure\n      - ./tell-us.sh\n")
    edited = edited.replace(
        "          done;\n        done;", "          done;\n          aws s3 sync assets s3://ours;\n        done;"
    )
    found = generated(buildspec(edited))
    assert found is not None
    assert found.own == {
        "install": (("npm ci",), ()),
        "build": (("npm test\nnpm run lint\n",), ()),
        "post_build": (("tag=$(git describe)",), ("./tell-us.sh",)),
    }
    assert found.lost == (("post_build", "aws s3 sync assets s3://ours"),)


@pytest.mark.parametrize(
    "command",
    [
        "curl -Lo copilot https://github.com/aws/copilot-cli/releases/latest/download/copilot-linux && chmod +x copilot",
        "wget -q https://ecs-cli-v2-release.s3.amazonaws.com/copilot-linux-arm64-v1.18.0",
    ],
)
def test_every_way_to_download_it_is_seen(command: str) -> None:
    problem = foreign_build(buildspec(f"version: 0.2\nphases: {{pre_build: {{commands: ['{command}', make]}}}}\n"))
    assert problem is not None
    assert problem.path == ("phases", "pre_build", "commands", 0)


def test_other_builds_are_nobody_elses() -> None:
    other = buildspec("version: 0.2\nphases: {build: {commands: [make copilot-linux, curl https://example.com]}}\n")
    assert generated(other) is None
    assert foreign_build(other) is None


def test_a_pipeline_of_environments_is_known_by_what_it_deploys() -> None:
    (problem,) = deployed_environments(parse(ENVIRONMENTS.format(name="p"), PipelineManifest, "manifest.yml").model)
    assert problem.path == ("stages", 0, "deployments", "deploy-env")
    assert "deploys environment `test` itself" in problem.message
    assert not list(deployed_environments(parse(MANIFEST.format(name="p"), PipelineManifest, "manifest.yml").model))
