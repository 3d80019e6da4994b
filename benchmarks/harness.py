"""Timing: contenders in one process, one after the other, round by round.

When the machine is busy for a while, it is busy for all contenders: a ratio is taken within each
round, and the median over the rounds counts. The clock is `time.perf_counter`: the libraries for
benchmarks (pyperf, asv) run each contender in its own processes, apart from its baseline.
"""

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

from rich.console import Console
from rich.progress import Progress

CONSOLE = Console(highlight=False)

Contender = Callable[[], Any]


@dataclass(frozen=True)
class Timings:
    """What was measured.

    Parameters
    ----------
    seconds
        Of each round, by contender; the rounds are in the same order for all.
    """

    seconds: Mapping[str, list[float]]

    @property
    def rounds(self) -> int:
        """Number of rounds."""
        return len(next(iter(self.seconds.values())))

    def median(self, contender: str) -> float:
        """Return the contender's median over the rounds, in seconds."""
        return median(self.seconds[contender])

    def spread(self, contender: str) -> float:
        """Return the interquartile range as a fraction of the median; 0 after one round."""
        seconds = self.seconds[contender]
        if len(seconds) == 1:
            return 0.0
        low, _, high = quantiles(seconds, method="inclusive")
        return (high - low) / median(seconds)

    def ratio(self, contender: str, baseline: str) -> float:
        """Return the contender's time as a multiple of the baseline's, median of the rounds."""
        pairs = zip(self.seconds[contender], self.seconds[baseline], strict=True)
        return median(own / others for own, others in pairs)

    def times_as_fast(self, contender: str, baseline: str) -> float:
        """Return the contender's speed as a multiple of the baseline's, median of the rounds."""
        return self.ratio(baseline, contender)

    def fastest(self, *contenders: str) -> str:
        """Return the one with the lowest median."""
        return min(contenders, key=self.median)


def interleave(title: str, contenders: Mapping[str, Contender], rounds: int) -> Timings:
    """Run every contender once to warm up, then once per round, with a progress bar.

    The first contender of a round is the last of the next, so that none has a better position.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    names = list(contenders)
    with _progress(title, len(names) * (rounds + 1)) as advance:
        for name in names:
            advance(f"{title}: warming up {name}")
            contenders[name]()
        for number in range(rounds):
            shift = number % len(names)
            for name in names[shift:] + names[:shift]:
                advance(f"{title}: round {number + 1} of {rounds}, {name}")
                seconds[name].append(seconds_of(contenders[name]))
    return Timings(seconds)


def seconds_of(contender: Contender) -> float:
    """Return how long one run takes, with garbage collection off.

    What the run returns is released after the clock has stopped.
    """
    gc.collect()
    gc.disable()
    try:
        start = time.perf_counter()
        returned = contender()
        seconds = time.perf_counter() - start
    finally:
        gc.enable()
    del returned
    return seconds


@contextmanager
def _progress(title: str, steps: int) -> Iterator[Callable[[str], None]]:
    with Progress(console=CONSOLE, transient=True, disable=not CONSOLE.is_terminal) as bar:
        task = bar.add_task(title, total=steps)

        def advance(text: str) -> None:
            bar.update(task, description=text, advance=1)

        yield advance
