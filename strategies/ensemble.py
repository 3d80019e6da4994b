"""Strategies that vote with their positions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from strategies.base import Bars, Floats, Signals, Strategy, choice, parameter
from strategies.comparisons import is_above, is_below
from strategies.fit_cache import cached_fit
from strategies.indicator_cache import cached_step
from strategies.parameters import SEPARATOR


def _list_weightings() -> Sequence[str]:
    return ("equal", "sharpe", "stacked")


def _list_members() -> Sequence[str]:
    from strategies.registry import registered_strategies

    return [name for name, one in registered_strategies().items() if not issubclass(one, Ensemble)]


@dataclass(frozen=True)
class Ensemble(Strategy):
    """In while the vote of its members is above `entry_vote`, out below `exit_vote`.

    Members are strategies with their default parameters, and vote with the positions that they hold
    on long signals, not with signals of the same bar. The vote is 0 to 1. `weighting` equal: the
    share of members that hold a position; sharpe: that share weighted by the Sharpe ratios of what
    they earned up to the last refit, 0 for those that lost; stacked: the probability that the price
    rises over `horizon` bars, by a logistic regression on their positions. Weights are measured at
    bar `first_fit` and every `refit_every` bars after it, on outcomes that were known by then.
    """

    learns: ClassVar[bool] = True

    members: str = choice(
        "bollinger+breakout+mean_reversion+momentum+rsi+sma_cross",
        allowed=_list_members,
        several=True,
        sweep=("bollinger+breakout+mean_reversion+momentum+rsi+sma_cross",),
    )
    weighting: str = choice(
        "sharpe", allowed=_list_weightings, sweep=("equal", "sharpe", "stacked")
    )
    horizon: int = parameter(5, minimum=1, maximum=60, sweep=(5,))
    entry_vote: float = parameter(0.52, minimum=0.0, maximum=1.0, sweep=(0.52, 0.6))
    exit_vote: float = parameter(0.48, minimum=0.0, maximum=1.0, sweep=(0.4, 0.48))
    first_fit: int = parameter(240, minimum=130, sweep=(240,))
    refit_every: int = parameter(63, minimum=1, sweep=(63,))

    def check(self) -> None:
        """Refuse an exit above the entry."""
        self.require_less("exit_vote", "entry_vote")

    @property
    def lookback_bars(self) -> int:
        """The bars before the first vote, or those of a member with more."""
        return max(self.first_fit, *(one.lookback_bars for one in _build_members(self.members)))

    def signals(self, bars: Bars) -> Signals:
        """Return where the vote is beyond a threshold."""
        votes = self.strength(bars)
        return Signals(
            entries=is_above(votes, self.entry_vote, size=1.0),
            exits=is_below(votes, self.exit_vote, size=1.0),
        )

    def strength(self, bars: Bars) -> Floats:
        """Return the vote."""
        weighted = (self.weighting, self.horizon, self.lookback_bars, self.refit_every)
        every = (bars.open, bars.high, bars.low, bars.close, bars.volume)
        return count_votes(*every, self.members, *weighted)


def _build_members(members: str) -> list[Strategy]:
    from strategies.registry import get_strategy

    return [get_strategy(name)() for name in members.split(SEPARATOR)]


@cached_fit
def count_votes(
    opens: Floats,
    high: Floats,
    low: Floats,
    close: Floats,
    volume: Floats,
    members: str,
    weighting: str,
    horizon: int,
    first: int,
    every: int,
) -> Floats:
    """Return the vote of the members at each bar, 0 to 1, NaN before bar `first`."""
    from strategies.ml.features import compute_labels
    from strategies.ml.votes import WEIGHTINGS
    from strategies.ml.walk_forward import Refits, predict_by_labels

    positions = find_positions(opens, high, low, close, volume, members)
    weigh, vote = WEIGHTINGS[weighting]
    # A member's earnings are those of one bar, so that none is counted twice.
    over = horizon if weighting == "stacked" else 1
    labels = compute_labels(opens, over)
    return predict_by_labels(positions, labels, over, Refits(first, every), weigh, vote)


@cached_step
def find_positions(
    opens: Floats, high: Floats, low: Floats, close: Floats, volume: Floats, members: str
) -> Floats:
    """Return whether each member holds a position at each bar's close, 0 or 1, shape (n, m)."""
    import numpy as np

    from strategies.ml.votes import hold

    bars = Bars(opens, high, low, close, volume)
    held = [hold(one.signals(bars)) for one in _build_members(members)]
    return np.column_stack(held).astype(np.float64)
