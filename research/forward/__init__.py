"""The forward record: what strategies earn once nothing about them can be chosen any more."""
