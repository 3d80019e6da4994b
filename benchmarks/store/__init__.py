"""Questions about the result store and the price store."""
