"""The step of the forward record: what came since the last night is added to each record."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np

from assets.research_inputs import ResearchInputs
from engine.code_version import code_version, refuse_changed_code
from engine.failure import Failure
from research.forward.next_positions import NextPosition
from research.forward.night import Night, NightSpec, run_night
from research.forward.record import ForwardAddition, ForwardState, FrozenStrategy
from resources.price_store.universe_benchmark import LEAST_SHARE
from resources.result_store.manager import BacktestPersistenceManager
from strategies.base import Strategy

_MOST_MISSING = 1.0 - float(LEAST_SHARE)


@dataclass
class ForwardStage:
    """One execution of the step.

    Parameters
    ----------
    run_id
        Of the run that records.
    strategies
        With the parameters of the run.

    Attributes
    ----------
    record_ids
        The records of the run.
    begun
        Strategies whose record begins now.
    new_days
        How many days of records were added.
    waiting
        Why no days were added; "" where nothing is missing.
    recorded, equal
        How many days were recorded before, and how many of them this run's backtests give to the
        bit. They differ only where bars were revised, late or absent.
    revised, late, absent
        Symbols, see `research.forward.night.Night`.
    """

    run_id: str
    inputs: ResearchInputs
    store: BacktestPersistenceManager
    strategies: Sequence[Strategy]
    record_ids: list[str] = field(default_factory=list)
    begun: list[str] = field(default_factory=list)
    new_days: int = 0
    waiting: str = ""
    recorded: int = 0
    equal: int = 0
    revised: set[str] = field(default_factory=set)
    late: set[str] = field(default_factory=set)
    absent: set[str] = field(default_factory=set)
    failures: list[Failure] = field(default_factory=list)

    def run(self) -> None:
        """Record the night: all of it in one transaction, or nothing.

        Raises
        ------
        CodeChangedError
            When the code was edited while it was used; nothing is recorded.
        """
        frozen = [self._freeze(strategy) for strategy in self.strategies]
        self.record_ids = [str(one.identifier) for one in frozen]
        states = self.store.load_forward_states([one.identifier for one in frozen])
        pairs = list(zip(self.strategies, frozen, strict=True))

        def find_known(pair: tuple[Strategy, FrozenStrategy]) -> str:
            state = states.get(pair[1].identifier)
            return str(state.known.identifier) if state else ""

        additions: list[ForwardAddition] = []
        positions: list[NextPosition] = []
        # Records that rest on the same bars go on together: all of them, but for a new strategy.
        for _, group in groupby(sorted(pairs, key=find_known), key=find_known):
            together = list(group)
            state = states.get(together[0][1].identifier)
            night = self._run_night([strategy for strategy, _ in together], state)
            positions += night.next_positions
            additions += self._add(night, [one for _, one in together], states)
        refuse_changed_code(type(one) for one in self.strategies)
        source = self.inputs.source
        self.new_days = self.store.append_forward(self.run_id, source, additions, positions)

    def _freeze(self, strategy: Strategy) -> FrozenStrategy:
        scope = self.inputs.scope
        return FrozenStrategy(
            strategy=strategy.name,
            parameters=strategy.parameters(),
            code_version=code_version(type(strategy)),
            source=scope.source,
            symbols=scope.symbols,
            start_date=scope.start_date,
            settings=scope.settings,
        )

    def _run_night(self, strategies: Sequence[Strategy], state: ForwardState | None) -> Night:
        inputs, settings = self.inputs, self.inputs.run_settings
        spec = NightSpec(
            strategies,
            inputs.symbols,
            settings.window(),
            settings.backtest_settings(),
            inputs.equal_weight,
        )
        night = run_night(inputs.histories(), spec, state.known if state else None)
        self.revised.update(night.revised)
        self.late.update(night.late)
        self.absent.update(night.absent)
        self.failures += night.failures
        return night

    def _add(
        self,
        night: Night,
        frozen: Sequence[FrozenStrategy],
        states: dict,
    ) -> list[ForwardAddition]:
        """Return what a night adds to some records; nothing while too many symbols are missing."""
        added: list[ForwardAddition] = []
        for row, one in enumerate(frozen):
            state = states.get(one.identifier)
            if state is not None:
                self._compare(state, night, row)
            else:
                self.begun.append(one.strategy)
            known = night.freezes[row].session if state is None else state.known.session
            freeze = night.freezes[row] if state is None else None
            symbols = night.revised, night.late, night.absent
            added.append(
                ForwardAddition(one, known, freeze, night.days[row], night.known, *symbols)
            )
        if night.missing > _MOST_MISSING:
            self.waiting = (
                f"{night.missing:.0%} of the symbols have no bar of the last session; at most "
                f"{_MOST_MISSING:.0%} may be missing for a day to be recorded"
            )
            return []
        return added

    def _compare(self, state: ForwardState, night: Night, row: int) -> None:
        """Count the recorded days, and those that this run's backtest gives to the bit."""
        curves = night.curves
        at = np.searchsorted(curves.dates, state.sessions)
        there = at < len(curves.dates)
        same = curves.returns[row][at[there]] == state.returns[there]
        same &= curves.dates[at[there]] == state.sessions[there]
        self.recorded += int(there.sum())
        self.equal += int(same.sum())
