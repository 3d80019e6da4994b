"""Settings: the environment, the terms of a run, the limits of the checks."""
