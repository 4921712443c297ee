"""``copilot job``: tasks that run on a schedule."""
