"""HOW FAST THE ENGINE IS: one benchmark per file."""
