"""The questions about the engine, one file each."""
