"""AWS on this machine: ``python -m tests.aws.emulated_account -H 127.0.0.1 -p PORT``.

moto's server with what the modules `emulated_*` beside this one mend, and besides, in the folder `pipelines`:

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
import gzip
import json
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from botocore.loaders import JSONFileLoader


def main() -> None:
    """Be the server that the command line asks for, until a signal comes."""
    if "-p" in sys.argv:
        os.environ["MOTO_PORT"] = sys.argv[sys.argv.index("-p") + 1]
    _read_models_once()
    # Only now: moto reads models while it is imported, which takes most of the time in which this starts.
    from moto import server
    from moto.cloudformation import utils

    from tests.aws import emulated_change_sets, emulated_resources, emulated_stack_sets, emulated_workloads
    from tests.aws.pipelines import backend, builds, connections, stack_events

    _read_yaml_in_c(utils.yaml_tag_constructor)
    for each in (emulated_change_sets, emulated_resources, emulated_stack_sets, emulated_workloads):
        each.mend()
    for its in (connections, builds, backend, stack_events):
        its.mend()

    def end() -> None:
        backend.end_all()
        backend.PipelinesBackend.builder.close()

    atexit.register(end)
    backend.begin()
    server.main()


def _read_models_once() -> None:
    """botocore reads its files again for each session, of which moto has many."""

    @cache
    def read(name: str) -> Any:
        plain, packed = Path(f"{name}.json"), Path(f"{name}.json.gz")
        if packed.is_file():
            return json.loads(gzip.decompress(packed.read_bytes()))
        return json.loads(plain.read_bytes()) if plain.is_file() else None

    setattr(JSONFileLoader, "load_file", lambda _, name: read(name))  # noqa: B010 - the type checker lets no method be assigned


def _read_yaml_in_c(construct: Any) -> None:
    """moto reads each template several times, in Python alone, which takes ten times as long."""
    yaml.add_multi_constructor("", construct, Loader=yaml.CLoader)
    setattr(yaml, "Loader", yaml.CLoader)  # noqa: B010 - likewise


if __name__ == "__main__":
    main()
