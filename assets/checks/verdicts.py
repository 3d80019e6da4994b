"""What a check says: a verdict with its measurement, its limit and what to do next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

_OFFENDERS_SHOWN = 10


@dataclass(frozen=True)
class Verdict:
    """A judged measurement.

    Parameters
    ----------
    passed, severity
        Beyond the outer limit: not passed, ERROR; beyond the warning level only: not passed, WARN.
    description
        One sentence with the measured value and the limit.
    metadata
        ``measured``, ``limit``, and what helps to find the cause.
    """

    passed: bool
    severity: dg.AssetCheckSeverity
    description: str
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def result(self, key: dg.AssetKey, check_name: str) -> dg.AssetCheckResult:
        """Return the verdict as Dagster's result of a check."""
        return dg.AssetCheckResult(
            passed=self.passed,
            asset_key=key,
            check_name=check_name,
            severity=self.severity,
            description=self.description,
            metadata=self.metadata,
        )


NOT_MEASURED = Verdict(
    passed=False,
    severity=dg.AssetCheckSeverity.ERROR,
    description="Nothing was measured: a check judges the run that materialized its asset, and "
    "there is none. Materialize the asset together with its checks.",
)


def at_least(what: str, measured: float, limit: float, warning: float, then: str) -> Verdict:
    """Judge a share that has to reach `limit`, and should reach `warning`."""
    return _verdict(
        broken=measured < limit,
        worrying=measured < warning,
        description=f"{what}: {measured:.1%}, limit {limit:.0%}.",
        metadata={"measured": measured, "limit": limit, "warning_level": warning},
        then=then,
    )


def megabytes_below(what: str, measured: float, limit: float, warning: float, then: str) -> Verdict:
    """Judge megabytes that have to stay below `limit`, and should stay below `warning`."""
    return _verdict(
        broken=measured >= limit,
        worrying=measured >= warning,
        description=f"{what} by {measured:.0f} MB, limit {limit:.0f} MB.",
        metadata={"measured_mb": measured, "limit_mb": limit, "warning_level_mb": warning},
        then=then,
    )


def with_offenders(verdict: Verdict, failures: Sequence[Mapping[str, Any]]) -> Verdict:
    """Return the verdict with the number of failures and a capped sample of them."""
    if not failures:
        return verdict
    lines = [
        f"- `{failure['symbol']}` ({failure['stage']}) {failure['error_class']}: "
        f"{failure['message']}"
        for failure in failures[:_OFFENDERS_SHOWN]
    ]
    if len(failures) > _OFFENDERS_SHOWN:
        lines.append(f"- and {len(failures) - _OFFENDERS_SHOWN} more, in the table `failures`")
    extra = {"failures": len(failures), "offenders": dg.MetadataValue.md("\n".join(lines))}
    return Verdict(
        verdict.passed, verdict.severity, verdict.description, {**verdict.metadata, **extra}
    )


def _verdict(
    *, broken: bool, worrying: bool, description: str, metadata: Mapping[str, Any], then: str
) -> Verdict:
    severity = dg.AssetCheckSeverity.ERROR if broken else dg.AssetCheckSeverity.WARN
    passed = not (broken or worrying)
    hint = {} if passed else {"what_to_do": then}
    return Verdict(passed, severity, description, {**metadata, **hint})
