"""Clients of the emulator's other services, for what pipelines themselves ask of them."""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Any

import boto3
from botocore.config import Config
from moto import settings

_LOCK = threading.Lock()
_CONFIG = Config(retries={"total_max_attempts": 1}, max_pool_connections=30)


def address() -> str:
    """Where this very emulator answers."""
    return f"{settings.moto_server_host()}:{settings.moto_server_port()}"


def credentials(region: str) -> dict[str, str]:
    """Variables by which a program talks to this emulator."""
    return {
        "AWS_ENDPOINT_URL": address(),
        "AWS_ACCESS_KEY_ID": "AKIAEMULATED",
        "AWS_SECRET_ACCESS_KEY": "not-a-secret",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def client(service: str, region: str) -> Any:
    """The client of a service in a region."""
    with _LOCK:
        return _client(service, region)


@lru_cache(maxsize=64)
def _client(service: Any, region: str) -> Any:
    return boto3.client(
        service,
        region_name=region,
        endpoint_url=address(),
        aws_access_key_id="AKIAEMULATED",
        aws_secret_access_key="not-a-secret",
        config=_CONFIG,
    )
