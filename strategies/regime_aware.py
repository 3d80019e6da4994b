"""Another rule in each regime of volatility."""

from dataclasses import dataclass
from typing import ClassVar

from strategies.base import Bars, Floats, Ints, Signals, Strategy, parameter
from strategies.comparisons import is_above, is_below
from strategies.fit_cache import cached_fit
from strategies.indicator_cache import cached_step
from strategies.indicators import bollinger_bands, sma

_CALM, _UNEASY, _TURBULENT = range(3)


@dataclass(frozen=True)
class RegimeAware(Strategy):
    """Follows the trend in calm times, buys dips in uneasy ones, holds cash in turbulent ones.

    The regimes are the three states of a hidden Markov model of daily returns, by their variance,
    fitted on the last 504 bars at bar `first_fit` and every `refit_every` bars after it. A regime
    begins when its probability, given the bars so far, is `certainty` or more, and lasts until
    another begins. Calm: in above the SMA of `trend_period`, out below it. Uneasy: in below the
    lower band of `dip_period` and `dip_std_dev`, out above its middle. Turbulent: out.
    """

    learns: ClassVar[bool] = True

    trend_period: int = parameter(50, minimum=2, sweep=(20, 50, 100))
    dip_period: int = parameter(20, minimum=2, sweep=(20,))
    dip_std_dev: float = parameter(1.5, minimum=0.1, maximum=10.0, sweep=(1.0, 1.5))
    certainty: float = parameter(0.5, minimum=0.34, maximum=1.0, sweep=(0.5, 0.7))
    first_fit: int = parameter(240, minimum=60, sweep=(240,))
    refit_every: int = parameter(126, minimum=1, maximum=252, sweep=(126,))

    @property
    def lookback_bars(self) -> int:
        """The bars before the first fit, or of an average that is longer."""
        return max(self.first_fit, self.trend_period - 1)

    def signals(self, bars: Bars) -> Signals:
        """Return the signals of the rule of each bar's regime."""
        regimes = find_regimes(bars.close, self.first_fit, self.refit_every, self.certainty)
        calm, uneasy = regimes == _CALM, regimes == _UNEASY
        trend = sma(bars.close, self.trend_period)
        middle = sma(bars.close, self.dip_period)
        lower, _ = bollinger_bands(bars.close, self.dip_period, self.dip_std_dev)
        return Signals(
            entries=(calm & is_above(bars.close, trend)) | (uneasy & is_below(bars.close, lower)),
            exits=(calm & is_below(bars.close, trend))
            | (uneasy & is_above(bars.close, middle))
            | (regimes == _TURBULENT),
        )


@cached_step
def find_regimes(close: Floats, first: int, every: int, certainty: float) -> Ints:
    """Return the regime of each bar: 0, 1 or 2 in the order of variance, -1 before the first."""
    import numpy as np

    probabilities = filter_regimes(close, first, every)
    certain = probabilities.max(axis=1, initial=0.0, where=~np.isnan(probabilities)) >= certainty
    began = np.maximum.accumulate(np.where(certain, np.arange(len(close)), -1))
    likeliest = np.where(certain, np.nan_to_num(probabilities).argmax(axis=1), -1)
    return np.where(began >= 0, likeliest[began], -1)


@cached_fit
def filter_regimes(close: Floats, first: int, every: int) -> Floats:
    """Return the probability of each regime given the bars so far, shape (n, 3), NaN before."""
    import numpy as np

    from strategies.ml import hidden_markov
    from strategies.ml.walk_forward import Refits, predict_without_labels
    from strategies.portable import log

    states = hidden_markov.STATES
    returns = np.diff(log(close))[:, np.newaxis]  # the first bar has none
    probabilities = np.full((len(close), states), np.nan)
    probabilities[1:] = predict_without_labels(
        returns,
        Refits(first - 1, every),
        hidden_markov.LONGEST,
        hidden_markov.fit,
        hidden_markov.filter_states,
        states,
    )
    return probabilities
