"""The ``logging`` section of a workload manifest: how long logs are kept, and where else they go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from copilot.manifest.faults import bad_value
from copilot.manifest.scalars import AnyText, Flag, Text, Whole, Word
from copilot.manifest.section import Section
from copilot.manifest.variables import Secret

RETENTIONS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
"""Days that CloudWatch keeps logs for (PutRetentionPolicy)."""

LOG_ROUTER = "firelens_log_router"
"""The container that sends logs elsewhere, as AWS Copilot calls it."""


def _retention(value: int) -> int:
    if value not in RETENTIONS:
        nearest = min(RETENTIONS, key=lambda days: abs(days - value))
        raise bad_value(f"must be a number of days that CloudWatch knows, not {value}", f"did you mean `{nearest}`?")
    return value


class Logging(Section):
    """How long logs are kept on AWS, and where else they go."""

    unsupported: ClassVar[frozenset[str]] = frozenset({"env_file", "secrets", "variables"})
    hints: ClassVar[Mapping[str, str]] = {}

    retention: Annotated[Whole, AfterValidator(_retention)] = Field(30, description="Days that logs are kept for.")
    image: Word | None = Field(None, description="Image of the container that sends logs on. Default: AWS's image of Fluent Bit.")
    destination: dict[Text, AnyText] = Field(
        default_factory=dict, description="Where logs are sent: options of a Fluent Bit output, such as `Name: datadog`."
    )
    enable_metadata: Flag = Field(True, alias="enableMetadata", description="Add the names of task and cluster to each line.")
    secret_options: dict[Text, Secret] = Field(
        default_factory=dict, alias="secretOptions", description="Options of the output whose values are secrets."
    )
    config_file_path: Text | None = Field(
        None, alias="configFilePath", description="Path in the image of a configuration file for Fluent Bit."
    )

    @property
    def routed(self) -> bool:
        """Whether a container sends the logs on (FireLens), in place of CloudWatch."""
        return bool(self.model_fields_set - {"retention"})
