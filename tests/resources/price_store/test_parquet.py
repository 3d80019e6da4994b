import io
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from resources.market_data.bars import data_version
from resources.market_data.sources.synthetic import SyntheticSource
from resources.price_store.errors import CorruptBarsError
from resources.price_store.merge import get_span
from resources.price_store.parquet import decode, decode_many, encode
from resources.price_store.seal import SEAL, is_sealed
from resources.price_store.store import PriceStore
from resources.price_store.stored_file import Label, StoredFile, make_label
from tests.flips import flip_bits

BARS = SyntheticSource().fetch("AAPL", date(2021, 1, 1), date(2021, 12, 31))
LABEL = make_label("files", "AAPL", BARS, get_span(BARS))
GOOD = encode(BARS, LABEL)


def _read(data: bytes, path: str = "store/AAPL.parquet") -> StoredFile:
    return decode(path, data, "files", "AAPL")


def _labelled(bars: pl.DataFrame = BARS, **changes: str | None) -> bytes:
    """Return a file with the metadata of good bars and these changes; None removes a field.

    It has no seal, as the files of earlier versions.
    """
    metadata = dict(pl.read_parquet_metadata(io.BytesIO(GOOD)))
    del metadata[SEAL]
    for name, text in changes.items():
        metadata.pop(f"gauntlet.{name}")
        if text is not None:
            metadata[f"gauntlet.{name}"] = text
    own = {name: text for name, text in metadata.items() if name.startswith("gauntlet.")}
    buffer = io.BytesIO()
    bars.write_parquet(buffer, metadata=own)
    return buffer.getvalue()


def test_bars_and_label_read_back_as_written():
    asked = (date(2020, 6, 1), date(2022, 6, 1))
    found = _read(encode(BARS, make_label("files", "AAPL", BARS, asked)))
    assert found.bars.equals(BARS)
    label = found.label
    assert (label.source, label.symbol, label.covers) == ("files", "AAPL", asked)
    assert (label.data_version, label.rows) == (data_version(BARS), BARS.height)
    assert timedelta() <= datetime.now(UTC) - label.fetched_at < timedelta(minutes=5)


def test_the_time_of_the_fetch_is_not_in_the_version():
    earlier = Label(**{**_fields(LABEL), "fetched_at": datetime(2020, 1, 1, tzinfo=UTC)})
    found = _read(encode(BARS, earlier))
    assert found.label.fetched_at == datetime(2020, 1, 1, tzinfo=UTC)
    assert found.label.data_version == LABEL.data_version


def _fields(label: Label) -> dict:
    return {name: getattr(label, name) for name in label.__dataclass_fields__}


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (lambda: b"", "parquet: File out of specification"),
        (lambda: b"garbage" * 9, "parquet: File out of specification"),
        (lambda: GOOD[:-40], "its bytes are not those that were written"),
        (lambda: _labelled(BARS[1:]), "its bars are not those of its data version"),
        (lambda: _labelled(data_version="0" * 32), "its bars are not those of its data version"),
        *(
            (partial(_labelled, BARS, **{name: None}), f"its label has no {name}")
            for name in ("source", "symbol", "covers", "fetched_at", "data_version", "rows")
        ),
        (lambda: _labelled(covers="yesterday"), "its label is invalid"),
        (lambda: _labelled(rows="many"), "its label is invalid"),
        (lambda: _labelled(BARS.drop("volume")), "its columns are not those of bars"),
        (lambda: _labelled(symbol="MSFT"), "it holds MSFT of source 'files'"),
        (lambda: _labelled(source="sample"), "it holds AAPL of source 'sample'"),
    ],
)
def test_a_corrupt_file_is_refused_by_name(made: Callable[[], bytes], reason: str):
    with pytest.raises(CorruptBarsError) as refused:
        _read(made())
    text = str(refused.value)
    assert text.startswith(f"store/AAPL.parquet is corrupt ({reason}")
    assert text.endswith("materialize its symbol's prices again.")


def _unverified(file: StoredFile) -> Exception:
    try:
        file.verified()
    except CorruptBarsError as error:
        return error
    return AssertionError("the file is said to be good")


@pytest.mark.parametrize(
    "bad",
    [b"garbage" * 9, _labelled(BARS[1:]), _labelled(symbol="MSFT")],
    ids=["garbage", "other bars", "another symbol's"],
)
def test_one_bad_file_of_several_fails_alone(bad: bytes):
    other = encode(BARS[:9], make_label("files", "AAPL", BARS[:9], get_span(BARS)))
    found = decode_many([("a", GOOD), ("b", bad), ("c", other)], "files", ["AAPL", "AAPL", "AAPL"])
    first, wrong, last = found
    assert isinstance(first, StoredFile)
    assert first.bars.equals(BARS)
    with pytest.raises(CorruptBarsError, match="b is corrupt"):
        raise wrong if isinstance(wrong, CorruptBarsError) else _unverified(wrong)
    assert isinstance(last, StoredFile)
    assert last.bars.equals(BARS[:9])


def test_no_flipped_bit_gives_other_bars_or_another_label():
    unnoticed = []
    for flipped in flip_bits(GOOD, 2000):
        try:
            unnoticed.append(_read(flipped))
        except CorruptBarsError:
            continue
    # Only in the name of the seal itself does a flip go unnoticed: the file has none then.
    assert len(unnoticed) < 10
    assert all(one.bars.equals(BARS) and one.label == LABEL for one in unnoticed)


def test_a_file_from_before_seals_is_read_and_then_sealed(tmp_path: Path):
    store = PriceStore(root=str(tmp_path))
    path = Path(store.write("files", "AAPL", BARS, LABEL.covers).path)
    path.write_bytes(_labelled())
    assert not is_sealed(path.read_bytes())
    assert store.write("files", "AAPL", BARS, LABEL.covers).outcome == "unchanged"
    assert is_sealed(path.read_bytes())
    assert store.read_file("files", "AAPL").label == LABEL
