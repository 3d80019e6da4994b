"""Dagster's webserver, with a guard against requests that other web pages send."""
