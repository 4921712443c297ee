"""Where the local engine keeps its files."""

from __future__ import annotations

import os
import stat
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from platformdirs import user_data_path

from copilot.errors import EngineUnavailableError

# A Unix socket's path is limited to 108 bytes on Linux and 104 on macOS, the closing NUL included.
_LONGEST_SOCKET_PATH = 100


@dataclass(frozen=True)
class Home:
    """The engine's folder: ``COPILOT_HOME``, or the user's data directory. Only its owner may look inside."""

    root: Path

    @classmethod
    def default(cls) -> Home:
        """The home that this process's environment names."""
        configured = os.environ.get("COPILOT_HOME")
        return cls(Path(configured).expanduser().absolute() if configured else user_data_path("copilot-pipelines"))

    def create(self) -> None:
        """Make the folder and those inside it. Raises EngineUnavailableError if that cannot be done."""
        try:
            self._create()
        except OSError as error:
            raise EngineUnavailableError(
                f"the engine's folder `{self.root}` cannot be used: {error.strerror}",
                hint="Set COPILOT_HOME to a folder that you may write",
            ) from None

    def _create(self) -> None:
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (
            self.bin,
            self.logs,
            self.artifacts,
            self.mirrors,
            self.images,
            self.builds,
            self.tasks,
            self.caddy,
            self.secrets,
        ):
            folder.mkdir(mode=0o700, exist_ok=True)

    @property
    def database(self) -> Path:
        """The SQLite database."""
        return self.root / "state.db"

    @property
    def server_file(self) -> Path:
        """JSON (0600): pid, port, token and version of the running server."""
        return self.root / "server.json"

    @property
    def server_lock(self) -> Path:
        """Held by the running server."""
        return self.root / "server.lock"

    @property
    def server_log(self) -> Path:
        """What the server itself prints."""
        return self.root / "server.log"

    @property
    def bin(self) -> Path:
        """This very program, under its names; first on the PATH of builds."""
        return self.root / "bin"

    @property
    def tools(self) -> Path:
        """Programs that tasks of the host runtime find when this machine does not have them."""
        return self.root / "tools"

    @property
    def logs(self) -> Path:
        """One log for each action attempt, deployment and task: ``attempt-<id>.log``, ``deploy-<id>.log``, ``task-<id>.log``."""
        return self.root / "logs"

    @property
    def artifacts(self) -> Path:
        """Archives named by their digest."""
        return self.root / "artifacts"

    @property
    def mirrors(self) -> Path:
        """One bare mirror for each repository."""
        return self.root / "mirrors"

    @property
    def images(self) -> Path:
        """Images of the host runtime, named by their digest."""
        return self.root / "images"

    @property
    def builds(self) -> Path:
        """Working folders of running buildspecs, ``<attempt id>/``."""
        return self.root / "builds"

    @property
    def tasks(self) -> Path:
        """Working folders of tasks on the host runtime, ``<task id>/``."""
        return self.root / "tasks"

    @property
    def caddy(self) -> Path:
        """The front door's configuration and state."""
        return self.root / "caddy"

    @property
    def container_engine(self) -> Path:
        """The address of the container engine that environments are on."""
        return self.root / "container-engine"

    @property
    def secrets(self) -> Path:
        """Secrets, one file (0600) each, when no keyring answers."""
        return self.root / "secrets"

    def socket(self, name: str) -> Path:
        """Path for a Unix socket, short enough for the operating system."""
        path = self.root / f"{name}.sock"
        if _fits(path):
            return path
        own = f"copilot-{os.getuid()}-{sha256(os.fsencode(self.root)).hexdigest()[:12]}"
        temporary = Path(tempfile.gettempdir(), own)
        folder = temporary if _fits(temporary / path.name) else Path("/tmp", own)  # noqa: S108 - its owner is checked
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if found.st_uid != os.getuid() or not stat.S_ISDIR(found.st_mode):
            raise EngineUnavailableError(f"`{folder}` belongs to somebody else", hint="Set COPILOT_HOME to a shorter path")
        return folder / path.name


def _fits(socket: Path) -> bool:
    return len(os.fsencode(socket)) <= _LONGEST_SOCKET_PATH
