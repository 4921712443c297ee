"""The host runtime: a Dockerfile's files, run as supervised processes of this machine."""
