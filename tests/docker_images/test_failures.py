"""What `docker` says when it fails, as sentences."""

from __future__ import annotations

import pytest

from copilot.docker.failures import failure, is_conflict
from copilot.errors import EngineUnavailableError


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (
            "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get ...",
            "this user may not use the container engine: permission denied on its socket",
        ),
        (
            "Cannot connect to the Docker daemon at unix:///x.sock. Is the docker daemon running?",
            "no container engine answers at unix:///x.sock",
        ),
        (
            "failed to connect to the docker API at unix:///x.sock; check if the path is correct",
            "no container engine answers at unix:///x.sock",
        ),
        (
            "docker: Error response from daemon: No such image: sha256:00.\n\nRun 'docker run --help' for more information",
            "image `sha256:00.` is not on this machine",
        ),
        (
            "Error response from daemon: driver failed on endpoint x: Bind for 127.0.0.1:8080 failed: port is already allocated.",
            "port 8080 is taken by another program",
        ),
        (
            "Error starting userland proxy: listen tcp4 127.0.0.1:29998: bind: address already in use",
            "port 29998 is taken by another program",
        ),
        ("write /var/lib/docker/tmp/x: no space left on device", "the disk of the container engine is full"),
        (
            "pull access denied for acme/web, repository does not exist or may require 'docker login'",
            "image `acme/web` does not exist, or may not be read",
        ),
        (
            "Error response from daemon: manifest for nginx:nope not found: manifest unknown",
            "image `nginx:nope` does not exist, or may not be read",
        ),
        (
            "image with reference sha256:1 was found but does not match the specified platform: wanted linux/arm64",
            "the image is not made for the platform",
        ),
        (
            "image with reference x was found but does not match the specified platform: wanted linux/arm64, actual: linux/amd64",
            "the image is made for linux/amd64, and linux/arm64 was asked for",
        ),
        (
            'Error response from daemon: Head "https://ghcr.io/v2/ana/web/manifests/1": unauthorized',
            "the registry refuses access: unauthorized",
        ),
        (
            "initializing source docker://ghcr.io/x:1: reading manifest 1 in ghcr.io/x: unauthorized: authentication required",
            "the registry refuses access: unauthorized: authentication required",
        ),
        (
            "initializing source docker://ghcr.io/x:nope: reading manifest nope in ghcr.io/x: manifest unknown: manifest unknown",
            "image `ghcr.io/x:nope` does not exist",
        ),
        (
            "docker: Error response from daemon: no such image: docker.io/library/sha256:00: image not known",
            "image `sha256:00` is not on this machine",
        ),
        (
            "Error response from daemon: all predefined address pools have been fully subnetted",
            "the container engine has no addresses left",
        ),
        (
            "docker: Error response from daemon: something new.\n\nRun 'docker run --help' for more information",
            "the container engine refused: something new",
        ),
        ("", "the container engine refused: no reason given"),
    ],
)
def test_failures_are_sentences(output: str, message: str) -> None:
    error = failure(output)
    assert error.message.startswith(message)
    assert not error.message.endswith(".") or "00." in message


def test_no_access_is_no_engine() -> None:
    assert isinstance(
        failure("permission denied while trying to connect to the docker API at unix:///var/run/docker.sock"),
        EngineUnavailableError,
    )
    assert is_conflict('Conflict. The container name "/copilot-1-t1" is already in use by container "8c"')
