"""What commands do when the engine is aws, where that differs from the local engine."""
