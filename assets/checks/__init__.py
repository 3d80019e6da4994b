"""The checks that judge every materialization, named for the good condition.

Here: what is measured against which limit, and what the reader of a failed check should do.
Not here: the limits themselves (resources.config.thresholds) and the measuring (the stages).
"""
