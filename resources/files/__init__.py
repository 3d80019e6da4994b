"""Files on any fsspec file system, written whole or not at all."""
