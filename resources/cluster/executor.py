"""The executor of a run: on the cluster that the settings name, or on one of its own."""

from collections.abc import Iterator
from contextlib import contextmanager

from research.run_spec import RunSpec
from resources.cluster.dask_executor import DaskExecutor, connect
from resources.cluster.local_cluster import local_cluster
from resources.cluster.shared_files import SharedFiles
from resources.cluster.task import Job
from resources.config.cluster import ClusterSettings
from resources.price_store.stored_prices import StoredPrices
from resources.run_artifacts.stored_backtests import StoredBacktests


@contextmanager
def open_executor(
    settings: ClusterSettings, spec: RunSpec, prices: StoredPrices, files: StoredBacktests
) -> Iterator[DaskExecutor]:
    """Lend what computes the chunks of a run; at the end nothing uncommitted of it is left.

    Raises
    ------
    ClusterError
        When there is no such cluster.
    MissingPackageError
        When Dask is not installed.
    """
    if not settings.address:
        with local_cluster(settings.processes, settings.memory) as cluster:
            own = ClusterSettings(
                cluster.address, settings.processes, cluster.folder, settings.timeout
            )
            with open_executor(own, spec, prices, files) as executor:
                yield executor
        return
    shared = SharedFiles(prices.root, files.root, spec.source, spec.run_id)
    client = connect(settings.address, settings.tls)
    try:
        shared.write_universe(spec.universe)
        with DaskExecutor(client, Job.of(spec, shared, settings.timeout)) as executor:
            yield executor
    finally:
        client.close()
        shared.remove_universe()
        files.remove_uncommitted(spec.run_id)
