"""Git repositories: the checkout a person stands in, and how repositories and branches are named."""

from copilot.repository.checkout import Checkout, PushState, Remote, explain_ownership
from copilot.repository.run import GitError, git, scrub, without_repository
from copilot.repository.url import (
    Provider,
    check_branch,
    check_url,
    compare_url,
    display_url,
    host_of,
    is_local,
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
    "compare_url",
    "display_url",
    "explain_ownership",
    "git",
    "host_of",
    "is_local",
    "normalise_url",
    "owner_and_name",
    "provider_of",
    "scrub",
    "without_repository",
]
