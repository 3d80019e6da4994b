"""Which partitions a step materialized, as it reports them to Dagster."""
