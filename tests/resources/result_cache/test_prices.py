"""What is known of prices is true of the files as they are now."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import resources.price_store.history_loader
from engine.equal_weight import EqualWeight
from engine.settings import Window
from resources.market_data.sources.synthetic import SyntheticSource
from resources.price_store.history_loader import load_histories
from resources.price_store.spans import HistorySpec
from resources.price_store.store import PriceStore
from resources.result_cache.kept import Kept
from resources.result_cache.prices import KnownPrices
from tests.histories import load_history

DAYS = date(2021, 1, 4), date(2021, 6, 30)
WINDOW = Window(date(2021, 3, 1), DAYS[1])
SYMBOLS = ["A", "B", "C"]
WANTED = [HistorySpec(symbol, *DAYS) for symbol in SYMBOLS]


@pytest.fixture
def store(tmp_path: Path) -> PriceStore:
    store = PriceStore(root=str(tmp_path / "prices"))
    for symbol in SYMBOLS:
        store.write("synthetic", symbol, SyntheticSource().fetch(symbol, *DAYS), DAYS)
    return store


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    with Kept(tmp_path / "kept.sqlite") as opened:
        yield opened


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Lend a list of the symbols that were decoded since."""
    loaded: list[str] = []

    def watched(*args: Any) -> Any:
        for symbol, one in load_histories(*args):
            loaded.append(symbol)
            yield symbol, one

    monkeypatch.setattr(resources.price_store.history_loader, "load_histories", watched)
    return loaded


def _known(kept: Kept, store: PriceStore) -> KnownPrices:
    return KnownPrices(kept, store, "synthetic")


def _expected(store: PriceStore) -> dict[str, str]:
    return {
        symbol: load_history(store, "synthetic", symbol, *DAYS).data_version for symbol in SYMBOLS
    }


def _universe(store: PriceStore) -> EqualWeight:
    every = [load_history(store, "synthetic", symbol, *DAYS).history for symbol in SYMBOLS]
    return EqualWeight.of(every, WINDOW)


def _revise(store: PriceStore, symbol: str) -> None:
    bars = store.read("synthetic", symbol)
    halved = bars.with_columns(pl.col("open", "high", "low", "close") / 2)
    store.write("synthetic", symbol, halved, DAYS)


def test_a_version_is_known_once_its_bars_were_loaded(
    kept: Kept, store: PriceStore, loads: list[str]
):
    assert _known(kept, store).versions(WANTED) == {}
    list(_known(kept, store).load(WANTED))
    before = _expected(store)
    loads.clear()
    assert _known(kept, store).versions(WANTED) == before
    assert loads == []
    _revise(store, "B")
    after = _known(kept, store).versions(WANTED)
    assert loads == ["B"]
    assert after == _expected(store) != before


def test_other_days_of_the_same_file_are_another_version(kept: Kept, store: PriceStore):
    list(_known(kept, store).load(WANTED))
    assert _known(kept, store).versions([HistorySpec("A", DAYS[0], date(2021, 5, 31))]) == {}


def test_a_universe_is_computed_once_and_has_the_same_bits(
    kept: Kept, store: PriceStore, loads: list[str]
):
    computed = _known(kept, store).equal_weight(WANTED, WINDOW)
    assert loads == SYMBOLS
    known = _known(kept, store).equal_weight(WANTED, WINDOW)
    assert loads == SYMBOLS
    for one in (computed, known):
        assert one.level.tobytes() == _universe(store).level.tobytes()
        assert one.dates.tobytes() == _universe(store).dates.tobytes()
        assert (one.symbols, one.version) == (3, _universe(store).version)


@pytest.mark.parametrize("change", ["bars", "days", "order", "fewer"])
def test_another_universe_is_computed(kept: Kept, store: PriceStore, loads: list[str], change: str):
    _known(kept, store).equal_weight(WANTED, WINDOW)
    loads.clear()
    wanted, window = WANTED, WINDOW
    if change == "bars":
        _revise(store, "C")
    elif change == "days":
        window = Window(date(2021, 3, 2), DAYS[1])
    else:
        wanted = WANTED[::-1] if change == "order" else WANTED[:2]
    found = _known(kept, store).equal_weight(wanted, window)
    assert len(loads) == len(wanted)
    if change == "bars":
        assert found.version == _universe(store).version


def test_a_universe_with_a_corrupt_file_is_known_as_that(
    kept: Kept, store: PriceStore, loads: list[str]
):
    path = Path(store.path_of("synthetic", "C"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-50])
    without = _known(kept, store).equal_weight(WANTED, WINDOW)
    assert without.symbols == 2
    loads.clear()
    assert _known(kept, store).equal_weight(WANTED, WINDOW).version == without.version
    assert not loads
    path.write_bytes(whole)
    assert _known(kept, store).equal_weight(WANTED, WINDOW).symbols == 3


@pytest.mark.parametrize("what", ["changed", "unreadable"])
def test_a_universe_of_files_that_change_meanwhile_is_not_remembered(
    kept: Kept, store: PriceStore, monkeypatch: pytest.MonkeyPatch, what: str
):
    def disturbed(*args: Any) -> Any:
        if what == "changed":
            _revise(store, "B")
        for symbol, loaded in load_histories(*args):
            failing = what == "unreadable" and symbol == "B"
            yield symbol, OSError("for a moment") if failing else loaded

    before = store.digests("synthetic", ["B"])
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(resources.price_store.history_loader, "load_histories", disturbed)
        _known(kept, store).equal_weight(WANTED, WINDOW)
    assert (store.digests("synthetic", ["B"]) == before) == (what == "unreadable")
    if what == "changed":
        _revise_back(store)
    assert _known(kept, store).equal_weight(WANTED, WINDOW).version == _universe(store).version


def _revise_back(store: PriceStore) -> None:
    bars = store.read("synthetic", "B")
    doubled = bars.with_columns(pl.col("open", "high", "low", "close") * 2)
    store.write("synthetic", "B", doubled, DAYS)


def test_digests_are_of_the_files_that_are_there(store: PriceStore):
    assert set(store.digests("synthetic", [*SYMBOLS, "MISSING", "no symbol"])) == set(SYMBOLS)
    assert store.digests("synthetic", []) == {}
    (stored,) = store.read_many("synthetic", ["A"], digests=True)
    assert not isinstance(stored, Exception)
    assert stored.digest == store.digests("synthetic", ["A"])["A"]
