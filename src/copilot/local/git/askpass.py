"""How a token reaches git: through the environment of an askpass helper, never through an argument or a URL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from copilot.repository import host_of, is_local, provider_of

_SCRIPT = Path(__file__).with_name("askpass.sh")

# Each service ignores the user, or wants one particular user, when the password is a token.
_USERS = {"GitHub": "x-access-token", "GitLab": "oauth2", "Bitbucket": "x-token-auth"}


@dataclass(frozen=True)
class Credentials:
    """What a git process needs to use a token.

    Attributes:
        config: ``key=value`` settings, without any secret.
        environment: Variables for git, the token among them.
    """

    config: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


def credentials(repository: str, token: str | None) -> Credentials:
    """The settings that let git use a token for one repository. None: whatever the user's own git is configured to do."""
    if not token or is_local(repository):
        return Credentials()
    user = _USERS.get(provider_of(repository), "copilot")
    return Credentials(
        # The empty helper switches off the user's own: they must neither answer for us nor keep our token.
        config=("credential.helper=", f"credential.username={user}"),
        environment={
            "GIT_ASKPASS": str(_SCRIPT),
            "COPILOT_ASKPASS_HOST": host_of(repository),
            "COPILOT_ASKPASS_TOKEN": token,
        },
    )
