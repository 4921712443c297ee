"""The front door: one Caddy process that answers on the port of every environment."""
