"""Git repositories: the checkout a person stands in, and how repositories and branches are named."""

from copilot.repository.checkout import Checkout, PushState, Remote
from copilot.repository.run import GitError, git, scrub
from copilot.repository.url import (
    Provider,
    check_branch,
    check_url,
    display_url,
    normalise_url,
    owner_and_name,
    provider_of,
)

__all__ = [
    "Checkout",
    "GitError",
    "Provider",
    "PushState",
    "Remote",
    "check_branch",
    "check_url",
    "display_url",
    "git",
    "normalise_url",
    "owner_and_name",
    "provider_of",
    "scrub",
]
