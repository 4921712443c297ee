"""Images by the ``docker`` command, for every engine: building, naming and fetching them. What runs containers is elsewhere."""
