"""Comparisons to run by hand: each measures the engine beside something else, in turn."""
