"""Reads the user's CSV files, which nobody has checked: each error is one line with file and line.

Imported when definitions load: standard library only.
"""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from resources.files.regular_file import NotAFileError, RefusedFileError, read_regular
from strategies.errors import GauntletError

MAX_BYTES = 16 * 2**20
MAX_LINE = 4096


def read_rows(
    path: str | Path, kind: str, column: str, refused: type[GauntletError]
) -> Iterator[tuple[int, list[str]]]:
    """Return (line number, stripped cells) of every row that is not blank, the header first.

    UTF-8, with or without a byte order mark. `kind` is what the file is and `column` what it must
    have, for the text of errors. Raises `refused`.
    """
    return _parse_rows(path, _read_text(Path(path), kind, column, refused), refused)


def _read_text(path: Path, kind: str, column: str, refused: type[GauntletError]) -> str:
    needed = f"a CSV file with a column '{column}' is needed."
    try:
        text = read_regular(path, MAX_BYTES).decode("utf-8-sig")
    except FileNotFoundError as error:
        raise refused(f"{path} does not exist: {needed}") from error
    except NotAFileError as error:
        raise refused(f"{path} is not a file but {error.kind}: {needed}") from error
    except RefusedFileError as error:
        raise refused(f"{path} is larger than {MAX_BYTES // 2**20} MiB: not a {kind}.") from error
    except UnicodeDecodeError as error:
        raise refused(f"{path} is not UTF-8 text (byte {error.start}).") from error
    except OSError as error:
        raise refused(f"{path} cannot be read: {error.strerror}.") from error
    if "\0" in text:
        raise refused(f"{path} is not text: it has a NUL character.")
    return text


def _parse_rows(
    path: str | Path, text: str, refused: type[GauntletError]
) -> Iterator[tuple[int, list[str]]]:
    lines = io.StringIO(text, newline="")
    reader = csv.reader(_bound_lines(path, lines, refused), strict=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise refused(f"{path}, line {reader.line_num}: {error}.") from error


def _bound_lines(
    path: str | Path, lines: io.StringIO, refused: type[GauntletError]
) -> Iterator[str]:
    for number, line in enumerate(lines, start=1):
        if len(line) > MAX_LINE:
            raise refused(f"{path}, line {number}: longer than {MAX_LINE} characters.")
        yield line
