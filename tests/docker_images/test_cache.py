"""Which cache in a registry a builder can use. What the builders do with it is tested where images are published."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from copilot.docker import command
from copilot.docker.cache import NO_CACHE, exports_caches, registry_cache
from copilot.docker.client import Docker

LATEST, CACHE = "r.example/shop/api:latest", "r.example/shop/api:buildcache"
OVERLAY = '[["Backing Filesystem","extfs"]]'
CONTAINERD = '[["driver-type","io.containerd.snapshotter.v1"]]'
BUILDER = "Name:   big\nDriver: docker-container\nLast Activity: 2026\n"


def client(folder: Path, monkeypatch: pytest.MonkeyPatch, *, builder: str = "", status: str = "null", pulls: int = 1) -> Docker:
    """A client whose engine answers these."""
    program = folder / "bin" / "docker"
    program.parent.mkdir()
    (folder / "builder").write_text(builder)
    (folder / "status").write_text(status)
    cases = f"buildx) cat {folder}/builder ;;\ninfo) cat {folder}/status ;;\npull) exit {pulls} ;;"
    program.write_text(f'#!/bin/sh\ncase "$1" in\n{cases}\nesac\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return Docker()


@pytest.mark.parametrize(
    ("chosen", "builder", "status", "exports"),
    [
        ("", BUILDER, OVERLAY, False),  # `docker build` does not use the current builder
        ("big", BUILDER, OVERLAY, True),
        ("default", "Name: default\nDriver: docker\n", OVERLAY, False),
        ("", "", CONTAINERD, True),
        ("gone", "ERROR: no builder gone found", "", False),
        ("", "", "null", False),
    ],
)
def test_who_can_write_a_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chosen: str, builder: str, status: str, *, exports: bool
) -> None:
    monkeypatch.setenv("BUILDX_BUILDER", chosen)
    assert exports_caches(client(tmp_path, monkeypatch, builder=builder, status=status)) is exports


def test_buildkit_keeps_all_stages_where_it_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker = client(tmp_path, monkeypatch, status=CONTAINERD)
    cache = registry_cache(docker, latest=LATEST, cache=CACHE, platform=None, buildkit=True)
    assert cache.beside == ""
    arguments = command.build(
        dockerfile=Path("Dockerfile"),
        context=Path(),
        tags=("a:b",),
        digest_file=Path("digest"),
        args=cache.args,
        cache_from=cache.sources,
        cache_to=cache.destinations,
        load=True,
    )
    joined = " ".join(arguments)
    assert f"--cache-from type=registry,ref={CACHE} " in joined
    assert (
        f"--cache-to type=registry,ref={CACHE},mode=max,image-manifest=true,oci-mediatypes=true,ignore-error=true --load"
        in joined
    )


def test_buildkit_inside_the_engine_makes_notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker = client(tmp_path, monkeypatch, status=OVERLAY)
    cache = registry_cache(docker, latest=LATEST, cache=CACHE, platform=None, buildkit=True)
    assert (cache.sources, cache.destinations, cache.args, cache.beside) == ((CACHE,), (), {}, CACHE)


@pytest.mark.parametrize("there", [True, False])
def test_the_classic_builder_needs_the_image_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, there: bool) -> None:
    docker = client(tmp_path, monkeypatch, pulls=0 if there else 1)
    cache = registry_cache(docker, latest=LATEST, cache=CACHE, platform=None, buildkit=False)
    assert cache.sources == ((LATEST,) if there else ())
    assert there or cache == NO_CACHE
