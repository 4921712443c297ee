"""Commands that talk to the emulator of AWS."""

from tests.aws.conftest import aws, aws_environment, emulator

__all__ = ["aws", "aws_environment", "emulator"]
