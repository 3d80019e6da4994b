"""Where the main job writes: wrapped between words, so that nothing is ever cut off."""

import io
import os
import sys
import textwrap
from contextlib import suppress

from rich.console import Console

from resources.redaction import redact_text


class _Output(io.TextIOWrapper):
    """Output that nobody may read any more: a closed pipe or a full disk stops no run."""

    _lost = False

    def write(self, text: str, /) -> int:
        """Write, unless that has failed before."""
        return len(text) if self._lost else super().write(text)

    def flush(self) -> None:
        """Write what is held back; if that fails, drop it and all that follows."""
        if self._lost:
            return
        try:
            super().flush()
        except OSError:
            self._lost = True

    def close(self) -> None:
        """Close the file; what could not be written stays unwritten."""
        with suppress(OSError):
            super().close()


def open_terminal() -> tuple[Console, Console]:
    """Return consoles for stdout and stderr.

    That for stdout has a descriptor of its own: the run's log silences those of the process.
    """
    copy = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    terminal = _Output(copy, encoding=sys.stdout.encoding)
    return Console(file=terminal, width=Console().width), Console(stderr=True)


def print_wrapped(console: Console, text: str, indent: int = 0, style: str | None = None) -> None:
    """Print lines; what does not fit goes on below, indented, and no word is broken.

    A path or an address may be longer than the terminal is wide: it stays whole, to be copied.
    """
    for line in text.split("\n"):
        wrapped = textwrap.wrap(
            line,
            console.width,
            subsequent_indent=" " * indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
        print_as_it_is(console, "\n".join(wrapped), style)


def print_error(errors: Console, text: str) -> None:
    """Print what went wrong: as one line, unless a person reads it in a terminal."""
    text = redact_text(text)
    if errors.is_terminal:
        print_wrapped(errors, text, indent=2, style="red")
    else:
        print_as_it_is(errors, text, style="red")


def print_as_it_is(console: Console, line: str, style: str | None = None) -> None:
    """Print a line that is neither wrapped nor taken for markup."""
    console.print(line, style=style or "", markup=False, highlight=False, soft_wrap=True)
