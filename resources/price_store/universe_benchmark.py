"""The equal-weight universe that a run's backtests are compared with, from the stored prices.

It is made of all symbols of the universe, not of those that the run is of: a symbol tested alone
is measured against the same market as in a run of everything.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from engine.equal_weight import EqualWeight
from engine.errors import UnusableBarsError
from engine.settings import Window
from resources.price_store.equal_weight_file import load_equal_weight
from resources.price_store.listed_days import select_listed
from resources.price_store.price_quality import JumpRule
from resources.price_store.store import PriceStore
from resources.universe import Universe

LEAST_SHARE = Fraction(85, 100)
"""Of the universe's symbols, those that need usable prices for it to be the universe.

The share of a run's symbols that have to succeed (`resources.config.thresholds`): after a run that
passed its checks there is a benchmark, and a few fetched symbols do not stand in for the whole.
"""


_MOST_NAMED = 5


@dataclass(frozen=True)
class UniverseBenchmark:
    """The equal-weight universe of a run, or None, and one sentence that says so.

    Parameters
    ----------
    equal_weight
        What the engine compares with; None where there is nothing to compare with.
    sentence
        Of how many symbols it is made, or why there is none.
    missing
        Whether it was wanted and there is none.
    """

    equal_weight: EqualWeight | None
    sentence: str
    missing: bool = False

    @property
    def version(self) -> str | None:
        """The fingerprint that is stored with each result; None without a universe."""
        return self.equal_weight.version if self.equal_weight else None

    @property
    def symbols(self) -> int | None:
        """Of how many symbols it is made; None without a universe."""
        return self.equal_weight.symbols if self.equal_weight else None


def load_universe_benchmark(
    universe: Universe,
    store: PriceStore,
    source: str,
    window: Window,
    history_start: date,
    jump_rule: JumpRule,
    *,
    enabled: bool = True,
    use_cached: bool = True,
) -> UniverseBenchmark:
    """Return the benchmark of a run: every symbol that was listed in its window, equally weighted.

    Histories are those that the backtests get, from `history_start` on, read one after the other
    in the universe's own order, so that memory does not grow with it. A symbol that cannot be read
    or tested, or whose prices jump by `jump_rule`, is left out, up to `LEAST_SHARE`. They are read
    only if one of their files has changed, and always without `use_cached`.
    """
    if not enabled:
        return UniverseBenchmark(None, "equal-weight universe: turned off in run_settings")
    listed = universe.listed_within(window.start, window.end)
    needed = max(1, math.ceil(LEAST_SHARE * len(listed)))
    available = store.symbols(source)
    stored = [symbol for symbol in listed if symbol in available]
    if len(stored) < needed:
        return _report_missing(f"{len(stored)} of {len(listed)} symbols have prices", needed)
    specs, _ = select_listed(universe, stored, history_start, window.end)
    try:
        equal_weight, distorted = load_equal_weight(
            store, source, specs, window, jump_rule, use_cached=use_cached
        )
    except UnusableBarsError as error:
        return _report_missing(str(error).rstrip("."), needed)
    made_of = f"{equal_weight.symbols} of {len(listed)} symbols"
    without = _describe_distorted(distorted)
    if equal_weight.symbols < needed:
        days = f"{window.start} to {window.end}"
        return _report_missing(f"{made_of} have usable prices for {days}{without}", needed)
    return UniverseBenchmark(equal_weight, f"equal-weight universe: {made_of}{without}")


def _describe_distorted(symbols: Sequence[str]) -> str:
    if not symbols:
        return ""
    shown = ", ".join(symbols[:_MOST_NAMED]) + ", ..." * (len(symbols) > _MOST_NAMED)
    return f", without {shown}: jumps_are_explained fails"


def _report_missing(why: str, needed: int) -> UniverseBenchmark:
    sentence = f"equal-weight universe: {why}; at least {needed} are needed"
    return UniverseBenchmark(None, sentence, missing=True)
