"""The settings of a run: its window, its warm-up, its costs, and how much it holds at once."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from engine.costs import PercentageCosts, find_first_rate, uses_spread_column
from engine.errors import InvalidSettingsError
from engine.settings import PRICE_BASIS, BacktestSettings, Window
from resources.market_data.source import WITH_SPREAD
from resources.universe import parse_day
from strategies.base import Strategy
from strategies.registry import get_strategy

if TYPE_CHECKING:
    from engine.backtest import VectorBTEngine


class RunSettings(dg.ConfigurableResource):
    """The settings that all backtests of a run share; run config overrides the environment."""

    start: str = Field(description="First day of the window, YYYY-MM-DD, inclusive.")
    end: str = Field(description="Last day of the window, YYYY-MM-DD, inclusive.")
    # A year of bars covers the longest lookback of the sweeps (240 bars). Of the seed of the
    # slowest exponential average (50 bars) 0.004 % is left after 252 bars.
    warmup_days: int = Field(
        default=365,
        description="Calendar days of earlier history for indicators; never traded.",
    )
    initial_capital: float = Field(default=10_000.0, description="Cash of each backtest.")
    fees: float = Field(
        default=PercentageCosts.fees, description="Fraction of the value, each side."
    )
    slippage: float = Field(
        default=PercentageCosts.slippage, description="Fraction against you, each fill."
    )
    costs: list[dict[str, Any]] | None = Field(
        default=None,
        description="Costs as a broker charges them, in place of fees and slippage: a list of "
        "models, as in [{model: per_share, rate: 0.005, minimum: 1}, {model: half_spread, "
        "basis_points: 2}]. docs/costs.md has them all; null for fees and slippage.",
    )
    execution: str = Field(
        default="next_open",
        description="next_open: filled at the next bar's open. same_close: at the signal's own "
        "close, which could not have been traded.",
    )
    bars_per_year: float | None = Field(
        default=None,
        description="Bars per year, for annualization; null for those of each symbol's calendar: "
        "252 of XNYS, 365 of 24/7.",
    )
    direction: str = Field(
        default="long",
        description="long: an entry signal buys, an exit signal sells. short: an exit signal "
        "sells short, an entry signal covers. both: always on the side of the last signal.",
    )
    stop_loss: float | None = Field(
        default=None,
        description="Leave a position when the price has moved this fraction of the entry's fill "
        "price against it: 0.05 is 5 %. Above 0, below 1; null for no stop.",
    )
    trailing_stop: float | None = Field(
        default=None,
        description="The same, measured from the best price since the entry; beside stop_loss "
        "the nearer of the two counts. Above 0, below 1; null for no stop.",
    )
    take_profit: float | None = Field(
        default=None,
        description="Leave a position when the price has moved this fraction of the entry's fill "
        "price in its favour. Above 0, and below 1 unless direction is long; null for no target.",
    )
    require_volume: bool = Field(
        default=True,
        description="Nothing is filled on a bar without volume: orders wait for the next bar with "
        "volume. Symbols without volume on any bar (FX) are not concerned.",
    )
    universe_benchmark: bool = Field(
        default=True,
        description="Compare every backtest with the equal-weight universe, for which the stored "
        "prices of all its symbols are read, however few the run is of. Without it the metrics "
        "universe_* are NULL.",
    )
    parameters: dict[str, dict[str, Any]] = Field(
        default={},
        description="Parameters of strategies, by strategy and name, as in {sma_cross: "
        "{fast_period: 5}}: numbers, or texts where there is a choice; what is left out keeps its "
        "default.",
    )
    ignore_cache: bool = Field(
        default=False,
        description="Compute every backtest, whether or not its result is stored already.",
    )
    batch_size: int = Field(
        default=200,
        description="Symbols whose results are held in memory at once, and written as one file; "
        "1 or more. 200 symbols x 9 strategies x 750 bars need about 125 MB.",
    )

    def window(self) -> Window:
        """Return the window.

        Raises
        ------
        InvalidSettingsError
            When a day is not a date, or the start is after the end.
        """
        return Window(_parse_day("start", self.start), _parse_day("end", self.end))

    def history_start(self) -> date:
        """Return the first day of history that a backtest may look at.

        Raises
        ------
        InvalidSettingsError
            As `window`, and when the warm-up is negative or begins before the calendar does.
        """
        start = self.window().start
        longest = (start - date.min).days
        if not 0 <= self.warmup_days <= longest:
            raise InvalidSettingsError(
                f"warmup_days is {self.warmup_days}; allowed: 0 to {longest}. The default of 365 "
                "warms every indicator of the sweeps."
            )
        return start - timedelta(days=self.warmup_days)

    def backtest_settings(self) -> BacktestSettings:
        """Return the engine's settings, validated by it."""
        return BacktestSettings(
            **{one.name: getattr(self, one.name) for one in fields(BacktestSettings)}
        )

    def new_engine(self) -> "VectorBTEngine":
        """Return an engine with these settings.

        Raises
        ------
        InvalidSettingsError
            When a setting is refused by the engine.
        """
        from engine.backtest import VectorBTEngine

        return VectorBTEngine(self.backtest_settings())

    def strategy_of(self, strategy: type[Strategy]) -> Strategy:
        """Return a strategy with the parameters that the run gives it.

        Raises
        ------
        InvalidParameterError
            When it has no such parameter, or does not allow the value.
        """
        return strategy.from_mapping(self.parameters.get(strategy.name))

    def check(self, source: str | None = None) -> None:
        """Refuse what makes no sense before any work is done.

        Parameters
        ----------
        source
            Where bars come from; None where that is not known yet.

        Raises
        ------
        InvalidSettingsError
            With the first setting that is refused, and what is allowed.
        UnknownStrategyError, InvalidParameterError
            When parameters are given to no strategy, or that it does not take.
        """
        self.history_start()
        self.batches([])
        self._check_costs(source)
        self.new_engine()
        for name in self.parameters:
            self.strategy_of(get_strategy(name))

    def _check_costs(self, source: str | None) -> None:
        """Refuse costs that the source, or the window, has no numbers for."""
        settings = self.backtest_settings()
        if source not in (None, *WITH_SPREAD) and uses_spread_column(settings.costs or ()):
            raise InvalidSettingsError(
                f"costs: half_spread takes a column of the data, and source {source} has none; "
                f"allowed: basis_points, or source {', '.join(WITH_SPREAD)}."
            )
        first, start = find_first_rate(settings.costs or ()), self.window().start
        if first is not None and first > start:
            raise InvalidSettingsError(
                f"costs: the rates of cash_interest begin on {first}, after the window's start on "
                f"{start}; needed: the rate that was in force then."
            )

    def stored_settings(self) -> dict[str, Any]:
        """Return the settings as they are stored with a result, and compared."""
        return stored_settings(self.backtest_settings(), self.warmup_days)

    def batches(self, symbols: Sequence[str]) -> list[Sequence[str]]:
        """Return the symbols in batches of at most `batch_size`, in their order.

        Raises
        ------
        InvalidSettingsError
            When the batch size is not positive.
        """
        size = self.batch_size
        if size < 1:
            raise InvalidSettingsError(f"batch_size is {size}; allowed: 1 or more.")
        return [symbols[start : start + size] for start in range(0, len(symbols), size)]


def stored_settings(settings: BacktestSettings, warmup_days: int) -> dict[str, Any]:
    """Return the settings that the numbers of a backtest depend on, apart from its parameters."""
    return settings.as_dict() | {"price_basis": PRICE_BASIS, "warmup_days": warmup_days}


def _parse_day(name: str, text: str) -> date:
    try:
        return parse_day(text)
    except ValueError:
        raise InvalidSettingsError(f"{name} is '{text}'; write a day as 2023-12-31.") from None
