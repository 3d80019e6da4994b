import io
from datetime import date

import polars as pl
import pytest

from resources.market_data.bars import data_version
from resources.market_data.parquet import VERSION_KEY, CorruptBarsError, coverage, decode, encode
from resources.market_data.synthetic import SyntheticSource

BARS = SyntheticSource().fetch("AAPL", date(2021, 1, 1), date(2021, 12, 31))


def rewritten(bars: pl.DataFrame, metadata: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    bars.write_parquet(buffer, metadata=metadata)
    return buffer.getvalue()


def test_bars_come_back_as_they_were_and_the_file_carries_their_version():
    data = encode(BARS, data_version(BARS))
    assert decode("AAPL.parquet", data).equals(BARS)
    assert pl.read_parquet_metadata(io.BytesIO(data))[VERSION_KEY] == data_version(BARS)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "parquet: File out of specification"),
        (b"garbage" * 9, "parquet: File out of specification"),
        (encode(BARS, data_version(BARS))[:-40], "parquet: File out of specification"),
        (encode(BARS[1:], data_version(BARS)), "its bars are not those of its data version"),
        (rewritten(BARS, {}), "its bars are not those of its data version"),
        (rewritten(BARS.drop("volume"), {}), "its columns are not those of bars"),
    ],
    ids=["empty", "garbage", "cut off", "other bars", "no version", "other columns"],
)
def test_a_file_that_is_not_what_was_written_is_refused_by_name(data: bytes, reason: str):
    with pytest.raises(CorruptBarsError) as refused:
        decode("store/AAPL.parquet", data)
    text = str(refused.value)
    assert text.startswith(f"store/AAPL.parquet is corrupt ({reason}")
    assert text.endswith("materialize its symbol's prices again.")


def test_a_file_says_which_days_it_covers():
    asked = (date(2020, 6, 1), date(2022, 6, 1))
    assert coverage("x", encode(BARS, data_version(BARS), asked)) == asked
    assert coverage("x", encode(BARS, data_version(BARS))) == (date(2021, 1, 4), date(2021, 12, 31))
    silent = rewritten(BARS, {VERSION_KEY: data_version(BARS)})
    with pytest.raises(CorruptBarsError, match="it does not say which days it covers"):
        coverage("x", silent)


def test_no_flipped_byte_goes_unnoticed_as_other_bars():
    data = encode(BARS, data_version(BARS))
    for position in range(0, len(data), 101):
        flipped = bytearray(data)
        flipped[position] ^= 0x55
        try:
            found = decode("AAPL.parquet", bytes(flipped))
        except CorruptBarsError:
            continue
        assert found.equals(BARS)
