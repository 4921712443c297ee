"""Git sources: the mirror of a repository, its head, and the paths a push touches."""

from copilot.local.git.mirror import Mirror
from copilot.local.git.paths import matches
from copilot.local.git.remote import remote_head

__all__ = ["Mirror", "matches", "remote_head"]
