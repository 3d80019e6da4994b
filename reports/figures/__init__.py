"""The charts of a report: one kind per file, plain data to SVG."""
