"""Are splits that a feed does not adjust found, and real gaps left alone?

Generated histories of three years: a random walk with overnight moves of 0.4 % and lognormal
volume, every other with a correlation of 0.7 from one session to the next. Each has one split,
whose ratio scales the volume; or one gap, a fall of 23 to 60 % or a rise of 25 to 150 %, half of
them with volume of 3 to 10 times the usual that decays within days, half with none; or neither. The
share of each that the check `jumps_are_explained` accuses is shown, at its default odds.

Compared with: a table of the usual ratios up to 10-for-1, and a night within 2 % of one.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import partial

import numpy as np

from benchmarks.benchmark import Benchmark, Options, main
from benchmarks.harness import Contender, interleave
from benchmarks.market_data.split_histories import Histories, gaps, neither, ordinary, splits
from benchmarks.report import Report, Table, Verdict
from resources.price_store.jumps import AdjustedBars, find_jumps

RATIOS: Mapping[str, tuple[Fraction, ...]] = {
    "4-for-3": (Fraction(4, 3),),
    "3-for-2": (Fraction(3, 2),),
    "5-for-3, 5-for-2": (Fraction(5, 3), Fraction(5, 2)),
    "2-for-1": (Fraction(2),),
    "3-for-1 to 10-for-1": tuple(Fraction(n) for n in range(3, 11)),
    "15-for-1 to 100-for-1": tuple(Fraction(n) for n in (15, 20, 25, 30, 50, 100)),
    "1-for-2 to 1-for-5": tuple(Fraction(1, n) for n in range(2, 6)),
    "1-for-6 to 1-for-200": tuple(Fraction(1, n) for n in (6, 7, 8, 12, 15, 20, 30, 50, 100, 200)),
}
SMALL = ("4-for-3",)
"""Smaller than 1.5: shown, and not held to the limit."""

NAMED = {
    "META 2022-02-03": (0.757, True),
    "NFLX 2022-01-21": (0.785, True),
    "NFLX 2022-04-20": (0.703, True),
    "a takeover, +50 %": (1.5, True),
    "a drug that fails, -70 %": (0.3, True),
}
"""Gaps by the ratio of open and close before, and whether their day was busy."""

GAPS: Mapping[str, Callable[[int], Histories]] = {
    f"{name}, {'busy' if busy else 'quiet'}": partial(gaps, seed, ratio, busy)
    for seed, (name, ratio) in enumerate(
        {
            "fall of 23 to 60 %": lambda random: 1.0 / (1.0 - random.uniform(0.23, 0.60)),
            "rise of 25 to 150 %": lambda random: 1.0 / (1.0 + random.uniform(0.25, 1.50)),
        }.items()
    )
    for busy in (True, False)
}

_TABLE = np.array(
    sorted({float(Fraction(new, old)) for new in range(1, 11) for old in (1, 2, 3, 4, 5, 10)})
)
_LEAST, _TOLERANCE = 1.3, 0.02


Share = tuple[float, float]
"""Of the histories, those that our rule and the table accuse."""


def run(options: Options) -> Report:
    """Judge the share of splits that are found, and of gaps and ordinary histories accused."""
    count = 60 if options.quick else 240
    found = {name: _accuse(_mix(ratios, count)) for name, ratios in RATIOS.items()}
    accused = {name: _accuse(make(2 * count)) for name, make in GAPS.items()}
    named = {
        name: _accuse(gaps(5, lambda _, ratio=ratio: 1.0 / ratio, busy, count // 4))
        for name, (ratio, busy) in NAMED.items()
    }
    alone = _accuse(neither(7, 2 * count))
    large = float(np.mean([own for name, (own, _) in found.items() if name not in SMALL]))
    wrong = float(np.mean([own for own, _ in accused.values()]))
    limits = options.limits
    return Report(
        verdicts=[
            Verdict(
                "Splits of 3-for-2 and more that are found",
                100 * large,
                "at least",
                limits["found"],
                "%",
                aim=100.0,
            ),
            Verdict("Gaps accused of being a split", 100 * wrong, "below", limits["accused"], "%"),
            Verdict(
                "Ordinary histories accused", 100 * alone[0], "at most", limits["ordinary"], "%"
            ),
            _judge_time(options),
        ],
        tables=[
            _table(f"Splits found, of {count} per row", "One share becomes", found),
            _table(
                f"Gaps accused, of {2 * count} per kind and {count // 4} per name",
                "Overnight move",
                accused | {"none": alone} | named,
            ),
        ],
    )


def _mix(ratios: Sequence[Fraction], count: int) -> Histories:
    """Yield as many histories of each ratio, at least one, `count` in all or some more."""
    each = -(-count // len(ratios))
    for ratio in ratios:
        yield from splits(ratio.numerator * 1000 + ratio.denominator, float(ratio), each)


def _accuse(histories: Histories) -> Share:
    """Return the shares of histories in which a night is accused."""
    outcomes = [(bool(find_jumps(bars)), _is_in_table(bars)) for bars in histories]
    own, table = np.mean(outcomes, axis=0)
    return float(own), float(table)


def _is_in_table(bars: AdjustedBars) -> bool:
    """Say whether a night's move of 30 % or more is within 2 % of a ratio of the table."""
    became = bars.close[:-1] / bars.open[1:]
    large = np.maximum(became, 1.0 / became) >= _LEAST
    near = np.abs(became[:, np.newaxis] / _TABLE - 1.0).min(axis=1) <= _TOLERANCE
    return bool((large & near).any())


def _judge_time(options: Options) -> Verdict:
    """Compare the time of ten years in which nothing happens with that of the table."""
    bars = ordinary(np.random.default_rng(1), bars=2520)
    contenders: dict[str, Contender] = {
        "odds": lambda: [find_jumps(bars) for _ in range(100)],
        "table": lambda: [_is_in_table(bars) for _ in range(100)],
    }
    timings = interleave("ten years without a split", contenders, options.rounds)
    return Verdict(
        "Time for ten years without a split, times the table's",
        timings.ratio("odds", "table"),
        "below",
        options.limits["times_table"],
        "x",
    )


def _table(title: str, what: str, shares: Mapping[str, Share]) -> Table:
    rows = [[name, f"{own:.1%}", f"{table:.1%}"] for name, (own, table) in shares.items()]
    return Table(title, [what, "odds", "table of ratios"], rows)


BENCHMARK = Benchmark(
    "splits",
    __doc__ or "",
    {"found": 99.0, "accused": 2.0, "ordinary": 0.0, "times_table": 1.0},
    run,
    "market_data",
)

if __name__ == "__main__":
    sys.exit(main(BENCHMARK))
