"""Timing: contenders in one process, one after the other, round by round.

What is timed is the processor (see `clock`), unless a benchmark says otherwise: neighbours on a
busy machine take turns with a contender, and their turns don't count. What they still do, such as
emptying its caches, they do for a while and so to all contenders: a ratio is taken within each
round, and the median over the rounds counts. The libraries for benchmarks (pyperf, asv) run each
contender in its own processes, apart from its baseline.
"""

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

from rich.console import Console
from rich.progress import Progress

from benchmarks.clock import Clock, cpu_seconds

CONSOLE = Console(highlight=False)

Contender = Callable[[], Any]

FEWEST_ROUNDS = 3
"""So many are timed at least, where so many are asked for."""

STEADY = 0.06
"""With ratios that spread no more than this, the rest of the rounds would change nothing."""


@dataclass(frozen=True)
class Timings:
    """What was measured.

    Parameters
    ----------
    seconds
        Of each round, by the clock, by contender; the rounds are in the same order for all.
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
        return _spread(self.seconds[contender])

    def ratio(self, contender: str, baseline: str) -> float:
        """Return the contender's time as a multiple of the baseline's, median of the rounds."""
        return median(self._ratios(contender, baseline))

    @property
    def steady(self) -> bool:
        """Whether each contender's time, as a multiple of the first's, hardly spreads."""
        first = next(iter(self.seconds))
        return all(_spread(self._ratios(name, first)) <= STEADY for name in self.seconds)

    def times_as_fast(self, contender: str, baseline: str) -> float:
        """Return the contender's speed as a multiple of the baseline's, median of the rounds."""
        return self.ratio(baseline, contender)

    def fastest(self, *contenders: str) -> str:
        """Return the one with the lowest median."""
        return min(contenders, key=self.median)

    def _ratios(self, contender: str, baseline: str) -> list[float]:
        pairs = zip(self.seconds[contender], self.seconds[baseline], strict=True)
        return [own / others for own, others in pairs]


def _spread(values: list[float]) -> float:
    if len(values) == 1:
        return 0.0
    low, _, high = quantiles(values, method="inclusive")
    return (high - low) / median(values)


def interleave(
    title: str, contenders: Mapping[str, Contender], rounds: int, clock: Clock = cpu_seconds
) -> Timings:
    """Run every contender once to warm up, then once per round, with a progress bar.

    The first contender of a round is the last of the next, so that none has a better position.
    There are `rounds` rounds, or fewer when the ratios are steady.
    """
    timings = Timings({name: [] for name in contenders})
    names = list(contenders)
    with _progress(title, len(names) * (rounds + 1)) as advance:
        for name in names:
            advance(f"{title}: warming up {name}")
            contenders[name]()
        for number in range(rounds):
            shift = number % len(names)
            for name in names[shift:] + names[:shift]:
                advance(f"{title}: round {number + 1} of {rounds}, {name}")
                timings.seconds[name].append(seconds_of(contenders[name], clock))
            if timings.rounds >= FEWEST_ROUNDS and timings.steady:
                break
    return timings


def seconds_of(contender: Contender, clock: Clock = cpu_seconds) -> float:
    """Return what one run takes, with garbage collection off.

    What the run returns is released after the clock has stopped.
    """
    gc.collect()
    gc.disable()
    try:
        start = clock()
        returned = contender()
        seconds = clock() - start
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
