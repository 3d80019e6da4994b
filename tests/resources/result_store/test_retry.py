"""Transient errors are retried and permanent ones are not: real servers, killed in a save."""

import functools
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy import event

import gauntlet
from resources.result_store import bulk
from resources.result_store.connection import check_reachable, create_engine_for, parse_url
from resources.result_store.embedded import data_folder, start_embedded
from resources.result_store.errors import DatabaseUnreachableError
from resources.result_store.manager import BacktestPersistenceManager
from resources.result_store.resource import ResultStore
from resources.result_store.retry import retry_transient, with_retry_timeout
from resources.result_store.schema import has_schema, upgrade
from tests.postgres import stop_server
from tests.resources.result_store.rows import identifier, result, results_frame, trade, trades_frame

ROWS = [result(symbol=f"S{number:03}") for number in range(200)]
RESULTS = results_frame(ROWS)
TRADES = trades_frame(*((identifier(row), trade(n)) for row in ROWS for n in (1, 2, 3)))


def _kill_server(home: Path) -> None:
    """Kill the server under `home` and all its processes, like the OOM killer."""
    postmaster = psutil.Process(int((data_folder(home) / "postmaster.pid").read_text().split()[0]))
    processes = [postmaster, *postmaster.children()]
    for process in processes:
        process.kill()
    psutil.wait_procs(processes, timeout=120)


@contextmanager
def _in_the_middle_of_a_save(engine: sa.Engine, strike: Callable[[], None]) -> Iterator[list[int]]:
    """Call `strike` once, when rows are copied and upserted but not committed."""
    struck: list[int] = []

    def listen(_c: object, _k: object, statement: str, *_: object) -> None:
        if statement.startswith("DELETE FROM trades") and not struck:
            struck.append(1)
            strike()

    event.listen(engine, "before_cursor_execute", listen)
    yield struck
    event.remove(engine, "before_cursor_execute", listen)


@pytest.fixture
def server_home(home: Path) -> Iterator[Path]:
    """Lend the home of a separate running server."""
    start_embedded(home)
    yield home
    stop_server(home)


def _assert_rows_stored_once(manager: BacktestPersistenceManager) -> None:
    identifiers = RESULTS["id"].to_list()
    found = manager.get_backtests_by_ids(identifiers)
    assert found["stored_trades"].to_list() == [3] * len(ROWS)
    with manager.engine.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM backtests")).scalar() == len(ROWS)


def test_a_save_through_a_restarted_server_stores_rows_once(
    server_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine = create_engine_for(start_embedded(server_home))
    upgrade(engine)
    manager = BacktestPersistenceManager(engine, retry_timeout=60.0)
    back = threading.Thread(target=lambda: start_embedded(server_home))

    def strike() -> None:
        _kill_server(server_home)
        back.start()

    with (
        caplog.at_level(logging.WARNING),
        _in_the_middle_of_a_save(manager.engine, strike) as struck,
    ):
        assert manager.save_backtests(RESULTS, TRADES) == len(ROWS)
    back.join()
    assert struck
    assert "Try 1 failed; next try in" in caplog.text
    _assert_rows_stored_once(manager)
    engine.dispose()


def test_a_server_killed_while_copying_trades_stores_rows_once(
    server_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = create_engine_for(start_embedded(server_home))
    upgrade(engine)
    back = functools.partial(start_embedded, server_home)
    manager = BacktestPersistenceManager(engine, retry_timeout=60.0, restart_server=back)
    monkeypatch.setattr(bulk, "_ROWS_PER_WRITE", 100)
    parts, write = [], psycopg.Copy.write

    def strike_at_the_fifth(copy: psycopg.Copy, part: str | bytes) -> None:
        parts.append(part)
        if len(parts) == 5:  # two parts of the results and two of the trades were written before
            _kill_server(server_home)
        write(copy, part)

    monkeypatch.setattr(psycopg.Copy, "write", strike_at_the_fifth)
    assert manager.save_backtests(RESULTS, TRADES) == len(ROWS)
    assert len(parts) > 8
    _assert_rows_stored_once(manager)
    engine.dispose()


def test_a_killed_embedded_server_is_restarted_by_the_next_try(
    server_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    manager = ResultStore(home=str(server_home)).manager()
    with _in_the_middle_of_a_save(manager.engine, lambda: _kill_server(server_home)) as struck:
        manager.save_backtests(RESULTS, TRADES)
    assert struck
    _assert_rows_stored_once(manager)
    manager.engine.dispose()


def test_the_retry_timeout_ends_with_the_error(server_home: Path) -> None:
    engine = create_engine_for(start_embedded(server_home))
    upgrade(engine)
    quick = BacktestPersistenceManager(engine, retry_timeout=0.5)
    _kill_server(server_home)
    with pytest.raises(DatabaseUnreachableError, match="can't be reached"):
        quick.save_backtests(RESULTS, TRADES)
    engine.dispose()
    start_embedded(server_home)


def _tries(engine: sa.Engine, error: Exception) -> int:
    """Return how often an operation is tried that always fails with `error`."""
    tries = []

    @retry_transient
    def fail(_: sa.Engine) -> None:
        tries.append(1)
        raise error

    with pytest.raises(type(error)):
        fail(with_retry_timeout(engine, 0.5))
    return len(tries)


@pytest.mark.parametrize(
    "error",
    [
        psycopg.errors.SerializationFailure("40001"),
        psycopg.errors.DeadlockDetected("40P01"),
        psycopg.errors.AdminShutdown("57P01"),
        psycopg.errors.CannotConnectNow("57P03"),
        psycopg.errors.TooManyConnections("53300"),
        DatabaseUnreachableError("gone", transient=True),
    ],
    ids=str,
)
def test_transient_errors_are_retried(engine: sa.Engine, error: Exception) -> None:
    assert _tries(engine, error) > 1


@pytest.mark.parametrize(
    "error",
    [
        psycopg.errors.DiskFull("53100"),
        psycopg.errors.InvalidPassword("28P01"),
        psycopg.errors.UndefinedTable("42P01"),
        psycopg.errors.UniqueViolation("23505"),
        psycopg.errors.QueryCanceled("57014"),
        DatabaseUnreachableError("no such database", transient=False),
        ValueError("no error of the database"),
    ],
    ids=str,
)
def test_permanent_errors_are_not_retried(engine: sa.Engine, error: Exception) -> None:
    assert _tries(engine, error) == 1


class _AfterOneTry(logging.Handler):
    """Starts a server once a call has failed for lack of it."""

    def __init__(self, start: Callable[[], object]) -> None:
        super().__init__()
        self.started: list[threading.Thread] = []
        self._start = start

    def emit(self, record: logging.LogRecord) -> None:
        if not self.started and record.getMessage().startswith("Try 1 failed"):
            self.started.append(threading.Thread(target=self._start))
            self.started[0].start()


def test_the_first_call_waits_for_a_server_that_restarts(server_home: Path) -> None:
    url = start_embedded(server_home)
    given = url.render_as_string(hide_password=False)
    store = ResultStore(home="", database_url=given)

    def open_in_a_notebook() -> BacktestPersistenceManager:
        opened = gauntlet.open(database_url=given)
        assert opened.results().is_empty()
        return opened.store

    logger = logging.getLogger("resources.result_store.retry")
    for use in (store.manager, open_in_a_notebook):
        _kill_server(server_home)
        after = _AfterOneTry(lambda: start_embedded(server_home))
        logger.addHandler(after)
        use().engine.dispose()
        logger.removeHandler(after)
        assert after.started
        after.started[0].join()


@pytest.mark.parametrize("first_call", [check_reachable, upgrade, has_schema])
@pytest.mark.parametrize("wrong", ["database", "host"])
def test_a_first_call_to_a_wrong_place_is_not_retried(
    engine: sa.Engine,
    caplog: pytest.LogCaptureFixture,
    first_call: Callable[[sa.Engine], object],
    wrong: str,
) -> None:
    if wrong == "database":
        elsewhere = create_engine_for(engine.url.set(database="no_such_database"))
    else:
        # A name that is too long is known not to exist without asking a server of names.
        elsewhere = create_engine_for(parse_url(f"postgresql://a@{'no-host' * 10}/results"))
    with pytest.raises(DatabaseUnreachableError) as refused:
        first_call(with_retry_timeout(elsewhere, 60.0))
    elsewhere.dispose()
    assert not refused.value.transient
    assert "next try" not in caplog.text


def test_a_missing_database_is_not_retried(engine: sa.Engine) -> None:
    wrong = create_engine_for(engine.url.set(database="no_such_database"))
    manager = BacktestPersistenceManager(wrong, retry_timeout=60.0)
    with pytest.raises(DatabaseUnreachableError, match="no_such_database") as refused:
        manager.get_run("run-1")
    assert not refused.value.transient
