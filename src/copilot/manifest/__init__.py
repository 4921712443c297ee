"""The files people write: their models, their loader and their JSON Schemas."""
