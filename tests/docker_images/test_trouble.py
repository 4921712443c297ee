"""Why a build failed, of what it printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from copilot.docker.trouble import explain

BUILDKIT = """\
#5 [2/3] COPY busybox /bin/busybox
#5 DONE 0.1s
#6 [3/3] RUN make all
#6 0.210 make: *** No rule to make target 'all'.  Stop.
#6 ERROR: process "/bin/sh -c make all" did not complete successfully: exit code: 2
------
 > [3/3] RUN make all:
0.210 make: *** No rule to make target 'all'.  Stop.
------
Dockerfile:4
--------------------
   2 |     COPY busybox /bin/busybox
   3 |
   4 | >>> RUN make all
   5 |
--------------------
ERROR: failed to solve: process "/bin/sh -c make all" did not complete successfully: exit code: 2
"""


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (BUILDKIT, "api/Dockerfile:4: `RUN make all` failed: exit 2"),
        (
            'Dockerfile:2\n   2 | >>> COPY nope /\nERROR: failed to calculate checksum of ref a::b: "/nope": not found',
            "api/Dockerfile:2: `nope` is not in the build context",
        ),
        (
            "ERROR: failed to solve: dockerfile parse error on line 3: unknown instruction: COPI (did you mean COPY?)",
            "api/Dockerfile:3: unknown instruction: COPI (did you mean COPY?)",
        ),
        ('ERROR: failed to solve: target stage "nah" could not be found', "api/Dockerfile has no stage `nah`"),
        (
            "ERROR: failed to build: failed to solve: failed to read dockerfile: open Dockerfile: no such file or directory",
            "`api/Dockerfile` cannot be read",
        ),
        (
            "Step 1/2 : FROM scratch\nError processing tar file(exit status 1): write /x: no space left on device",
            "api/Dockerfile: the disk is full",
        ),
        (
            "ERROR: failed to solve: nginx:nope: pull access denied for nginx, repository does not exist",
            "api/Dockerfile: image `nginx` does not exist, or may not be read",
        ),
        (
            'STEP 2/2: COPY nope /\nbuilding at STEP "COPY nope /": copier: stat: "/nope": no such file or directory',
            "api/Dockerfile: `nope` is not in the build context",
        ),
        (
            'STEP 2/2: COPI x /\nError: building at STEP "COPI ": Build error: Unknown instruction: "COPI" &imagebuilder.Step{}',
            "api/Dockerfile: unknown instruction: COPI",
        ),
        ('The target "nah" was not found in the provided Dockerfile', "api/Dockerfile has no stage `nah`"),
        ("", "api/Dockerfile: no reason given"),
    ],
)
def test_why_a_build_failed(tmp_path: Path, output: str, message: str) -> None:
    error = explain(tmp_path / "Dockerfile", "api/Dockerfile", output.splitlines(), 1)
    assert error.message == message
    if output is BUILDKIT:
        assert any("No rule to make target" in line for line in error.details)


PODMAN = """\
[2/2] STEP 1/2: FROM first
--> 55884e77c2c
[2/2] STEP 2/2: RUN make all
make: *** No rule to make target 'all'.  Stop.
building at STEP "RUN make all": while running runtime: exit status 2
"""


def test_podman_counts_the_steps_of_each_stage(tmp_path: Path) -> None:
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text("ARG A=1\nFROM scratch AS first\nCOPY a /\n\nFROM first\nRUN make all\n")
    error = explain(dockerfile, "api/Dockerfile", PODMAN.splitlines(), 1)
    assert error.message == "api/Dockerfile:6: `RUN make all` failed: exit 2"
    assert error.details == ("make: *** No rule to make target 'all'.  Stop.",)
