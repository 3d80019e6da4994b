"""Timing: contenders in one process, one after the other, round by round.

A machine that is busy for a while is busy for all contenders: a ratio is taken within each round,
and the median over the rounds is what counts. Timing itself is `time.perf_counter`: what libraries
for it offer (pyperf, asv) runs each contender in processes of its own, apart from its rival.
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
        Of each round, by contender; rounds stand in the same order for all.
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
        """Return the distance between its quartiles as a fraction of its median; 0 if alone."""
        several = self.seconds[contender]
        if len(several) == 1:
            return 0.0
        low, _, high = quantiles(several, method="inclusive")
        return (high - low) / median(several)

    def ratio(self, contender: str, rival: str) -> float:
        """Return how many times the rival's time the contender takes, median of the rounds."""
        pairs = zip(self.seconds[contender], self.seconds[rival], strict=True)
        return median(own / others for own, others in pairs)

    def times_as_fast(self, contender: str, rival: str) -> float:
        """Return how many times the rival's speed the contender has, median of the rounds."""
        return self.ratio(rival, contender)

    def fastest(self, *contenders: str) -> str:
        """Return which of them has the lowest median."""
        return min(contenders, key=self.median)


def interleave(title: str, contenders: Mapping[str, Contender], rounds: int) -> Timings:
    """Run every contender once to warm up, then once a round, with a bar that shows how far it is.

    The first of a round is the last of the next, so that none has the better place.
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
    """Return how long one run takes, without garbage collection meanwhile.

    What the run returns is let go after the clock has stopped.
    """
    gc.collect()
    gc.disable()
    try:
        start = time.perf_counter()
        answer = contender()
        seconds = time.perf_counter() - start
    finally:
        gc.enable()
    del answer
    return seconds


@contextmanager
def _progress(title: str, steps: int) -> Iterator[Callable[[str], None]]:
    with Progress(console=CONSOLE, transient=True, disable=not CONSOLE.is_terminal) as bar:
        task = bar.add_task(title, total=steps)

        def advance(text: str) -> None:
            bar.update(task, description=text, advance=1)

        yield advance
