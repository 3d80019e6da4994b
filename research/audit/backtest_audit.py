"""The audit of a run: what it finds out about its own backtests, closely on a few symbols."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from engine.history import History
from engine.results import BacktestResult
from engine.settings import BacktestSettings
from research.audit.integrity import count_dropped_signals, find_look_ahead, measure_imbalance
from research.audit.scaling import MOST_SYMBOLS, measure_scaling
from research.audit.stage_profile import IntegrityFindings, RuleFindings, Scaling
from strategies.base import Strategy

LOOK_AHEAD, DROPPED_SIGNALS, IMBALANCE = "look_ahead", "dropped_signals", "imbalance"
"""The rules, as `IntegrityFindings` names them."""


@dataclass(frozen=True)
class _Finding:
    """What a rule says of one result: a sentence, empty where nothing is wrong."""

    rule: str
    strategy: str
    symbol: str
    parameters: str
    wrong: str


@dataclass
class BacktestAudit:
    """Audits results one by one: the accounts of all, signals and look-ahead of the first symbols.

    Call `keep_history` with each history as it is loaded, `audit` with each result, and at the end
    `measure_scaling`; then `findings` and `scaling` go into the profile of the stage. Results are
    told apart by their object: several parameter sets of a strategy may be audited in one run.

    Attributes
    ----------
    scaling
        What `measure_scaling` measured; None where it was not called, or had nothing to measure.
    """

    scaling: Scaling | None = None
    _histories: dict[str, History] = field(default_factory=dict)
    _findings: list[_Finding] = field(default_factory=list)

    def keep_history(self, history: History) -> None:
        """Keep a history if it is one of the first: its results are then audited closely."""
        if len(self._histories) < MOST_SYMBOLS:
            self._histories[history.symbol] = history

    def audit(self, result: BacktestResult) -> dict[str, str]:
        """Record what is wrong with a result; return it by rule, empty where nothing is."""
        off = measure_imbalance(result)
        found = {IMBALANCE: f"is off by {off:.3g} of the capital" if off else ""}
        history = self._histories.get(result.symbol)
        if history is not None:
            dropped = count_dropped_signals(result, history)
            found[DROPPED_SIGNALS] = f"dropped {dropped} signals" if dropped else ""
            found[LOOK_AHEAD] = _look_ahead(result.strategy, history)
        parameters = ", ".join(f"{k}={v}" for k, v in result.strategy.parameters().items())
        self.take_over(result.symbol, result.strategy.name, found, parameters)
        return found

    def take_over(
        self, symbol: str, strategy: str, found: Mapping[str, str], parameters: str = ""
    ) -> None:
        """Record what an earlier audit of the same result found."""
        self._findings += [
            _Finding(rule, strategy, symbol, parameters, wrong) for rule, wrong in found.items()
        ]

    def not_looked_at(self, strategies: Sequence[Strategy]) -> list[Strategy]:
        """Return those of which no result was audited closely."""
        seen = {one.strategy for one in self._findings if one.rule == LOOK_AHEAD}
        return [one for one in strategies if one.name not in seen]

    @property
    def has_bars(self) -> bool:
        """Whether it has the bars of a symbol with a result."""
        return bool(self._audited_histories())

    def measure_scaling(self, strategies: Sequence[Strategy], settings: BacktestSettings) -> None:
        """Time the strategies over growing windows of the kept histories that have a result."""
        if histories := self._audited_histories():
            self.scaling = measure_scaling(histories, strategies, settings)

    def findings(self) -> IntegrityFindings:
        """Return what was found so far, by rule and strategy."""
        by_rule = {rule: defaultdict(list) for rule in IntegrityFindings.model_fields}
        for one in self._findings:
            by_rule[one.rule][one.strategy].append(one)
        return IntegrityFindings.model_validate(
            {
                rule: {strategy: _summarize(found) for strategy, found in by_strategy.items()}
                for rule, by_strategy in by_rule.items()
            }
        )

    def _audited_histories(self) -> list[History]:
        symbols = {one.symbol for one in self._findings}
        return [one for symbol, one in self._histories.items() if symbol in symbols]


def _summarize(findings: Sequence[_Finding]) -> RuleFindings:
    """Return what is wrong by symbol, with the parameters if the strategy has several sets."""
    several = len({one.parameters for one in findings}) > 1
    offenders: dict[str, dict[str, None]] = defaultdict(dict)
    for one in findings:
        if one.wrong:
            named = f"({one.parameters}) {one.wrong}" if several else one.wrong
            offenders[one.symbol][named] = None
    return RuleFindings(
        symbols=len({one.symbol for one in findings}),
        offenders={symbol: "; ".join(wrongs) for symbol, wrongs in offenders.items()},
    )


def _look_ahead(strategy: Strategy, history: History) -> str:
    try:
        bar = find_look_ahead(strategy, history)
    except Exception as error:  # noqa: BLE001 - whatever a strategy's own code raises
        return f"fails on the first bars alone: {type(error).__name__}: {error}"
    return "" if bar is None else f"the signal of {history.dates[bar]} depends on later bars"
