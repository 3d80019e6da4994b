"""Settings: the environment, the settings of a run, the limits of the checks."""
