"""The account of AWS that documents are played against."""

from __future__ import annotations

from tests.aws.conftest import aws_environment

__all__ = ["aws_environment"]
