"""Half-spreads from a price file to a history; bars without them are stored as ever."""

import io
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from resources.market_data.bars import SCHEMA, SCHEMA_WITH_SPREAD, data_version
from resources.market_data.sources.synthetic import SyntheticSource
from resources.price_store.merge import Difference, merge
from resources.price_store.parquet import decode_many, encode
from resources.price_store.store import PriceStore
from resources.price_store.stored_file import StoredFile, make_label
from tests.histories import load_history

START, END = date(2021, 1, 4), date(2021, 3, 31)
BARS = SyntheticSource().fetch("AAPL", START, END)
SPREADS = np.linspace(0.0, 0.01, BARS.height)
WITH = BARS.with_columns(half_spread=pl.Series(SPREADS))


@pytest.fixture
def store(tmp_path: Path) -> PriceStore:
    return PriceStore(root=str(tmp_path))


def test_a_history_has_the_half_spreads_that_were_written(store: PriceStore):
    stored = store.write("files", "AAPL", WITH)
    loaded = load_history(store, "files", "AAPL", START, END)
    assert loaded.data_version == stored.data_version == data_version(WITH)
    spread = loaded.history.half_spread
    assert spread is not None
    assert spread.tolist() == SPREADS.tolist()
    assert not spread.flags.writeable
    part = load_history(store, "files", "AAPL", WITH["date"][3], WITH["date"][5])
    assert part.history.half_spread is not None
    assert part.history.half_spread.tolist() == SPREADS[3:6].tolist()


def test_bars_without_them_are_stored_without_the_column(store: PriceStore):
    stored = store.write("files", "AAPL", BARS)
    assert pl.read_parquet_schema(stored.path) == pl.Schema(SCHEMA)
    assert load_history(store, "files", "AAPL", START, END).history.half_spread is None
    # That of the release before there was such a column.
    assert stored.data_version == data_version(BARS) == "e1db122015f168ad8f4b5c7158f64fdb"


def test_files_with_and_without_them_are_read_together():
    frames = [BARS, WITH, BARS]
    names = ["A", "B", "C"]
    files = [
        (name, encode(frame, make_label("files", name, frame, (START, END))))
        for name, frame in zip(names, frames, strict=True)
    ]
    found = decode_many(files, "files", names)
    for one, frame in zip(found, frames, strict=True):
        assert isinstance(one, StoredFile)
        assert one.verified().bars.equals(frame)


@pytest.mark.parametrize(("stored", "fetched"), [(BARS, WITH), (WITH, BARS)])
def test_bars_that_get_or_lose_them_are_revised(stored: pl.DataFrame, fetched: pl.DataFrame):
    merged, outcome, difference = merge(stored, fetched)
    assert merged.equals(fetched)
    assert (outcome, difference) == ("revised", Difference(BARS["date"][0], BARS.height))


def test_a_changed_half_spread_is_a_revision_that_is_kept(store: PriceStore):
    before = store.write("files", "AAPL", WITH)
    changed = WITH.with_columns(
        half_spread=pl.Series(np.where(np.arange(BARS.height) == 4, 0.2, SPREADS))
    )
    after = store.write("files", "AAPL", changed)
    assert after.data_version != before.data_version
    assert after.revision is not None
    assert (after.revision.first_changed, after.revision.changed_bars) == (BARS["date"][4], 1)
    kept = store.load("files", "AAPL", START, END, before.data_version)
    assert kept.equals(WITH)
    assert kept.schema == pl.Schema(SCHEMA_WITH_SPREAD)


def test_later_bars_with_half_spreads_extend_the_stored_ones(store: PriceStore):
    store.write("files", "AAPL", WITH.head(30))
    assert store.write("files", "AAPL", WITH.tail(WITH.height - 20)).outcome == "extended"
    assert store.read("files", "AAPL").equals(WITH)


def test_a_flipped_bit_of_a_half_spread_is_found(store: PriceStore):
    stored = store.write("files", "AAPL", WITH)
    content = bytearray(Path(stored.path).read_bytes())
    place = content.find(io.BytesIO(SPREADS[7:9].tobytes()).read()[:3])
    content[place if place > 0 else len(content) // 2] ^= 1
    Path(stored.path).write_bytes(bytes(content))
    (found,) = store.read_many("files", ["AAPL"])
    assert "its bytes are not those that were written" in str(found)
