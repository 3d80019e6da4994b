-- Runs once, when the volume is empty. Dagster's history has a database of its own beside the
-- results: each can be backed up, restored and moved without the other.
CREATE DATABASE dagster;
