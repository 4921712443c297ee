"""Connections to providers of git repositories: what AWS CodeConnections knows of them.

One that CloudFormation has made is pending, until a person allows it in the console: nothing else can.
https://docs.aws.amazon.com/dtconsole/latest/userguide/connections-update.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from copilot.aws import names
from copilot.aws.client import Aws
from copilot.aws.errors import explained
from copilot.aws.waiting import Pauses
from copilot.errors import NotFoundError

if TYPE_CHECKING:
    from mypy_boto3_codeconnections.type_defs import ConnectionTypeDef

AVAILABLE, PENDING, ERROR = "AVAILABLE", "PENDING", "ERROR"

OnWait = Callable[["Connection"], None]
"""Is told, once, of a connection that has to be waited for."""


@dataclass(frozen=True)
class Connection:
    """A connection.

    Attributes:
        arn: What AWS calls it.
        name: What people call it.
        provider: Such as ``GitHub``.
        status: ``PENDING`` until a person has allowed it, ``AVAILABLE`` from then on; ``ERROR`` if that went wrong.
    """

    arn: str
    name: str
    provider: str
    status: str


class Connections:
    """The connections of an account in a region.

    Args:
        aws: The account and region.
        pause: Seconds between two looks at a connection that is waited for, at most.
    """

    def __init__(self, aws: Aws, *, pause: float = 3.0) -> None:
        self._aws = aws
        self._pause = pause

    def all(self) -> Iterator[Connection]:
        """All of them, in AWS's order, asked for as far as they are looked at."""
        more: dict[str, Any] = {}
        while True:
            with explained():
                page = self._aws.codeconnections.list_connections(**more)
            yield from (_connection(each) for each in page["Connections"])
            if "NextToken" not in page:
                return
            more = {"NextToken": page["NextToken"]}

    def find(self, name: str) -> Connection | None:
        """The one that is called so."""
        return next((each for each in self.all() if each.name == name), None)

    def get(self, arn: str) -> Connection:
        """The one of that ARN. Raises NotFoundError."""
        client = self._aws.codeconnections
        with explained():
            try:
                return _connection(client.get_connection(ConnectionArn=arn)["Connection"])
            except client.exceptions.ResourceNotFoundException:
                raise NotFoundError(
                    f"there is no connection `{arn}`", hint="it was deleted: `copilot pipeline update` makes another one"
                ) from None

    def wait(self, connection: Connection, on_wait: OnWait) -> Connection:
        """Waits until a person has allowed a connection, or could not.

        Args:
            connection: As it was seen last.
            on_wait: Is told if there is something to wait for.

        Returns:
            The connection as it is then: ``AVAILABLE``, or ``ERROR``.

        Raises:
            NotFoundError: It was deleted meanwhile.
        """
        pauses = Pauses(self._pause)
        if connection.status == PENDING:
            on_wait(connection)
        while connection.status == PENDING:
            pauses.wait()
            connection = self.get(connection.arn)
        return connection


def console_url(connection: Connection) -> str:
    """Where a person allows a connection.

    Its page in the console has the parts of its ARN in the address, the name of the service among them, which is
    ``codestar-connections`` for older ones.
    """
    _, _, service, region, account, resource = connection.arn.split(":", 5)
    host = f"{region}.console.{names.console_host(region)}"
    page = f"codesuite/settings/{account}/{region}/{service}/connections/{resource.removeprefix('connection/')}"
    return f"https://{host}/{page}?region={region}"


def _connection(data: ConnectionTypeDef) -> Connection:
    return Connection(data["ConnectionArn"], data["ConnectionName"], data.get("ProviderType", ""), data["ConnectionStatus"])
