"""The stack of a workload in an environment."""
