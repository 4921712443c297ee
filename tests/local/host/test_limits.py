from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from copilot.errors import UnsupportedError
from copilot.local.home import Home
from copilot.local.host.limits import machine, refuse_unsupported
from copilot.release.description import ContainerCheck, ReleaseDescription, Sidecar, Volume
from tests.local.harness import Engine

PLAIN = ReleaseDescription("shop", "test", "api", "Backend Service", "sha256:" + "a" * 64)


def test_what_this_machine_can_run_is_not_refused() -> None:
    refuse_unsupported(replace(PLAIN, platform=machine()))


def test_everything_refused_is_named_with_the_way_out() -> None:
    full = replace(
        PLAIN, check=ContainerCheck(("x",)), sidecars=(Sidecar("s", "x"),), volumes=(Volume("d", "/d"),), platform="plan9/mips"
    )
    with pytest.raises(UnsupportedError) as caught:
        refuse_unsupported(full)
    assert caught.value.message == (
        "`api` has `image.healthcheck`, `sidecars`, `storage.volumes` and `platform: plan9/mips`, which the host runtime"
        " of environment `test` cannot honour: it has no container engine"
    )
    assert "--runtime docker" in (caught.value.hint or "")
    with pytest.raises(UnsupportedError, match="`api` has `sidecars`, which"):
        refuse_unsupported(replace(PLAIN, sidecars=(Sidecar("s", "x"),)))


def test_a_deployment_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.create()
    engine = Engine(home, "sha256:" + "a" * 64)
    try:
        engine.environment()
        with pytest.raises(UnsupportedError, match="has `sidecars`"):
            engine.deploy("one", sidecars=(Sidecar("s", "x"),))
        assert engine.status("one") == "Failed"
        assert engine.tasks() == []
    finally:
        engine.end()
        engine.close()
