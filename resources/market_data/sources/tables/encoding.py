"""Text files of prices: from bytes to characters."""

import codecs

from resources.market_data.sources.tables.table import RefusedContentError

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_MANY_ZEROS = 20  # of a hundred bytes: every other byte of Latin letters in UTF-16


def decode(content: bytes) -> str:
    """Return the text of a file: UTF-8, UTF-16 with or without a mark, else Windows' Latin-1.

    Raises RefusedContentError for what is no text.
    """
    encoding = next((name for mark, name in _MARKS.items() if content.startswith(mark)), None)
    if encoding is None:
        zeros = [content[start:200:2].count(0) for start in (0, 1)]
        even, odd = (count > _MANY_ZEROS for count in zeros)
        encoding = "utf-16-be" if even else "utf-16-le" if odd else "utf-8"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        try:
            text = content.decode("cp1252")
        except UnicodeDecodeError as error:
            raise RefusedContentError("it is no text in UTF-8, UTF-16 or Latin-1") from error
    if "\0" in text:
        raise RefusedContentError("it has NUL characters; allowed: plain text")
    return text if "\n" in text else text.replace("\r", "\n")
