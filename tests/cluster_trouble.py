"""A strategy that gets into trouble on a worker, as often as a file says; never in the driver."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from strategies.base import Bars, Signals, Strategy

FOLDER = "GAUNTLET_TEST_TROUBLE"
"""The variable with the folder of the files; set for workers only."""

LIE = "lie"


@dataclass(frozen=True)
class Trouble(Strategy):
    """In on odd bars, out on even ones, if it gets so far."""

    @property
    def lookback_bars(self) -> int:
        return 1

    def signals(self, bars: Bars) -> Signals:
        met = ""
        if folder := os.environ.get(FOLDER):
            met = _meet(Path(folder), f"{bars.close[-1]:.9f}")
        odd = np.arange(len(bars)) % (3 if met == LIE else 2) == 1
        return Signals(odd, ~odd)


def plant(folder: Path, close: float, what: str, times: int = 1) -> Path:
    """Plant trouble for the symbol with this last close; return the file of who met it."""
    (folder / f"{close:.9f}").write_text(f"{what} {times}")
    return folder / f"{close:.9f}.met"


def _meet(folder: Path, name: str) -> str:
    """Get into the trouble that is planted; return what it was, if that can be told."""
    try:
        what, times = (folder / name).read_text().split()
    except FileNotFoundError:
        return ""
    with (folder / f"{name}.met").open("a") as met:
        met.write(f"{os.getpid()}\n")
    if len((folder / f"{name}.met").read_text().split()) > int(times):
        return ""
    _TROUBLES[what](folder)
    return what


def _raise(_: Path) -> None:
    raise OverflowError("too much for me")


def _kill(_: Path) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _hang(_: Path) -> None:
    while True:
        time.sleep(1.0)


def _wait(folder: Path) -> None:
    while not (folder / "go").exists():
        time.sleep(0.05)


def _eat(_: Path) -> None:
    eaten = []
    while True:
        eaten.append(bytearray(os.urandom(1)) * 20_000_000)
        time.sleep(0.05)


def _lie(_: Path) -> None:
    """Give other signals than the driver."""


_TROUBLES = {
    "raise": _raise,
    "kill": _kill,
    "hang": _hang,
    "wait": _wait,
    "eat": _eat,
    LIE: _lie,
}
