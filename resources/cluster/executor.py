"""The executor of a run: on the cluster that the settings name, or on one of its own."""

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from research.run_spec import RunSpec
from resources.cluster.dask_executor import DaskExecutor, connect
from resources.cluster.local_cluster import LocalCluster, local_cluster
from resources.cluster.shared_files import SharedFiles
from resources.cluster.task import Job
from resources.config.cluster import ClusterSettings
from resources.price_store.stored_prices import StoredPrices
from resources.run_artifacts.stored_backtests import StoredBacktests

if TYPE_CHECKING:
    from distributed import Client

_log = logging.getLogger(__name__)


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
    shared = SharedFiles(prices.root, files.root, spec.source, spec.run_id)
    try:
        # A cluster of its own has ended before what it left is removed.
        with _open_client(settings) as (client, own):
            shared.write_universe(spec.universe)
            job = Job.of(spec, shared, settings.timeout)
            with DaskExecutor(client, job, own=own) as executor:
                yield executor
    finally:
        _remove_rest(files, spec.run_id)


@contextmanager
def _open_client(settings: ClusterSettings) -> "Iterator[tuple[Client, LocalCluster | None]]":
    """Lend a client of the cluster, and that if it is the run's own and was started here."""
    if settings.address:
        with closing(connect(settings.address, settings.tls)) as client:
            yield client, None
        return
    with (
        local_cluster(settings.processes, settings.memory) as own,
        closing(connect(own.address, own.folder)) as client,
    ):
        yield client, own


def _remove_rest(files: StoredBacktests, run_id: str) -> None:
    """Remove what is in no part of the run; why the run failed is not hidden by a failure of it."""
    try:
        files.remove_uncommitted(run_id)
    except Exception as error:  # noqa: BLE001 - of the file system or of any bucket
        _log.warning(
            f"files of attempts that nobody waits for stay in {files.root}/{run_id}: {error}"
        )
