"""WHERE DAGSTER KEEPS ITS EVENTS: its own storages, with one transaction per batch of events.

A run over a universe has thousands of small events, which Dagster would store one by one. What
failed in a run that went on without it is kept too, and shown as failed (`partition_status`).
dagster.yaml names the classes of this package; every process of Dagster imports them, so they
import nothing but Dagster. Tables, files and contents are Dagster's: each storage can read what
the other wrote. Not here: the result store (resources/result_store), which has the results.
"""
