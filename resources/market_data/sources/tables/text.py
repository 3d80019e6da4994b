"""Text files of prices: their separator and header, found by the names of columns.

Sniffers of dialects (csv.Sniffer, DuckDB, polars) look at how regular the lines are, and are misled
by lines above the header, by several rows of names and by UTF-16. A line whose cells are known
names of columns is the header, and what separates these names is the separator.
"""

import csv
import io
import re
from dataclasses import dataclass

import polars as pl

from resources.market_data.sources.tables.columns import ColumnNames, Found
from resources.market_data.sources.tables.encoding import decode
from resources.market_data.sources.tables.headless import find_positions
from resources.market_data.sources.tables.table import RefusedContentError, Table

SEPARATORS = ",;\t|"
_HEAD = 65_536  # characters that are looked at; a line of prices has a hundred
_MOST_LINES = 40
_MOST_SUBHEADERS = 3
_ALL_PRICES = 4
_SEP_LINE = re.compile(r"\"?sep=([,;|\t:^ ])\"?\r?\n", re.IGNORECASE)  # as Excel writes it


@dataclass(frozen=True, slots=True)
class _Header:
    """Where the rows of a file begin, and what the lines before them say."""

    separator: str
    names: list[str]
    start: int
    date: int | None = None
    has_header: bool = True


def read_text(content: bytes, columns: ColumnNames, symbol: str, most_rows: int) -> Table:
    """Return the cells of a text file as text, at most `most_rows` + 1 rows.

    Raises RefusedContentError, and what polars raises.
    """
    text = decode(content).lstrip("\r\n")
    if not text.strip():
        raise RefusedContentError("empty CSV")
    try:
        header = _find_header(text, columns, symbol)
    except csv.Error as error:
        raise RefusedContentError(f"its first lines are no CSV: {error}") from error
    positions = header.separator.join(str(position) for position in range(len(header.names)))
    cells = pl.read_csv(
        io.BytesIO(f"{positions}\n{text[header.start :]}".encode()),
        separator=header.separator,
        infer_schema=False,
        n_rows=most_rows + 1,
    )
    return Table(cells, tuple(header.names), header.separator, header.date, header.has_header)


def _find_header(text: str, columns: ColumnNames, symbol: str) -> _Header:
    """Return the first line with the names of date and prices, else the one with most of them."""
    head = text[:_HEAD]
    lines = [line + "\n" for line in head.split("\n", _MOST_LINES)[:_MOST_LINES]]
    separators, offset = SEPARATORS, 0
    if told := _SEP_LINE.match(lines[0]):
        separators, offset = told[1], len(lines[0])
        lines = lines[1:]
    best = _find_names(head, lines, separators, columns, symbol)
    if best is None:
        return _without_header(lines, separators, offset)
    names = [name.strip() for name in best.rows[best.line]]
    below = best.rows[best.line + 1 :]
    date, skipped = _skip_subheaders(below, best.found, columns, symbol)
    first = below[skipped] if len(below) > skipped else []
    names = _fit(names, first, has_date=date is not None or "date" in best.found)
    start = offset + best.starts[best.line + 1 + skipped]
    return _Header(best.separator, names, start, date)


@dataclass(frozen=True, slots=True)
class _Names:
    """A line with names of columns, among the first rows, and where each of these begins."""

    separator: str
    rows: list[list[str]]
    starts: list[int]
    line: int
    found: Found


def _find_names(
    head: str, lines: list[str], separators: str, columns: ColumnNames, symbol: str
) -> _Names | None:
    """Return the line with the most names of columns, two of them prices; None if there is none."""
    best, most = None, 0
    for separator in separators:
        if separator not in head:
            continue
        rows, starts = _split(lines, separator)
        for line, names in enumerate(rows):
            found = columns.find(names, symbol)
            prices = _count_prices(found)
            if len(found) > most and prices > 1:
                best, most = _Names(separator, rows, starts, line, found), len(found)
                if prices >= _ALL_PRICES and "date" in found:
                    return best
    return best


def _split(lines: list[str], separator: str) -> tuple[list[list[str]], list[int]]:
    """Return the cells of the first lines, and where each row begins, with the end of the last."""
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True)
    rows, starts, done = [], [0], 0
    for row in reader:
        rows.append(row)
        starts.append(starts[-1] + sum(len(line) for line in lines[done : reader.line_num]))
        done = reader.line_num
    return rows, starts


def _count_prices(found: Found) -> int:
    return sum(role.removeprefix("adjusted_") in {"open", "high", "low", "close"} for role in found)


def _skip_subheaders(
    below: list[list[str]], found: Found, columns: ColumnNames, symbol: str
) -> tuple[int | None, int]:
    """Return where the dates are, if a line below the header says so, and how many lines to skip.

    pandas writes one line per level of its names (tickers below prices), and then a line with the
    name of the dates alone. No such line has a digit in its dates or a number among its prices.
    """
    date = found.get("date", [0])[0]
    prices = [at[0] for role, at in found.items() if _count_prices({role: at})]
    named, skipped = None, 0
    for row in below[:_MOST_SUBHEADERS]:
        cells = [cell.strip() for cell in row]
        if not any(cells) or len(cells) <= max(date, *prices):
            break
        filled = [at for at, cell in enumerate(cells) if cell]
        if any(digit.isdigit() for digit in cells[date]) or any(
            _is_number(cells[at]) for at in prices
        ):
            break
        skipped += 1
        if len(filled) == 1 and "date" in columns.find([cells[filled[0]]], symbol):
            named = filled[0]
    return named, skipped


def _is_number(cell: str) -> bool:
    return cell.replace(".", "").replace(",", "").strip("$€£ ").isdigit()


def _fit(names: list[str], first: list[str], *, has_date: bool) -> list[str]:
    """Return the names for the cells of the first row, where it has more of them.

    One more is a separator at the end of each line, or an index whose name was left out.
    """
    if len(first) != len(names) + 1:
        return names
    if not first[-1].strip():
        return [*names, ""]
    return names if has_date else ["", *names]


def _without_header(lines: list[str], separators: str, offset: int) -> _Header:
    """Return the columns of a file without names, told apart by what they hold."""
    separator = max(separators, key=lines[0].count)
    rows, starts = _split(lines, separator)
    names = find_positions(rows)
    if names is not None:
        return _Header(separator, names, offset, has_header=False)
    return _Header(separator, [name.strip() for name in rows[0]], offset + starts[1])
