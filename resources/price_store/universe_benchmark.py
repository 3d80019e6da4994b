"""The equal-weight universe that a run's backtests are compared with, from the stored prices.

It is made of all symbols of the universe, not of those that the run is of: a symbol tested alone
is measured against the same market as in a run of everything.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from engine.equal_weight import EqualWeight
from engine.errors import UnusableBarsError
from engine.history import History
from resources.config.run_settings import RunSettings
from resources.price_store.store import PriceStore
from resources.universe import Universe

if TYPE_CHECKING:
    from resources.price_store.history_loader import Wanted
    from resources.result_cache.prices import KnownPrices

LEAST_SHARE = Fraction(85, 100)
"""Of the universe's symbols, those that need usable prices for it to be the universe.

The share of a run's symbols that have to succeed (`resources.config.thresholds`): after a run that
passed its gates there is a benchmark, and a few fetched symbols do not pass for the whole.
"""


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
        Whether one was wanted and there is none.
    """

    equal_weight: EqualWeight | None
    sentence: str
    missing: bool = False

    @property
    def version(self) -> str | None:
        """The fingerprint that is stored with each result; None without a universe."""
        return self.equal_weight.version if self.equal_weight else None

    def summary(self) -> dict[str, Any]:
        """Return what a stage's profile says of it."""
        return {
            "universe_benchmark": self.sentence,
            "universe_symbols": self.equal_weight.symbols if self.equal_weight else None,
            "universe_version": self.version,
        }


def universe_benchmark(
    universe: Universe,
    store: PriceStore,
    source: str,
    settings: RunSettings,
    known: "KnownPrices | None" = None,
) -> UniverseBenchmark:
    """Return the benchmark of a run: every symbol that was listed in its window, equally weighted.

    Histories are those that the backtests get, read one after the other in the universe's own
    order, so that memory does not grow with it. A symbol that cannot be read or tested is left
    out, up to `LEAST_SHARE`. With what is `known` of the prices, they are read only if one of them
    has changed.
    """
    if not settings.universe_benchmark:
        return UniverseBenchmark(None, "equal-weight universe: turned off in run_settings")
    window = settings.window()
    listed = universe.listed_within(window.start, window.end)
    needed = max(1, math.ceil(LEAST_SHARE * len(listed)))
    at_hand = store.symbols(source)
    stored = [symbol for symbol in listed if symbol in at_hand]
    if len(stored) < needed:
        return _missing(f"{len(stored)} of {len(listed)} symbols have prices", needed)
    first, last = settings.history_start(), window.end
    wanted = [(symbol, *universe.listed(symbol, first, last)) for symbol in stored]
    try:
        if known is None:
            equal_weight = EqualWeight.of(_histories(wanted, store, source), window)
        else:
            equal_weight = known.equal_weight(wanted, window)
    except UnusableBarsError as error:
        return _missing(str(error).rstrip("."), needed)
    made_of = f"{equal_weight.symbols} of {len(listed)} symbols"
    if equal_weight.symbols < needed:
        days = f"{window.start} to {window.end}"
        return _missing(f"{made_of} have usable prices for {days}", needed)
    return UniverseBenchmark(equal_weight, f"equal-weight universe: {made_of}")


def _missing(why: str, needed: int) -> UniverseBenchmark:
    sentence = f"equal-weight universe: {why}; at least {needed} are needed"
    return UniverseBenchmark(None, sentence, missing=True)


def _histories(wanted: Iterable["Wanted"], store: PriceStore, source: str) -> Iterator[History]:
    from resources.price_store.history_loader import load_histories

    for _, loaded in load_histories(store, source, wanted):
        # What could not be read, the symbol's own backtest says.
        if not isinstance(loaded, Exception):
            yield loaded.history
