"""The command behind `make run`, and what it prints."""
