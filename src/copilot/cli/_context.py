"""What a command works on: the workspace around the current folder, the application, its engine."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from copilot.errors import NotFoundError, UnsupportedError, UsageError

if TYPE_CHECKING:
    from copilot.aws.client import Aws
    from copilot.aws.engine import AwsEngine
    from copilot.engine import Engine, LocalEngine
    from copilot.workspace import EngineName, Workspace

ENGINE = "COPILOT_ENGINE"
"""Environment variable with the engine that commands use outside of any workspace."""


class Context:
    """Found out when first asked for. Commands get it from `copilot.cli._options.app_option`."""

    def __init__(self, app_flag: str | None = None) -> None:
        self._app_flag = app_flag

    @cached_property
    def workspace(self) -> Workspace | None:
        """The workspace that the current folder is in, or None."""
        from copilot.workspace import Workspace

        try:
            return Workspace.find(Path.cwd())
        except NotFoundError:
            return None

    def require_workspace(self) -> Workspace:
        """The workspace; raises NotFoundError when the current folder is in none."""
        from copilot.workspace import Workspace

        return self.workspace or Workspace.find(Path.cwd())

    @property
    def known_app(self) -> str | None:
        """The application's name: the flag's, or the workspace's; None when neither says."""
        return self._app_flag or (self.workspace.application if self.workspace else None)

    @property
    def app(self) -> str:
        """The application's name: the flag's, or the workspace's. Raises UsageError when neither says."""
        if self.known_app is None:
            raise UsageError(
                "which application? `--app` is missing, and there is no copilot/.workspace here or above",
                hint="name it with `--app`, or make one with `copilot app init`",
            )
        return self.known_app

    @cached_property
    def engine_name(self) -> EngineName:
        """The workspace's engine; outside of one what the environment variable COPILOT_ENGINE says, which is ``local`` by itself.

        Raises UsageError if that is no engine.
        """
        if self.workspace is not None:
            return self.workspace.engine
        named = os.environ.get(ENGINE) or "local"
        if named not in ("local", "aws"):
            raise UsageError(f"{ENGINE} is `{named}`, which is no engine", hint="it may be `local` or `aws`")
        return "aws" if named == "aws" else "local"

    @property
    def on_aws(self) -> bool:
        """Whether the engine is aws."""
        return self.engine_name == "aws"

    @property
    def engine(self) -> Engine:
        """The engine, whichever it is. Raises as `local` and `aws` do."""
        return self.aws if self.on_aws else self.local

    @cached_property
    def local(self) -> LocalEngine:
        """The local engine, connected; its server is started if it does not run.

        Raises UsageError when no application is known, UnsupportedError when the engine is aws, EngineUnavailableError when the
        server does not come up.
        """
        if self.app and self.on_aws:
            raise UnsupportedError(
                "the aws engine cannot do this in this release",
                hint="`copilot app init --engine local` has this machine run the application",
            )
        return connect()

    @cached_property
    def aws(self) -> AwsEngine:
        """The aws engine, as the AWS credentials and the region of the environment have it.

        Raises UsageError when no application or no region is known.
        """
        from copilot.aws.engine import AwsEngine

        return AwsEngine(self.account)

    @cached_property
    def account(self) -> Aws:
        """AWS itself, for what needs no engine, which takes long to load. Raises UsageError when no region is known."""
        from copilot.aws.client import connect as connect_account

        return connect_account()


def connect_aws() -> AwsEngine:
    """The aws engine. Raises UsageError when no region is known."""
    from copilot.aws.engine import connect as connect_engine

    return connect_engine()


def connect() -> LocalEngine:
    """The local engine; its server is started if it does not run."""
    from copilot.cli._output import progress
    from copilot.local.client import connect as connect_local

    with progress("Connecting to the local engine"):
        return connect_local()
