"""What a run's checks judge when little or nothing of it was computed.

A check never passes because nothing was measured. What an earlier run found of a result is found
of that result for good: it is taken over with the result. What no run has found yet, because it
looks closely at a few symbols only, is found now, on bars that are loaded for that.
"""

from collections.abc import Iterator

from engine.backtest import VectorBTEngine
from engine.history import History
from research.audit.backtest_audit import BacktestAudit
from resources.result_cache.run import RunCache


def complete(probe: BacktestAudit, cache: RunCache, engine: VectorBTEngine) -> None:
    """Find what a run's probe lacks: looks at results of each strategy, and how they scale.

    Strategies are timed whenever one of them has computed anything. If none has, the figures are
    those of the run that measured the same code, parameters and settings, and name that run.
    """
    unseen = [one for one in probe.not_looked_at(cache.strategies) if cache.hits[one.name]]
    measured = None if cache.misses.total() else cache.scaling()
    if measured is not None:
        probe.scaling = measured
    if unseen or not (measured or probe.has_bars):
        histories = list(_histories(probe, cache))
        for result in engine.run_batch(histories, unseen, cache.window).results if unseen else ():
            found = probe.audit(result)
            cache.add_findings(result.symbol, result.strategy.name, found)
    if measured is None:
        probe.measure_scaling(cache.strategies, engine.settings)
        if probe.scaling is not None:
            cache.remember_scaling(probe.scaling)


def _histories(probe: BacktestAudit, cache: RunCache) -> Iterator[History]:
    """Yield the bars of some known results; those that have changed since are not theirs."""
    for symbol, loaded in cache.prices.load(cache.first_hits):
        if not isinstance(loaded, Exception) and cache.is_made_of(symbol, loaded.data_version):
            probe.keep_history(loaded.history)
            yield loaded.history
