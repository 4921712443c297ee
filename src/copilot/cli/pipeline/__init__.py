"""`copilot pipeline`: one module for each command, next to the pure functions that make their text."""
