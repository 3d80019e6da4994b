"""What runs that fetched prices found suspicious in them; often others than the report's own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from reports.inputs.run_data import RunData

_STAGE, _RUNS = "prices", 100


@dataclass(frozen=True)
class _Check:
    """What one run found.

    Parameters
    ----------
    recorded_at
        After it had stored its prices.
    offenders
        By rule and symbol; None of a run of another window, which asked about other days.
    """

    recorded_at: datetime
    offenders: Mapping[str, Mapping[str, str]] | None


@dataclass(frozen=True)
class PriceChecks:
    """What runs found.

    Parameters
    ----------
    runs
        Those that fetched prices of a source, newest first.
    whole
        Whether the oldest of them checked all symbols in the window.
    """

    runs: Sequence[_Check]
    whole: bool

    def find_warnings(self, symbol: str, fetched_at: datetime) -> dict[str, str] | None:
        """Return by rule what the newest run that names a symbol found; None if it is unchecked.

        Runs don't record which symbols they fetched, but bars know when they were: what runs found
        before that was of other bars. Where a run of another window fetched them, it counts.
        """
        since = [one for one in self.runs if one.recorded_at >= fetched_at]
        known = bool(since) and since[-1].offenders is not None
        found = (
            {rule: some[symbol] for rule, some in (one.offenders or {}).items() if symbol in some}
            for one in (since if known else self.runs)
        )
        return next(filter(None, found), {} if known or self.whole else None)


def load_price_checks(data: RunData) -> PriceChecks:
    """Return the checks until a run, from the newest that was of all symbols on."""
    results, scope, found, whole = data.stores.results, data.scope, list[_Check](), False
    listed = sum(map(data.is_listed, scope.universe))
    for one in results.get_stage_history(_STAGE, _RUNS, until=data.run["started_at"]):
        run, quality = results.get_run(one["run_id"]), one["profile"].get("quality")
        if run is None or quality is None or run["source"] != scope.source:
            continue
        window = run["start_date"], run["end_date"]
        same = window == (scope.start_date, scope.end_date)
        found.append(_Check(one["started_at"], quality["offenders"] if same else None))
        if whole := same and quality["symbols"] >= listed:
            break
    return PriceChecks(found, whole)
