"""Tells the server about a push. The post-receive hook runs this file by itself, with ``python -I -S``: standard library only.

Arguments: the engine's home, the repository as its pipelines name it, and the repository's git folder (hooks may be shared by
several repositories). Standard input: what git gives a post-receive hook. It ends well within seconds, whatever happens.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing for real would cost every push 5 ms
    from typing import Any

TIMEOUT = 2.0
"""Seconds a push waits for the server at most."""

_FOLLOW = "copilot pipeline status --watch"

# What the user set for git as such; the other GIT_ variables tie git to the repository that was pushed to.
_KEPT_VARIABLES = ("GIT_SSH", "GIT_SSL", "GIT_PROXY", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM")


def main(home: str, repository: str, git_folder: str) -> None:
    """Tell the server, or start it: when it starts it looks at every branch by itself."""
    if not _is_this_repository(git_folder):
        return
    updates = _branch_updates(sys.stdin.buffer.read().decode("utf-8", "replace"))
    if not updates:
        return
    try:
        with open(os.path.join(home, "server.json"), encoding="utf-8") as file:  # noqa: PTH118, PTH123 - pathlib doubles the start-up time
            server = json.load(file)
        pipelines = _post(server, {"repository": repository, "updates": updates})
    except (FileNotFoundError, ConnectionRefusedError, ConnectionResetError):
        _start_server(home)
        _say(f"its server is starting; follow the release with {_FOLLOW}")
    except PermissionError:
        _say(f"only the owner of {home} can tell its server; the push is released with copilot pipeline run")
    except TimeoutError:
        _say(f"the server is busy; see {_FOLLOW}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        _say(f"the server could not be told of the push: {error}; release it with copilot pipeline run")
    else:
        commit = updates[0]["new"][:7] if len(updates) == 1 else "what was pushed"
        if pipelines:
            _say(f"{', '.join(pipelines)} will release {commit}; follow it with {_FOLLOW}")


def _is_this_repository(git_folder: str) -> bool:
    """Whether the hook runs for that repository, or for a working tree of it."""
    here = os.path.realpath(os.environ.get("GIT_DIR", "."))
    try:
        with open(os.path.join(here, "commondir"), encoding="utf-8") as file:  # noqa: PTH118, PTH123 - see main
            here = os.path.realpath(os.path.join(here, file.read().strip()))  # noqa: PTH118 - see main
    except OSError:
        pass  # not a linked working tree
    return here == os.path.realpath(git_folder)


def _branch_updates(pushed: str) -> list[dict[str, str]]:
    lines = (line.split(" ", 2) for line in pushed.splitlines())
    updates = [{"ref": parts[2], "old": parts[0], "new": parts[1]} for parts in lines if len(parts) == 3]
    return [update for update in updates if update["ref"].startswith("refs/heads/") and update["new"].strip("0")]


def _post(server: dict[str, Any], content: dict[str, Any]) -> list[str]:
    """The pipelines in which the server started an execution. Raises OSError, or another error for a strange answer."""
    # A plain socket: importing http.client would double the time that a push waits.
    deadline = time.monotonic() + TIMEOUT
    body = json.dumps(content).encode()
    head = (
        f"POST /v1/push HTTP/1.0\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {server['token']}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    answer = b""
    with socket.create_connection(("127.0.0.1", int(server["port"])), TIMEOUT) as connection:
        connection.sendall(head.encode() + body)
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            connection.settimeout(left)
            part = connection.recv(65536)
            if not part:
                break
            answer += part
    status, _, rest = answer.partition(b"\r\n")
    if not status:
        raise ConnectionResetError
    if b" 200 " not in status + b" ":
        raise ValueError("it answered " + status.decode("ascii", "replace"))
    executions = json.loads(rest.partition(b"\r\n\r\n")[2])["executions"]
    return list(dict.fromkeys(str(execution["pipeline"]) for execution in executions))


def _start_server(home: str) -> None:
    import subprocess  # noqa: PLC0415 - takes 10 ms, and hardly any push needs it

    environment = {n: v for n, v in os.environ.items() if not n.startswith("GIT_") or n.startswith(_KEPT_VARIABLES)}
    # Nothing of the push may stay open in it: the pusher waits until all outputs are closed.
    subprocess.Popen(
        [sys.executable, "-P", "-m", "copilot", "server", "start"],
        cwd="/",
        env={**environment, "COPILOT_HOME": home},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _say(text: str) -> None:
    print("copilot: " + "".join(character if character.isprintable() else "?" for character in text))  # noqa: T201 - what the pusher sees


if __name__ == "__main__":
    main(*sys.argv[1:4])
