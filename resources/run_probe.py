"""What a run finds out about its own backtests, on a few of its symbols: scaling and integrity."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.history import History
from engine.results import BacktestResult
from engine.settings import BacktestSettings
from resources.integrity import dropped_signals, first_look_ahead, imbalance
from resources.run_profile import resident_mb, slope_of
from resources.scaling import MOST_SYMBOLS, Scaling, probe
from strategies.base import Strategy

_RULES = ("look_ahead", "dropped_signals", "imbalance")


@dataclass
class _Findings:
    """Of one rule and strategy: how many symbols were looked at, and what is wrong with which."""

    symbols: int = 0
    offenders: dict[str, str] = field(default_factory=dict)

    def note(self, symbol: str, wrong: str) -> None:
        self.symbols += 1
        if wrong:
            self.offenders[symbol] = wrong


@dataclass
class RunProbe:
    """Looks at results as they come, closely at those of the first few symbols."""

    _histories: dict[str, History] = field(default_factory=dict)
    _tested: set[str] = field(default_factory=set)
    _findings: dict[str, dict[str, _Findings]] = field(
        default_factory=lambda: {rule: {} for rule in _RULES}
    )
    _scaling: Scaling | None = None
    _resident: list[float] = field(default_factory=list)
    _done: list[int] = field(default_factory=list)

    def keep(self, history: History) -> None:
        """Keep a history to look at closely, if it is one of the first."""
        if len(self._histories) < MOST_SYMBOLS:
            self._histories[history.symbol] = history

    def look_at(self, result: BacktestResult) -> None:
        """Note what is wrong with a result."""
        off = imbalance(result)
        self._note("imbalance", result, f"is off by {off:.3g} of the capital" if off else "")
        history = self._histories.get(result.symbol)
        if history is None:
            return
        dropped = dropped_signals(result, history)
        self._note("dropped_signals", result, f"dropped {dropped} signals" if dropped else "")
        self._note("look_ahead", result, _look_ahead(result.strategy, history))

    def measure_scaling(self, strategies: Sequence[Strategy], settings: BacktestSettings) -> None:
        """Time the strategies over growing windows of the histories kept that gave a result."""
        tested = [one for symbol, one in self._histories.items() if symbol in self._tested]
        if tested:
            self._scaling = probe(tested, strategies, settings, self._sample)

    def summary(self) -> dict[str, Any]:
        """Return what was found as a JSON object, for the profile of the stage."""
        slope = slope_of(self._done, self._resident)
        return {
            "scaling": self._scaling.summary() if self._scaling else None,
            "probe_memory_slope_mb": None if slope is None else round(slope, 3),
            "integrity": {
                rule: {
                    strategy: {"symbols": found.symbols, "offenders": found.offenders}
                    for strategy, found in by_strategy.items()
                }
                for rule, by_strategy in self._findings.items()
            },
        }

    def _note(self, rule: str, result: BacktestResult, wrong: str) -> None:
        self._tested.add(result.symbol)
        findings = self._findings[rule].setdefault(result.strategy.name, _Findings())
        findings.note(result.symbol, wrong)

    def _sample(self, symbols: int) -> None:
        self._resident.append(resident_mb())
        self._done.append(symbols + (self._done[-1] if self._done else 0))


def _look_ahead(strategy: Strategy, history: History) -> str:
    try:
        bar = first_look_ahead(strategy, history)
    except Exception as error:  # noqa: BLE001 - whatever a strategy's own code raises
        return f"fails on the first of its bars alone: {type(error).__name__}: {error}"
    return "" if bar is None else f"the signal of {history.dates[bar]} depends on later bars"
