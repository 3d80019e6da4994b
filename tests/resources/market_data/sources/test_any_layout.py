"""Random bars in random layouts are read back by value."""

import tempfile
from datetime import date, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from resources.market_data.sources.files import FilesSource

FORMATS = (
    *("%Y-%m-%d", "%Y%m%d", "%Y.%m.%d", "%Y/%m/%d", "%d-%b-%Y", "%d %B %y", "%b %d, %Y"),
    *("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%m-%d-%Y", "%Y-%m-%dT00:00:00Z", "%d.%m.%Y 00:00"),
)
STYLES = {
    "plain": lambda text: text.replace(",", ""),
    "comma": lambda text: text.replace(",", "").replace(".", ","),
    "grouped": lambda text: text,
    "German": lambda text: text.translate(str.maketrans(",.", ".,")),
    "Swiss": lambda text: text.replace(",", "'"),
    "French": lambda text: text.replace(",", "\u202f").replace(".", ","),
    "dollars": lambda text: "$" + text,
}
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be")

cents = st.integers(1, 5_000_000)
rows = st.lists(
    st.tuples(cents, cents, cents, cents, st.integers(0, 10**9)), min_size=40, max_size=60
)


@settings(max_examples=150, deadline=None)
@given(
    rows=rows,
    first=st.dates(date(1990, 1, 1), date(2040, 1, 1)),
    separator=st.sampled_from(",;\t|"),
    day_format=st.sampled_from(FORMATS),
    style=st.sampled_from(list(STYLES)),
    encoding=st.sampled_from(ENCODINGS),
    newest_first=st.booleans(),
    quoted=st.booleans(),
)
def test_any_table_in_any_layout_is_read(
    rows: list[tuple[int, ...]],
    first: date,
    separator: str,
    day_format: str,
    style: str,
    encoding: str,
    *,
    newest_first: bool,
    quoted: bool,
):
    expected, lines = [], []
    for n, (*prices, volume) in enumerate(rows):
        day, (low, *middle, high) = first + timedelta(days=n), sorted(prices)
        values = [cents / 100 for cents in (middle[0], high, low, middle[1])]
        expected.append((day, *values, float(volume), 1.0))
        cells = [day.strftime(day_format), *(STYLES[style](f"{value:,.2f}") for value in values)]
        quote = '"' if quoted or any(separator in cell for cell in cells) else ""
        cells.append(str(volume))
        lines.append(separator.join(f"{quote}{cell}{quote}" for cell in cells))
    header = separator.join(["Date", "Open", "High", "Low", "Close", "Volume"])
    text = "\n".join([header, *(lines[::-1] if newest_first else lines)])
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "TST.csv").write_bytes(text.encode(encoding))
        bars = FilesSource(folder).fetch("TST", first, date(2041, 1, 1))
    assert bars.rows() == expected
