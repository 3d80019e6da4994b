-- Run once, when the volume is empty. Dagster's history lies beside the results, in a database of
-- its own: either can be backed up, restored and moved without the other.
CREATE DATABASE dagster;
