"""``copilot server``: the process that the local engine runs in."""

from __future__ import annotations

import gc
import time

import click

from copilot.cli._options import json_option
from copilot.cli._output import ago, fields, out, print_json, progress, say, say_done, say_next, timestamp
from copilot.cli._root import command

_OBJECTS_BETWEEN_COLLECTIONS = 2_000
"""Fewer than for commands, which end soon."""
_PORT = click.IntRange(1, 65535)
_port_option = click.option(
    "--port", type=_PORT, metavar="PORT", help="Port on loopback that it answers on; default: a free one."
)


@command("server start")
@_port_option
def start(port: int | None) -> None:
    """Commands that need the server start it themselves."""
    from copilot.errors import ConflictError
    from copilot.local.client import server_status, start_server

    running = server_status()
    if running is not None:
        if port is not None and port != running.port:
            raise ConflictError(
                f"the server runs already, on port {running.port}",
                hint=f"`copilot server stop`, then start it with `--port {port}`",
            )
        say(f"The server runs already: process {running.pid}, port {running.port}. There was nothing to do.")
        return
    with progress("Starting the server"):
        info = start_server(port=port)
    say_done(f"Started the server: process {info.pid}, port {info.port}")
    say_next("copilot app ls")


@command("server stop")
def stop() -> None:
    """Executions go on where they are when it starts again."""
    from copilot.local.client import stop_server

    with progress("Stopping the server"):
        stopped = stop_server()
    if not stopped:
        say("The server does not run. There was nothing to do.")
        return
    say_done("Stopped the server; services keep running")
    say_next("copilot server start")


@command("server status")
@json_option
def status(as_json: bool) -> None:
    """Exits with 0 whether it runs or not; the answer says which."""
    from copilot.local.client import server_status
    from copilot.local.home import Home

    info = server_status()
    home = Home.default()
    if as_json:
        details = (
            {"pid": info.pid, "port": info.port, "version": info.version, "startedAt": timestamp(info.started_at)} if info else {}
        )
        print_json({"running": info is not None, **details, "home": str(home.root)})
        return
    if info is None:
        out(fields({"Server": "does not run", "Home": str(home.root)}))
        say_next("copilot server start")
        return
    rows = {
        "Server": "runs",
        "Process": str(info.pid),
        "Port": str(info.port),
        "Version": info.version,
        "Started": ago(info.started_at, time.time()),
        "Home": str(home.root),
        "Log": str(home.server_log),
    }
    out(fields(rows))


@command("server run")
@_port_option
def run(port: int | None) -> None:
    """For a service manager such as systemd; ctrl-C stops it."""
    from copilot.local.home import Home
    from copilot.local.server import run as run_server

    home = Home.default()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    say(f"Running the server for {home.root}; ctrl-C stops it.")
    run_server(home, port)
