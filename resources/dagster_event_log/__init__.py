"""WHERE DAGSTER KEEPS ITS EVENTS: its own storages, with one transaction a batch of events.

A run over a universe is thousands of small events, each of which Dagster would store by itself.
dagster.yaml names the classes of this folder; every process of Dagster imports them, so they
import nothing but Dagster. Tables, files and contents are Dagster's: either may read the other's.
Not here: the result store (resources/result_store), where the numbers are.
"""
