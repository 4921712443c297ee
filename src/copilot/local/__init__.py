"""The engine for one machine: a server process on loopback, its state in one SQLite database."""
