from __future__ import annotations

from dataclasses import replace

import pytest

from copilot.release.description import ContainerCheck, ReleaseDescription, Sidecar, Volume
from copilot.release.unsupported import unsupported_by_host

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
