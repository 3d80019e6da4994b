"""The equal-weight universe is computed once for the same files, and again when one changes."""

from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import fsspec
import polars as pl
import pytest

from engine.equal_weight import EqualWeight
from engine.settings import Window
from resources.market_data.sources.synthetic import SyntheticSource
from resources.price_store import equal_weight_file, history_loader
from resources.price_store.equal_weight_file import load_equal_weight
from resources.price_store.history_loader import load_histories
from resources.price_store.price_quality import JumpRule
from resources.price_store.spans import HistorySpec
from resources.price_store.store import PriceStore
from tests.flips import flip_bits

DAYS = date(2021, 1, 4), date(2021, 6, 30)
WINDOW = Window(date(2021, 3, 1), DAYS[1])
SYMBOLS = ["A", "B", "C"]
SPECS = [HistorySpec(symbol, *DAYS) for symbol in SYMBOLS]


@pytest.fixture
def store(tmp_path: Path) -> PriceStore:
    store = PriceStore(root=str(tmp_path / "prices"))
    for symbol in SYMBOLS:
        store.write("synthetic", symbol, SyntheticSource().fetch(symbol, *DAYS), DAYS)
    return store


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list to which every decoded symbol is added."""
    loaded: list[str] = []

    def watched(*args: Any) -> Any:
        for symbol, one in load_histories(*args):
            loaded.append(symbol)
            yield symbol, one

    monkeypatch.setattr(history_loader, "load_histories", watched)
    return loaded


def _load(store: PriceStore, specs: Any = SPECS, window: Window = WINDOW) -> EqualWeight:
    return load_equal_weight(store, "synthetic", specs, window, JumpRule())[0]


def _universe(store: PriceStore) -> EqualWeight:
    every = [one for _, one in load_histories(store, "synthetic", SPECS)]
    return EqualWeight.of([one.history for one in every if not isinstance(one, Exception)], WINDOW)


def _scale(store: PriceStore, symbol: str, factor: float) -> None:
    bars = store.read("synthetic", symbol)
    scaled = bars.with_columns(pl.col("open", "high", "low", "close") * factor)
    store.write("synthetic", symbol, scaled, DAYS)


def test_a_universe_is_computed_once_and_has_the_same_bits(store: PriceStore, loads: list[str]):
    computed = _load(store)
    assert loads == SYMBOLS
    cached = _load(store)
    assert loads == SYMBOLS
    for one in (computed, cached):
        assert one.level.tobytes() == _universe(store).level.tobytes()
        assert one.dates.tobytes() == _universe(store).dates.tobytes()
        assert one.dates.dtype == _universe(store).dates.dtype
        assert (one.symbols, one.version) == (3, _universe(store).version)


@pytest.mark.parametrize("change", ["bars", "days", "order", "fewer", "code", "calendars"])
def test_a_changed_universe_is_computed_again(
    store: PriceStore, loads: list[str], change: str, monkeypatch: pytest.MonkeyPatch
):
    _load(store)
    loads.clear()
    specs, window = SPECS, WINDOW
    if change == "bars":
        _scale(store, "C", 0.5)
    elif change == "days":
        window = Window(date(2021, 3, 2), DAYS[1])
    elif change == "code":
        monkeypatch.setattr(equal_weight_file, "engine_version", lambda: "edited")
    elif change == "calendars":
        newer = {"polars": version("polars"), "exchange_calendars": "99"}
        monkeypatch.setattr(equal_weight_file, "version", newer.__getitem__)
    else:
        specs = SPECS[::-1] if change == "order" else SPECS[:2]
    found = _load(store, specs, window)
    assert len(loads) == len(specs)
    if change == "bars":
        assert found.version == _universe(store).version


def test_a_corrupt_price_file_is_left_out_until_it_is_fixed(store: PriceStore, loads: list[str]):
    path = Path(store.path_of("synthetic", "C"))
    content = path.read_bytes()
    path.write_bytes(content[:-50])
    without = _load(store)
    assert without.symbols == 2
    loads.clear()
    assert _load(store).version == without.version
    assert not loads
    path.write_bytes(content)
    assert _load(store).symbols == 3


@pytest.mark.parametrize("what", ["changed", "unreadable"])
def test_a_result_of_changing_files_is_not_cached(
    store: PriceStore, monkeypatch: pytest.MonkeyPatch, what: str
):
    def disturbed(*args: Any) -> Any:
        if what == "changed":
            _scale(store, "B", 0.5)
        for symbol, loaded in load_histories(*args):
            failing = what == "unreadable" and symbol == "B"
            yield symbol, OSError("for a moment") if failing else loaded

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(history_loader, "load_histories", disturbed)
        _load(store)
    if what == "changed":
        _scale(store, "B", 2.0)
    assert _load(store).version == _universe(store).version


@pytest.mark.parametrize("spoil", ["flip", "truncate"])
def test_a_damaged_file_is_computed_again(store: PriceStore, loads: list[str], spoil: str):
    computed = _load(store)
    (path,) = Path(store.root).rglob("*.npz")
    content = bytearray(path.read_bytes())
    for place in range(0, len(content), 97):
        if spoil == "flip":
            content[place] ^= 1
    path.write_bytes(content if spoil == "flip" else content[: len(content) // 2])
    loads.clear()
    assert _load(store).level.tobytes() == computed.level.tobytes()
    assert loads == SYMBOLS


def test_no_flipped_bit_gives_another_universe(store: PriceStore):
    _load(store)
    (path,) = Path(store.root).rglob("*.npz")
    fs = fsspec.filesystem("file")
    assert equal_weight_file._read(fs, str(path)) is not None
    for flipped in flip_bits(path.read_bytes(), 400):
        path.write_bytes(flipped)
        assert equal_weight_file._read(fs, str(path)) is None


def test_the_oldest_files_are_removed(store: PriceStore, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(equal_weight_file, "_MAX_FILES", 2)
    for day in range(1, 5):
        _load(store, window=Window(date(2021, 3, day), DAYS[1]))
    assert len(list(Path(store.root).rglob("*.npz"))) == 2


def test_the_cache_is_not_a_symbol_of_the_store(store: PriceStore):
    _load(store)
    assert store.symbols("synthetic") == set(SYMBOLS)
    assert store.sources() == ["synthetic"]


def test_digests_are_of_the_files_that_exist(store: PriceStore):
    assert set(store.digests("synthetic", [*SYMBOLS, "MISSING", "no symbol"])) == set(SYMBOLS)
    assert store.digests("synthetic", []) == {}
