"""The stack of an environment."""
