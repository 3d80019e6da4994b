"""The forward record in the store: rows are only added."""
