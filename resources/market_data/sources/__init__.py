"""The sources of bars, one module per source."""
