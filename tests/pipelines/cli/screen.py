"""What a person sees: the screen of a terminal, after all that was written to it."""

import fcntl
import os
import pty
import struct
import sys
import termios
from collections.abc import Sequence
from pathlib import Path

import pyte

_LINES = 200


def read_screen(written: str, columns: int) -> list[str]:
    """Return the lines that a terminal shows after what was written, as far as there are any."""
    screen = pyte.Screen(columns, _LINES)
    stream = pyte.Stream(screen)
    stream.feed(written)
    lines = [line.rstrip() for line in screen.display]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def run_in_terminal(
    arguments: Sequence[str], columns: int, folder: Path, environment: dict[str, str]
) -> tuple[int, str]:
    """Run a Python program in a terminal; return its exit code and all that it wrote."""
    child, terminal = pty.fork()
    if child == 0:  # pragma: no cover - replaced by the program
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", _LINES, columns, 0, 0))
        os.chdir(folder)
        os.execve(sys.executable, [sys.executable, *arguments], environment)  # noqa: S606
    written = bytearray()
    while chunk := _read(terminal):
        written += chunk
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), written.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # the program has ended
        return b""
