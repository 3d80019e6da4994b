"""What a run finds out about its own backtests, on a few of its symbols: scaling and integrity."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.history import History
from engine.results import BacktestResult
from engine.settings import BacktestSettings
from research.audit.integrity import dropped_signals, first_look_ahead, imbalance
from research.audit.scaling import MOST_SYMBOLS, probe
from research.audit.stage_profile import resident_mb, slope_of
from strategies.base import Strategy

_RULES = ("look_ahead", "dropped_signals", "imbalance")


@dataclass
class RunProbe:
    """Looks at results as they come, closely at those of the first few symbols."""

    _histories: dict[str, History] = field(default_factory=dict)
    _tested: set[str] = field(default_factory=set)
    # By rule, strategy and symbol: what is wrong, or nothing.
    _findings: dict[str, dict[str, dict[str, str]]] = field(
        default_factory=lambda: {rule: {} for rule in _RULES}
    )
    _scaling: dict[str, Any] | None = None
    _slope: float | None = None
    _resident: list[float] = field(default_factory=list)
    _done: list[int] = field(default_factory=list)

    def keep(self, history: History) -> None:
        """Keep a history to look at closely, if it is one of the first."""
        if len(self._histories) < MOST_SYMBOLS:
            self._histories[history.symbol] = history

    def look_at(self, result: BacktestResult) -> dict[str, str]:
        """Note what is wrong with a result, and return it: a sentence a rule, empty for nothing."""
        off = imbalance(result)
        found = {"imbalance": f"is off by {off:.3g} of the capital" if off else ""}
        history = self._histories.get(result.symbol)
        if history is not None:
            dropped = dropped_signals(result, history)
            found["dropped_signals"] = f"dropped {dropped} signals" if dropped else ""
            found["look_ahead"] = _look_ahead(result.strategy, history)
        self.take_over(result.symbol, result.strategy.name, found)
        return found

    def take_over(self, symbol: str, strategy: str, found: Mapping[str, str]) -> None:
        """Note what an earlier look at the same result found."""
        self._tested.add(symbol)
        for rule, wrong in found.items():
            self._findings[rule].setdefault(strategy, {})[symbol] = wrong

    def not_looked_at(self, strategies: Sequence[Strategy]) -> list[Strategy]:
        """Return those of which no result was looked at by every rule."""
        by_rule = self._findings.values()
        return [one for one in strategies if not all(found.get(one.name) for found in by_rule)]

    @property
    def has_bars(self) -> bool:
        """Whether it has the bars of a symbol that gave a result."""
        return bool(self._tested.intersection(self._histories))

    def measure_scaling(self, strategies: Sequence[Strategy], settings: BacktestSettings) -> None:
        """Time the strategies over growing windows of the histories kept that gave a result."""
        tested = [one for symbol, one in self._histories.items() if symbol in self._tested]
        if tested:
            self._scaling = probe(tested, strategies, settings, self._sample).summary()
            slope = slope_of(self._done, self._resident)
            self._slope = None if slope is None else round(slope, 3)

    @property
    def measured(self) -> dict[str, Any] | None:
        """The scaling and the slope of memory that were measured, as a JSON object."""
        if self._scaling is None:
            return None
        return {"scaling": self._scaling, "probe_memory_slope_mb": self._slope}

    def take_over_scaling(self, measured: Mapping[str, Any]) -> None:
        """Use what an earlier run measured of the same strategies and code; see `measured`."""
        self._scaling, self._slope = measured["scaling"], measured["probe_memory_slope_mb"]

    def summary(self) -> dict[str, Any]:
        """Return what was found as a JSON object, for the profile of the stage."""
        return {
            "scaling": self._scaling,
            "probe_memory_slope_mb": self._slope,
            "integrity": {
                rule: {
                    strategy: {
                        "symbols": len(found),
                        "offenders": {symbol: wrong for symbol, wrong in found.items() if wrong},
                    }
                    for strategy, found in by_strategy.items()
                }
                for rule, by_strategy in self._findings.items()
            },
        }

    def _sample(self, symbols: int) -> None:
        self._resident.append(resident_mb())
        self._done.append(symbols + (self._done[-1] if self._done else 0))


def _look_ahead(strategy: Strategy, history: History) -> str:
    try:
        bar = first_look_ahead(strategy, history)
    except Exception as error:  # noqa: BLE001 - whatever a strategy's own code raises
        return f"fails on the first of its bars alone: {type(error).__name__}: {error}"
    return "" if bar is None else f"the signal of {history.dates[bar]} depends on later bars"
