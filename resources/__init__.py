"""WHAT IT STANDS ON: settings, universe, market data, price store, result store, run profile.

Here: everything that touches the world outside (files, database, environment), as Dagster
ConfigurableResources or plain functions.
Not here: which asset exists or when it runs.
"""
