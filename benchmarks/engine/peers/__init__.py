"""The same work in other libraries: scripts, each with an environment of its own that uv makes."""
