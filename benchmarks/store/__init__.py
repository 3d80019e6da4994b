"""HOW FAST THE STORES ARE: saving results, loading prices, using stored results again."""
