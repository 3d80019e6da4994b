"""A linear model that learns bar by bar."""

from dataclasses import dataclass
from typing import ClassVar

from strategies.base import Bars, Floats, Signals, Strategy, parameter
from strategies.comparisons import is_above, is_below
from strategies.errors import InvalidCombinationError
from strategies.fit_cache import cached_fit
from strategies.ml import FEATURE_BARS

# Bars of features before the first prediction, for each of which a label must become known.
_LEAST_ROWS = 40


@dataclass(frozen=True)
class OnlineLearning(Strategy):
    """In while the predicted return is above `entry_return`, out below `exit_return`.

    Predicted is the return from the next open to the open `horizon` bars later, by a linear
    regression on returns, distances to averages, volatility, volume and RSI. At each bar it learns
    the label that has just become known, then predicts. It forgets: its rows are `memory_bars` old
    on average. `ridge` pulls its weights to 0. `entry_return` is a fraction of the price, to be
    compared with what a round trip costs: 0.004 with the default costs, and by default.
    """

    learns: ClassVar[bool] = True

    horizon: int = parameter(5, minimum=1, maximum=60, sweep=(5, 10))
    memory_bars: int = parameter(250, minimum=20, sweep=(250,))
    ridge: float = parameter(20.0, minimum=1e-6, sweep=(20.0,))
    first_fit: int = parameter(240, minimum=1, sweep=(240,))
    entry_return: float = parameter(0.004, minimum=-1.0, maximum=1.0, sweep=(0.002, 0.004, 0.006))
    exit_return: float = parameter(0.0, minimum=-1.0, maximum=1.0, sweep=(-0.002, 0.0))

    def check(self) -> None:
        """Refuse an exit above the entry, and a first fit without rows to learn from."""
        self.require_less("exit_return", "entry_return")
        least = FEATURE_BARS + _LEAST_ROWS + self.horizon
        if self.first_fit < least:
            raise InvalidCombinationError(
                f"{self.name} needs first_fit of {least} or more with horizon={self.horizon}, but "
                f"got first_fit={self.first_fit}."
            )

    @property
    def lookback_bars(self) -> int:
        """The bars before the first prediction."""
        return self.first_fit

    def signals(self, bars: Bars) -> Signals:
        """Return where the predicted return is beyond a threshold."""
        predicted = self.strength(bars)
        return Signals(
            entries=is_above(predicted, self.entry_return, size=1.0),
            exits=is_below(predicted, self.exit_return, size=1.0),
        )

    def strength(self, bars: Bars) -> Floats:
        """Return the predicted return."""
        fitted = (self.horizon, self.memory_bars, self.ridge, self.first_fit)
        return predict_returns(bars.open, bars.close, bars.volume, *fitted)


@cached_fit
def predict_returns(
    opens: Floats,
    close: Floats,
    volume: Floats,
    horizon: int,
    memory: int,
    ridge: float,
    first: int,
) -> Floats:
    """Return the predicted logarithmic return over `horizon` bars, NaN before bar `first`.

    What is learned is the return in standard deviations, of which there are 5 at most: neither wild
    times outweigh others, nor does one jump out of a calm.
    """
    from functools import partial

    import numpy as np

    from strategies.ml.features import (
        MOST_DEVIATIONS,
        compute_features,
        compute_labels,
        measure_volatility,
    )
    from strategies.ml.online_ridge import fit_after_each_row
    from strategies.ml.walk_forward import predict_online

    deviation = measure_volatility(close) * np.sqrt(horizon)
    labels = compute_labels(opens, horizon) / deviation
    labels = np.clip(labels, -MOST_DEVIATIONS, MOST_DEVIATIONS)
    learn = partial(fit_after_each_row, memory=memory, ridge=ridge)
    rows = compute_features(close, volume)
    return predict_online(rows, labels, horizon, first, learn) * deviation
