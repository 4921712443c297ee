"""AWS on this machine, with pipelines that run: ``python -m tests.aws.pipelines.emulator -H 127.0.0.1 -p PORT``.

moto's server with all that its other emulators here mend, and besides:

* CodePipeline: pipelines in stacks, executions that move by its rules, the API of executions (`pipeline`, `responses`);
* sources: bare git repositories in the folder that ``EMULATED_REPOSITORIES`` names; pushes are noticed (`sources`, `backend`);
* CodeBuild: builds that really run, and log to CloudWatch (`builds`, `build_logs`);
* connections that wait for a person: ``POST /moto-api/connections/<name>`` is one (`connections`);
* stacks whose resources have events, and that roll back (`stack_events`).

What it does not have: other accounts, permissions of roles, encryption of artifacts, conditions of stages other than what to do
on failure. A build that is abandoned is ended, which on AWS it is not.

Nothing is left of it when it is ended by SIGTERM, or SIGINT.
"""

from __future__ import annotations

import atexit
import os
import sys

from moto.server import main

from tests.aws import emulated_resources, emulated_stack_sets, emulator
from tests.aws.pipelines import backend, builds, connections, stack_events
from tests.cli.aws import emulator as workloads


def mend() -> None:
    """Let moto have pipelines."""
    emulator.mend()
    emulated_resources.mend()
    emulated_stack_sets.mend()
    workloads.mend()
    connections.mend()
    builds.mend()
    backend.mend()
    stack_events.mend()


def serve() -> None:
    """Be the server that the command line asks for, until a signal comes."""
    if "-p" in sys.argv:
        os.environ["MOTO_PORT"] = sys.argv[sys.argv.index("-p") + 1]
    atexit.register(_end)
    backend.begin()
    main()


def _end() -> None:
    backend.end_all()
    backend.PipelinesBackend.builder.close()


if __name__ == "__main__":
    mend()
    serve()
