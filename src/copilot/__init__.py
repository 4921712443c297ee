"""Release pipelines for teams with a Dockerfile and a git repository."""

__version__ = "0.1.0"
