"""The calibration as a page: how often verdicts are false, and how often they find an edge."""

from collections.abc import Iterable, Sequence

from research.calibration.cases import Case
from research.calibration.markets import BARS, WARM_UP
from research.calibration.rates import CRITERIA, DEPLOYABLE, PROMISING, CaseRates
from research.calibration.simulated_universe import list_points, list_rules
from research.verdicts.criteria import (
    BEST_POINT_LEVEL,
    BLOCK,
    DRAWS,
    GRID_LEVEL,
    LOSS_LIMIT,
    WALK_FORWARD_LEVEL,
)
from research.verdicts.hedge import Hedge

_INTRODUCTION = """# Calibration

How often a verdict is wrong. `make calibrate` draws universes whose truth is known, runs on each of
them all {points} points of {strategies},
the walk-forwards and the verdicts, with the code that judges real results, and writes this page.
Each universe has {symbols} symbols and {warm_up} + {bars} bars.
A row is {universes} universes, seed {seed}. Version {version}.

Limits: mean of the grid p <= {grid:g}, best point p <= {best:g}, loss out of sample <= {loss:g},
walk-forward p <= {walk:g}; {draws} draws of the bootstrap in blocks of {block:g} bars on average.
"""

_FALSE = """
## False verdicts

No strategy can earn anything here, so each verdict but rejected is false. Shares of universes in
which any strategy got it, with their Monte Carlo standard error. Meant is: promising at most 5 %,
deployable at most 2.5 %.
"""

_FOUND = """
## Found edges

An edge was planted in all symbols, and is traded with costs. Its true Sharpe ratio is that of the
best point per year: mean over deviation, over all universes of the row; once against one share of
the universe, and once against the same positions in it. False: a strategy is promising whose points
all lose in truth.

A true Sharpe ratio of 1.5 means, over three years, a statistic of 2.6 on average: a single test at
5 % of one curve that was chosen before would find it in 83 % of cases. An edge in single symbols is
found more often, because against the same positions it shows more clearly. A trend of the market
itself is not in single symbols: it shows against one share only, and is found less often.
"""

_ALONE = """
## One criterion alone

Shares of the same universes in which any strategy would pass a single criterion. The first three
decide nothing here, and show why: a Sharpe ratio that is tested as if nothing else had been tried
(PSR of the best point), one that is deflated by the effective number of trials (DSR), and PBO.
"""


def _describe_strategies(names: tuple[str, ...]) -> str:
    if names == list_rules():
        return f"the {len(names)} strategies that fit no model"
    return ", ".join(names)


def render_page(results: Sequence[tuple[Case, CaseRates]], *, seed: int, version: str) -> str:
    """Return the page in Markdown."""
    first = results[0][1].universes
    points = list_points(results[0][1].names)
    text = _INTRODUCTION.format(
        points=sum(map(len, points.values())),
        strategies=_describe_strategies(results[0][1].names),
        symbols=results[0][0].market.symbols,
        warm_up=WARM_UP,
        bars=BARS,
        universes=first,
        seed=seed,
        version=version,
        grid=GRID_LEVEL,
        best=BEST_POINT_LEVEL,
        loss=LOSS_LIMIT,
        walk=WALK_FORWARD_LEVEL,
        draws=DRAWS,
        block=BLOCK,
    )
    nulls = [one for one in results if not one[0].has_edge]
    edges = [one for one in results if one[0].has_edge]
    parts = [
        text,
        _FALSE,
        _render_table(("promising", "deployable"), map(_describe_null, nulls), nulls),
        _FOUND,
        _render_table(
            ("true: share", "positions", "promising", "deployable", "false"),
            map(_describe_edge, edges),
            edges,
        ),
        _ALONE,
        _render_table(CRITERIA, map(_describe_criteria, results), results),
    ]
    return "\n".join(parts)


def _describe_null(one: tuple[Case, CaseRates]) -> list[str]:
    return [_percent(one[1], name) for name in (PROMISING, DEPLOYABLE)]


def _describe_edge(one: tuple[Case, CaseRates]) -> list[str]:
    _, rates = one
    return [
        *(f"{max(rates.true_sharpes(hedge).values()):.2f}" for hedge in Hedge),
        *_describe_null(one),
        f"{100 * rates.false_discoveries():.1f} %",
    ]


def _describe_criteria(one: tuple[Case, CaseRates]) -> list[str]:
    return [f"{100 * one[1].rate(name):.1f} %" for name in CRITERIA]


def _percent(rates: CaseRates, name: str) -> str:
    return f"{100 * rates.rate(name):.1f} ± {100 * rates.error(name):.1f} %"


def _render_table(
    columns: Sequence[str],
    cells: Iterable[Sequence[str]],
    results: Sequence[tuple[Case, CaseRates]],
) -> str:
    lines = [
        f"| market | correlation | {' | '.join(columns)} |",
        f"|---|--:|{'--:|' * len(columns)}",
    ]
    lines += [
        f"| {case.name} | {case.market.correlation} | {' | '.join(row)} |"
        for (case, _), row in zip(results, cells, strict=True)
    ]
    return "\n".join(lines) + "\n"
