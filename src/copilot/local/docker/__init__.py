"""The docker runtime: tasks are containers of any Docker-compatible engine, driven through the ``docker`` command."""
