"""Runs the cases: universe after universe, in as many processes as are given."""

import zlib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from multiprocessing import get_context

from research.calibration.cases import Case
from research.calibration.rates import CaseRates
from research.calibration.simulated_universe import (
    SimulatedVerdicts,
    judge_simulated_universe,
    list_rules,
)

_CHUNK = 5


def calibrate(
    cases: list[Case],
    universes: int,
    *,
    seed: int = 0,
    processes: int = 1,
    names: tuple[str, ...] | None = None,
) -> Iterator[tuple[Case, CaseRates]]:
    """Yield each case with its rates after every universe, and so `universes` times.

    Every universe has its own seed, which depends on the case, `seed` and its number, and not on
    the processes: the same numbers whatever their count.

    Parameters
    ----------
    names
        Of the strategies that are tried; by default those that fit no model.
    """
    names = names or list_rules()
    pool = ProcessPoolExecutor(processes, get_context("spawn")) if processes > 1 else None
    try:
        for case in cases:
            rates, seeds = (
                CaseRates(names),
                [draw_seed(case, seed, one) for one in range(universes)],
            )
            results: Iterator[SimulatedVerdicts] = (
                pool.map(
                    judge_simulated_universe, repeat(case), seeds, repeat(names), chunksize=_CHUNK
                )
                if pool
                else map(judge_simulated_universe, repeat(case), seeds, repeat(names))
            )
            for one in results:
                rates.add(one)
                yield case, rates
    finally:
        if pool:
            pool.shutdown(cancel_futures=True)


def draw_seed(case: Case, seed: int, number: int) -> int:
    """Return the seed of a universe: other cases and other numbers have others."""
    return zlib.crc32(f"{case} {seed}".encode()) * 100_000 + number
