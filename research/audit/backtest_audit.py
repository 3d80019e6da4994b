"""The audit of a run: what it finds out about its own backtests, closely on a few symbols."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from engine.history import History
from engine.results import BacktestResult
from engine.settings import BacktestSettings
from research.audit.findings import IntegrityFindings, RuleFindings, Scaling
from research.audit.integrity import CUTS, count_dropped_signals, find_look_ahead, measure_imbalance
from research.audit.scaling import MOST_SYMBOLS, measure_scaling
from strategies.base import Strategy

LOOK_AHEAD, DROPPED_SIGNALS, IMBALANCE = "look_ahead", "dropped_signals", "imbalance"
"""The rules, as `IntegrityFindings` names them."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule says of one result: a sentence, empty where nothing is wrong."""

    rule: str
    strategy: str
    symbol: str
    parameters: str
    wrong: str


@dataclass
class BacktestAudit:
    """Audits results one by one: the accounts of all, signals and look-ahead of the first symbols.

    Strategies that learn are tried at all cuts of the first symbol, and of each other at two: one
    is that before the last bar, the other a different one for each symbol.

    Call `audit` with each result, and at the end `measure_scaling`; then `findings` and `scaling`
    go into the profile of the stage. Several parameter sets of a strategy may be audited in one
    run: each result counts for itself.

    Parameters
    ----------
    closely
        Of how many symbols signals and look-ahead are audited.

    Attributes
    ----------
    scaling
        What `measure_scaling` measured; None where it was not called, or had nothing to measure.
    """

    scaling: Scaling | None = None
    closely: int = MOST_SYMBOLS
    _histories: dict[str, History] = field(default_factory=dict)
    _findings: list[Finding] = field(default_factory=list)

    def audit(self, result: BacktestResult, history: History) -> None:
        """Record what is wrong with a result; `history` has the bars that it was computed from."""
        off = measure_imbalance(result)
        self._record(result, IMBALANCE, f"is off by {off:.3g} of the capital" if off else "")
        if len(self._histories) < self.closely:
            self._histories[history.symbol] = history
        if history.symbol in self._histories:
            dropped = count_dropped_signals(result, history)
            self._record(result, DROPPED_SIGNALS, f"dropped {dropped} signals" if dropped else "")
            told = _describe_look_ahead(result.strategy, history, self._choose_spot(result))
            self._record(result, LOOK_AHEAD, told)

    def measure_scaling(self, strategies: Sequence[Strategy], settings: BacktestSettings) -> None:
        """Time the strategies over growing windows of the first symbols that have a result."""
        if self._histories:
            histories = list(self._histories.values())
            self.scaling = measure_scaling(histories, strategies, settings)

    def read(self) -> tuple[Finding, ...]:
        """Return what was recorded so far, for another audit to `add`."""
        return tuple(self._findings)

    def add(self, findings: Iterable[Finding]) -> None:
        """Add what another process has recorded of results of the same run."""
        self._findings += findings

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

    def _choose_spot(self, result: BacktestResult) -> int | None:
        number = list(self._histories).index(result.symbol)
        return (2 * number - 1) % CUTS if result.strategy.learns and number else None

    def _record(self, result: BacktestResult, rule: str, wrong: str) -> None:
        parameters = result.strategy.parameters().items()
        named = ", ".join(f"{name}={value}" for name, value in parameters)
        self._findings.append(Finding(rule, result.strategy.name, result.symbol, named, wrong))


def _summarize(findings: Sequence[Finding]) -> RuleFindings:
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


def _describe_look_ahead(strategy: Strategy, history: History, spot: int | None) -> str:
    try:
        bar = find_look_ahead(strategy, history, spot)
    except Exception as error:  # noqa: BLE001 - whatever a strategy's own code raises
        return f"fails on the first bars alone: {type(error).__name__}: {error}"
    return "" if bar is None else f"the signal of {history.dates[bar]} depends on later bars"
