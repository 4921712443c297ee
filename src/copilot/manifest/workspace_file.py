"""The ``.workspace`` file: which application a repository belongs to, and which engine runs it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from copilot.manifest.scalars import Choice, Name
from copilot.manifest.section import Section


class WorkspaceFile(Section):
    """Which application this repository belongs to."""

    application: Name = Field(description="Name of the application.")
    engine: Annotated[Literal["local", "aws"], Choice] = Field("aws", description="Who runs it: this machine, or AWS.")
