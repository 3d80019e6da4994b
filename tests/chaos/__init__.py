"""`make chaos`: kills a project at random moments, and compares it with one that was left alone."""
