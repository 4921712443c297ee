"""What `copilot pipeline build` is told by the pipeline that runs it: a file named by an environment variable."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from copilot.errors import CopilotError


class BuildContext(BaseModel):
    """The build of one execution.

    Attributes:
        targets: Each workload to build, with the environments that it is deployed to.
        runtimes: The runtime of each environment.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    VARIABLE: ClassVar[str] = "COPILOT_BUILD_CONTEXT"

    application: str
    pipeline: str
    execution: int
    revision: str
    targets: Mapping[str, tuple[str, ...]]
    runtimes: Mapping[str, str]

    def write(self, path: Path) -> None:
        """Write it to a file."""
        path.write_text(self.model_dump_json(), "utf-8")

    @classmethod
    def from_environment(cls) -> BuildContext | None:
        """The context of the build this process runs in; None outside of one. Raises CopilotError if it cannot be read."""
        path = os.environ.get(cls.VARIABLE)
        if path is None:
            return None
        try:
            return cls.model_validate_json(Path(path).read_text("utf-8"))
        except (OSError, ValueError):  # pydantic's ValidationError and a text that is none are both the latter
            raise CopilotError(f"{cls.VARIABLE} names `{path}`, which is not the context of a build") from None
