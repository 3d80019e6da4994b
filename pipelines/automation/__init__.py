"""What launches runs, retries them, reports them and removes old ones."""
