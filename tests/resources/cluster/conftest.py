"""One cluster for all tests of the package, and a run on it."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.cluster_runs import STRATEGIES, Shared
from tests.cluster_trouble import FOLDER, Trouble
from tests.resources.cluster.case import SYMBOLS, Case
from tests.resources.cluster.hosts import PATIENCE, Hosts
from tests.s3_server import s3_environment


@pytest.fixture(scope="session")
def hosts(s3_server: str) -> Iterator[Hosts]:
    """Lend a cluster for the session."""
    folder = Path(tempfile.mkdtemp(prefix="gauntlet-hosts-"))
    given = {
        **s3_environment(s3_server),
        FOLDER: str(folder / "trouble"),
        # A busy machine is not a dead one: tests say themselves when a host is dead.
        "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "1h",
    }
    cluster = Hosts(folder, given, patience=6 * PATIENCE)
    try:
        cluster.start_scheduler()
        cluster.fill()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def cluster(hosts: Hosts) -> Hosts:
    """Lend the cluster with all of its workers, and without trouble."""
    hosts.fill()
    return hosts


@pytest.fixture(scope="session")
def prices(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a price store of all symbols."""
    root = str(tmp_path_factory.mktemp("prices"))
    Shared.made(root, "", SYMBOLS)
    return root


@pytest.fixture
def case(cluster: Hosts, prices: str, tmp_path: Path) -> Case:
    """Return a run that nothing was computed of."""
    here, there = (Shared.made(prices, str(tmp_path / one), []) for one in ("here", "there"))
    return Case(cluster, here, there, (*STRATEGIES, Trouble()), str(uuid4()))
