"""What all backtests of a run share, and what identifies each of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.equal_weight import EqualWeight
from engine.results import BacktestResult
from engine.settings import BacktestSettings, Window
from research.natural_key import backtest_id
from strategies.base import Strategy


@dataclass(frozen=True)
class RunSpec:
    """What a run backtests: everything but the symbols and their bars.

    Parameters
    ----------
    run_id
        Of the run; its files and rows name it.
    source
        Name of the market data source.
    strategies
        In the order of the results; several may be parameter sets of one strategy.
    window, settings
        The days that are traded and measured, and how.
    stored_settings
        `settings` and what else of the run's settings decides a number, as stored with each result.
    code_versions
        Version of the code behind the results, by strategy name.
    universe
        The equal-weight universe that all are compared with, None for none.
    """

    run_id: str
    source: str
    strategies: Sequence[Strategy]
    window: Window
    settings: BacktestSettings
    stored_settings: Mapping[str, Any]
    code_versions: Mapping[str, str]
    universe: EqualWeight | None = None

    @property
    def universe_version(self) -> str | None:
        """Fingerprint of the equal-weight universe; None without one."""
        return self.universe.version if self.universe else None

    def natural_key(
        self, symbol: str, strategy: Strategy, data_version: str, bars_per_year: float
    ) -> dict[str, Any]:
        """Return all that a result depends on, by the columns of `NATURAL_KEY`.

        `bars_per_year` is the symbol's; those of the settings override them.
        """
        return {
            "symbol": symbol,
            "strategy": strategy.name,
            "parameters": strategy.parameters(),
            "start_date": self.window.start,
            "end_date": self.window.end,
            "settings": self.stored_settings,
            "source": self.source,
            "data_version": data_version,
            "code_version": self.code_versions[strategy.name],
            "universe_version": self.universe_version,
            "bars_per_year": self.settings.bars_per_year or bars_per_year,
        }

    def identify(
        self, symbol: str, strategy: Strategy, data_version: str, bars_per_year: float
    ) -> str:
        """Return the identifier of the backtest of a strategy on a symbol's bars."""
        key = self.natural_key(symbol, strategy, data_version, bars_per_year)
        return str(backtest_id(**key))


@dataclass(frozen=True)
class IdentifiedResult:
    """A result with its identifier, and the version of the bars that it was made of."""

    identifier: str
    data_version: str
    result: BacktestResult
