"""Histories from the price store: adjusted, cut to the requested days, read-only."""

import gc
import weakref
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.backtest import VectorBTEngine
from engine.settings import Window
from resources.files.regular_file import RefusedFileError
from resources.market_data.bars import SCHEMA
from resources.market_data.sources.sample import SampleSource
from resources.market_data.sources.synthetic import SyntheticSource
from resources.price_store.errors import CorruptBarsError, NoStoredBarsError, PriceStoreError
from resources.price_store.history_loader import _BATCH, LoadedHistory, load_histories, to_history
from resources.price_store.spans import HistorySpec
from resources.price_store.store import PriceStore
from resources.price_store.stored_file import StoredFile
from strategies.registry import registered_strategies
from tests.histories import load_history

START, END = date(2020, 1, 1), date(2021, 12, 31)
BARS = SyntheticSource().fetch("AAPL", date(2019, 1, 1), date(2022, 6, 30))
FIELDS = ("open", "high", "low", "close", "volume")


@pytest.fixture
def store(tmp_path: Path) -> PriceStore:
    store = PriceStore(root=str(tmp_path))
    store.write("synthetic", "AAPL", BARS)
    return store


def _load(store: PriceStore, start: date = START, end: date = END) -> LoadedHistory:
    return load_history(store, "synthetic", "AAPL", start, end)


def test_a_history_has_the_bars_of_the_inclusive_window(store: PriceStore):
    first, last = date(2020, 1, 2), date(2020, 6, 30)
    history = _load(store, first, last).history
    stored = BARS.filter(pl.col("date").is_between(first, last))
    assert (history.symbol, len(history.dates)) == ("AAPL", stored.height)
    assert (history.dates[0], history.dates[-1]) == (np.datetime64(first), np.datetime64(last))
    assert history.dates.dtype == "datetime64[D]"
    for name in FIELDS:
        assert getattr(history.bars, name).tobytes() == stored[name].to_numpy().tobytes()


@pytest.mark.parametrize("name", FIELDS)
def test_arrays_are_contiguous_float64_and_read_only(store: PriceStore, name: str):
    array = getattr(_load(store).history.bars, name)
    assert array.dtype == np.float64
    assert array.flags.c_contiguous
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1.0


def test_bars_outside_the_window_change_neither_bars_nor_version(tmp_path: Path):
    narrow = PriceStore(root=str(tmp_path / "narrow"))
    narrow.write(
        "synthetic", "AAPL", BARS.filter(pl.col("date").is_between(START, END)), (START, END)
    )
    wide = PriceStore(root=str(tmp_path / "wide"))
    for frame in (BARS[:400], BARS[350:]):  # in two writes, so in several chunks
        wide.write("synthetic", "AAPL", frame)
    seen, seen_in_wide = _load(narrow), _load(wide)
    assert seen.data_version == seen_in_wide.data_version
    assert seen.history.dates.tobytes() == seen_in_wide.history.dates.tobytes()
    for name in FIELDS:
        bits = [getattr(one.history.bars, name).tobytes() for one in (seen, seen_in_wide)]
        assert bits[0] == bits[1]


def test_other_days_and_revised_bars_have_another_version(store: PriceStore):
    versions = [_load(store).data_version, _load(store, START + timedelta(days=7)).data_version]
    store.write("synthetic", "AAPL", BARS.with_columns(volume=pl.col("volume") + 1))
    versions.append(_load(store).data_version)
    assert len(set(versions)) == 3


@pytest.mark.parametrize("name", registered_strategies())
def test_every_strategy_runs_on_a_loaded_history(store: PriceStore, name: str):
    history = _load(store).history
    window = Window(date(2021, 1, 1), END)
    outcome = VectorBTEngine().run_batch([history], registered_strategies()[name](), window)
    assert outcome.failures == []
    assert outcome.results[0].first_session == date(2021, 1, 4)


def test_prices_are_adjusted_and_volume_is_as_traded(tmp_path: Path):
    before, after = date(2005, 2, 25), date(2005, 2, 28)  # Apple, two for one
    raw = SampleSource().fetch("AAPL", date(2005, 1, 3), date(2005, 3, 31))
    store = PriceStore(root=str(tmp_path))
    store.write("sample", "AAPL", raw)
    history = load_history(store, "sample", "AAPL", before, after).history
    traded = raw.filter(pl.col("date").is_in([before, after]))
    assert traded["close"][1] / traded["close"][0] == pytest.approx(0.5, abs=0.02)
    assert history.bars.close[1] / history.bars.close[0] == pytest.approx(1.0, abs=0.02)
    for name in ("open", "high", "low", "close"):
        adjusted = traded[name] * traded["adjustment"]
        assert getattr(history.bars, name).tolist() == adjusted.to_list()
    assert history.bars.volume.tolist() == traded["volume"].to_list()


@settings(deadline=None)
@given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_an_adjusted_bar_stays_valid(factor: float, price: float):
    above = float(np.nextafter(price, np.inf))
    numbers = (price, above, price, price, 1000.0, factor)
    bars = pl.DataFrame([(START, *numbers)], schema=dict(SCHEMA), orient="row")
    adjusted = to_history(HistorySpec("AAPL", bars["date"][0], bars["date"][-1]), bars).bars
    assert adjusted.low[0] <= adjusted.open[0] == adjusted.close[0] <= adjusted.high[0]
    assert adjusted.volume[0] == 1000.0


def test_an_error_for_missing_days_says_to_materialize_prices(store: PriceStore):
    with pytest.raises(NoStoredBarsError, match="materialize prices for this window first"):
        _load(store, date(2023, 1, 1), date(2023, 2, 1))


def _universe(store: PriceStore, count: int) -> list[str]:
    symbols = [f"S{number:03}" for number in range(count)]
    for number, symbol in enumerate(symbols):
        store.write("synthetic", symbol, BARS.slice(number, 100))
    return symbols


def _specs(symbols: list[str]) -> list[HistorySpec]:
    """Return the days that `_universe` stores of each symbol."""
    dates = BARS["date"]
    return [HistorySpec(symbol, dates[n], dates[n + 99]) for n, symbol in enumerate(symbols)]


def test_many_histories_are_loaded_in_order_as_if_alone(store: PriceStore):
    symbols = _universe(store, 200)
    first, last = BARS["date"][199], BARS["date"][99]
    wanted = _specs(symbols)
    assert first > last  # ragged: no day is in all histories
    loaded = list(load_histories(store, "synthetic", wanted))
    assert [symbol for symbol, _ in loaded] == symbols
    for asked, (_, one) in zip(wanted, loaded, strict=True):
        alone = load_history(store, "synthetic", *asked[:3])
        assert isinstance(one, LoadedHistory)
        assert one.data_version == alone.data_version
        assert one.history.symbol == alone.history.symbol
        for name in FIELDS:
            mine, its = (getattr(each.history.bars, name) for each in (one, alone))
            assert mine.tobytes() == its.tobytes()
            assert not mine.flags.writeable


def test_a_symbol_that_cannot_be_loaded_fails_alone(store: PriceStore):
    symbols = _universe(store, 6)
    corrupt = Path(store.path_of("synthetic", symbols[1]))
    corrupt.write_bytes(corrupt.read_bytes()[:-30])
    Path(store.path_of("synthetic", symbols[3])).unlink()
    Path(store.path_of("synthetic", symbols[4])).unlink()
    Path(store.path_of("synthetic", symbols[4])).mkdir()
    days = {s: (BARS["date"][n], BARS["date"][n + 99]) for n, s in enumerate(symbols)}
    days[symbols[5]] = (date(2001, 1, 1), date(2001, 2, 1))
    days["../S000"] = days[symbols[0]]
    loaded = dict(load_histories(store, "synthetic", [HistorySpec(s, *days[s]) for s in days]))
    assert [type(one) for one in loaded.values()] == [
        LoadedHistory,
        CorruptBarsError,
        LoadedHistory,
        NoStoredBarsError,
        RefusedFileError,
        NoStoredBarsError,
        PriceStoreError,
    ]
    assert f"{corrupt} is corrupt" in str(loaded[symbols[1]])


def test_a_root_with_brackets_is_not_a_pattern(request: pytest.FixtureRequest):
    store, fs = PriceStore(root="memory://run[1]/prices"), fsspec.filesystem("memory")
    request.addfinalizer(lambda: [fs.rm_file(file) for file in fs.find("/run[1]")])
    symbols = _universe(store, 3)
    wanted = _specs(symbols)
    loaded = [one for _, one in load_histories(store, "synthetic", [*wanted, *wanted])]
    assert [one.history.symbol for one in loaded if isinstance(one, LoadedHistory)] == symbols * 2


def test_only_a_few_batches_are_held_in_memory(store: PriceStore, monkeypatch: pytest.MonkeyPatch):
    """Frames are released while histories are consumed: counted by weak references."""
    symbols = _universe(store, 130)
    wanted = _specs(symbols) * 16
    held: list[weakref.ref[pl.DataFrame]] = []
    histories: list[weakref.ref[LoadedHistory]] = []
    most, read_many = 0, PriceStore.read_many

    def counted(self: PriceStore, source: str, batch: list[str]) -> list[StoredFile | Exception]:
        found = read_many(self, source, batch)
        held.extend(weakref.ref(one.bars) for one in found if isinstance(one, StoredFile))
        return found

    monkeypatch.setattr(PriceStore, "read_many", counted)
    for number, (_, loaded) in enumerate(load_histories(store, "synthetic", wanted)):
        assert isinstance(loaded, LoadedHistory)
        histories.append(weakref.ref(loaded))
        if number % 100 == 0:
            gc.collect()
            most = max(most, _alive(held))
            assert _alive(histories) <= 2
    assert len(held) == len(wanted)
    assert most <= 3 * _BATCH


def _alive(references: Sequence[weakref.ref[Any]]) -> int:
    return sum(reference() is not None for reference in references)


def test_only_a_few_batches_are_read_ahead(store: PriceStore):
    symbols = _universe(store, 3)
    asked: list[int] = []

    def wanted():
        for number in range(100_000):
            asked.append(number)
            place = number % 3
            yield HistorySpec(symbols[place], BARS["date"][place], BARS["date"][place + 99])

    loaded = load_histories(store, "synthetic", wanted())
    for _ in range(500):
        next(loaded)
    assert len(asked) <= 500 + 2 * _BATCH
    loaded.close()  # pyright: ignore[reportAttributeAccessIssue]


def test_no_specs_load_nothing(store: PriceStore):
    assert list(load_histories(store, "synthetic", [])) == []
