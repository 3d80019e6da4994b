"""The equal-weight universe of a run: of enough symbols in the run's window, or none."""

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import resources.price_store.history_loader
from engine.equal_weight import EqualWeight
from engine.settings import Window
from resources.market_data.sources.synthetic import SyntheticSource
from resources.price_store import universe_benchmark as module
from resources.price_store.history_loader import LoadedHistory, load_histories
from resources.price_store.price_quality import JumpRule
from resources.price_store.spans import HistorySpec
from resources.price_store.store import PriceStore
from resources.price_store.universe_benchmark import (
    LEAST_SHARE,
    UniverseBenchmark,
    load_universe_benchmark,
)
from resources.universe import Listing, Universe
from tests.histories import load_history

WINDOW = Window(date(2021, 1, 1), date(2021, 3, 31))
HISTORY_START = date(2020, 1, 2)  # a year of warm-up before the window
ASKED = (HISTORY_START, WINDOW.end)
SYMBOLS = [f"S{number:02}" for number in range(20)]
UNIVERSE = Universe(tuple(Listing(symbol) for symbol in SYMBOLS))
BARS = {symbol: SyntheticSource().fetch(symbol, *ASKED) for symbol in SYMBOLS}


@pytest.fixture
def store(tmp_path: Path) -> PriceStore:
    """Return a store that holds the bars of the whole universe."""
    store = PriceStore(root=str(tmp_path))
    for symbol in SYMBOLS:
        store.write("synthetic", symbol, BARS[symbol], ASKED)
    return store


def _benchmark(
    store: PriceStore, universe: Universe = UNIVERSE, *, enabled: bool = True
) -> UniverseBenchmark:
    return load_universe_benchmark(
        universe, store, "synthetic", WINDOW, HISTORY_START, JumpRule(), enabled=enabled
    )


def test_a_symbol_with_an_absurd_price_is_left_out_and_named(store: PriceStore) -> None:
    clean = _benchmark(store).equal_weight
    assert clean is not None
    tick = pl.col("date") == date(2021, 2, 10)
    prices = ("open", "high", "low", "close")
    absurd = [
        pl.when(tick).then(pl.col(name) * 1000).otherwise(name).alias(name) for name in prices
    ]
    bars = BARS[SYMBOLS[1]]
    store.write("synthetic", SYMBOLS[1], bars.with_columns(absurd), ASKED)
    for _ in range(2):  # computed, and cached
        benchmark = _benchmark(store)
        assert benchmark.sentence == (
            f"equal-weight universe: {len(SYMBOLS) - 1} of {len(SYMBOLS)} symbols, without "
            f"{SYMBOLS[1]}: jumps_are_explained fails"
        )
        assert benchmark.equal_weight is not None
        assert benchmark.equal_weight.level.max() < 2 * clean.level.max()


def _remove(store: PriceStore, *symbols: str) -> None:
    for symbol in symbols:
        Path(store.path_of("synthetic", symbol)).unlink()


def test_the_benchmark_is_the_equal_weight_of_all_symbols(store: PriceStore) -> None:
    histories = [load_history(store, "synthetic", symbol, *ASKED).history for symbol in SYMBOLS]
    expected = EqualWeight.of(histories, WINDOW)
    benchmark = _benchmark(store)
    assert benchmark.equal_weight is not None
    assert benchmark.equal_weight.level.tobytes() == expected.level.tobytes()
    assert not benchmark.missing
    assert benchmark.sentence == "equal-weight universe: 20 of 20 symbols"
    assert (benchmark.symbols, benchmark.version) == (20, expected.version)


def test_changed_prices_of_one_symbol_change_the_version(store: PriceStore) -> None:
    before = _benchmark(store).version
    assert _benchmark(store).version == before
    revised = BARS["S07"].with_columns(
        adjustment=pl.when(pl.col("date") < date(2021, 2, 1)).then(0.5).otherwise(1.0)
    )
    store.write("synthetic", "S07", revised, ASKED)
    assert _benchmark(store).version != before


@pytest.mark.parametrize(("missing", "given"), [(1, True), (3, True), (4, False), (19, False)])
def test_the_benchmark_needs_the_least_share_of_symbols(
    store: PriceStore, missing: int, given: bool
) -> None:
    _remove(store, *SYMBOLS[:missing])
    benchmark = _benchmark(store)
    assert benchmark.missing is not given
    assert (benchmark.equal_weight is not None) is given
    there = 20 - missing
    why = "" if given else " have prices; at least 17 are needed"
    assert benchmark.sentence == f"equal-weight universe: {there} of 20 symbols{why}"
    if not given:
        assert benchmark.symbols is None
        assert benchmark.version is None


def test_the_share_is_counted_exactly(tmp_path: Path) -> None:
    universe = Universe(tuple(Listing(f"S{number}") for number in range(110)))
    sentence = _benchmark(PriceStore(root=str(tmp_path)), universe).sentence
    assert sentence == (
        "equal-weight universe: 0 of 110 symbols have prices; at least 94 are needed"
    )
    assert LEAST_SHARE * 20 == 17  # a binary 0.85 would make some of these 18 of 20


def test_bars_that_are_unusable_for_the_window_do_not_count(store: PriceStore) -> None:
    for symbol in SYMBOLS[:2]:
        Path(store.path_of("synthetic", symbol)).write_bytes(b"no parquet")
    for symbol in SYMBOLS[2:4]:
        _remove(store, symbol)
        store.write("synthetic", symbol, BARS[symbol][:200])  # nothing of the window was fetched
    benchmark = _benchmark(store)
    assert benchmark.equal_weight is None
    assert benchmark.sentence == (
        "equal-weight universe: 16 of 20 symbols have usable prices for 2021-01-01 to "
        "2021-03-31; at least 17 are needed"
    )
    store.write("synthetic", "S03", BARS["S03"], ASKED)
    assert _benchmark(store).sentence == "equal-weight universe: 17 of 20 symbols"


def test_only_days_on_which_a_symbol_was_listed_count(store: PriceStore) -> None:
    first, last = date(2021, 2, 1), date(2021, 2, 26)
    listed = Universe((Listing("S00", None, first, last), *UNIVERSE.listings[1:]))
    spec = HistorySpec("S00", first, last, window_end=WINDOW.end)
    ((_, loaded),) = load_histories(store, "synthetic", [spec])
    assert isinstance(loaded, LoadedHistory)
    cut = loaded.history
    assert cut.cut_to(WINDOW).ends_before(WINDOW)
    rest = [load_history(store, "synthetic", one, *ASKED).history for one in SYMBOLS[1:]]
    expected = EqualWeight.of([cut, *rest], WINDOW)
    assert _benchmark(store, listed).version == expected.version != _benchmark(store).version


def test_symbols_not_listed_in_the_window_are_not_required(store: PriceStore) -> None:
    gone = tuple(Listing(f"G{number}", None, None, date(2010, 1, 1)) for number in range(80))
    benchmark = _benchmark(store, Universe((*gone, *UNIVERSE.listings)))
    assert benchmark.sentence == "equal-weight universe: 20 of 20 symbols"
    nobody = _benchmark(store, Universe(gone))
    assert nobody.sentence.endswith("0 of 0 symbols have prices; at least 1 are needed")


def test_bars_of_another_source_do_not_count(store: PriceStore) -> None:
    benchmark = load_universe_benchmark(
        UNIVERSE, store, "sample", WINDOW, HISTORY_START, JumpRule()
    )
    assert benchmark.equal_weight is None
    assert benchmark.missing


def test_a_disabled_benchmark_reads_nothing_and_is_not_missing(
    store: PriceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "load_equal_weight", None)
    monkeypatch.setattr(PriceStore, "symbols", None)
    benchmark = _benchmark(store, enabled=False)
    assert (benchmark.equal_weight, benchmark.missing) == (None, False)
    assert benchmark.sentence == "equal-weight universe: turned off in run_settings"


def test_too_few_files_are_detected_without_reading_them(
    store: PriceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    _remove(store, *SYMBOLS[1:])
    monkeypatch.setattr(module, "load_equal_weight", None)
    assert _benchmark(store).sentence.endswith(
        "1 of 20 symbols have prices; at least 17 are needed"
    )


def test_histories_are_read_in_the_universes_order(
    store: PriceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sums depend on the order of summation in the last bits."""
    order: list[str] = []
    shuffled = Universe(UNIVERSE.listings[::3] + UNIVERSE.listings[1::3] + UNIVERSE.listings[2::3])

    def noted(*args: Any) -> Any:
        for symbol, loaded in load_histories(*args):
            order.append(symbol)
            yield symbol, loaded

    monkeypatch.setattr(resources.price_store.history_loader, "load_histories", noted)
    assert _benchmark(store, shuffled).equal_weight is not None
    assert order == list(shuffled.symbols)
