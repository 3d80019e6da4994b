"""What a check says: a verdict with its measurement, its limit and what to do next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import dagster as dg

_OFFENDERS_SHOWN = 10
_NAMES_SHOWN = 5


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

    def advising(self, what_to_do: str) -> "Verdict":
        """Return the verdict with what its reader should do, unless it passed."""
        if self.passed:
            return self
        return replace(self, metadata={**self.metadata, "what_to_do": what_to_do})

    def showing(self, **more: Any) -> "Verdict":
        """Return the verdict with more metadata."""
        return replace(self, metadata={**self.metadata, **more})

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


def unmeasured(why: str) -> Verdict:
    """Return the verdict on what a run should have measured and did not: not passed."""
    return replace(NOT_MEASURED, description=f"Nothing was measured: {why}.")


def at_least(what: str, measured: float, limit: float, warning: float) -> Verdict:
    """Judge a share that has to reach `limit`, and should reach `warning`."""
    return _verdict(
        broken=measured < limit,
        worrying=measured < warning,
        description=f"{what}: {measured:.1%}, limit {limit:.0%}.",
        metadata={"measured": measured, "limit": limit, "warning_level": warning},
    )


def below(
    what: str, measured: float, limit: float, warning: float, unit: str = "", digits: int = 0
) -> Verdict:
    """Judge a figure that has to stay below `limit`, and should stay below `warning`."""
    suffix = f"_{unit.lower()}" if unit else ""
    shown = f"{measured:,.{digits}f} {unit}".strip(), f"{limit:,.{digits}f} {unit}".strip()
    return _verdict(
        broken=not measured < limit,
        worrying=not measured < warning,
        description=f"{what} {shown[0]}, limit {shown[1]}.",
        metadata={
            f"measured{suffix}": measured,
            f"limit{suffix}": limit,
            f"warning_level{suffix}": warning,
        },
    )


def none_of(what: str, offenders: Mapping[str, Any], of: int) -> Verdict:
    """Judge what must hold of everything that was looked at; one offender breaks it."""
    return _verdict(
        broken=bool(offenders),
        worrying=False,
        description=f"{what} on {len(offenders)} of {of} symbols, limit 0.",
        metadata={"measured": len(offenders), "limit": 0, "symbols": of},
    )


def worse(first: Verdict, second: Verdict) -> Verdict:
    """Return the worse of two verdicts, with what both have measured; the first of equals."""
    worst, other = (first, second) if _rank(first) >= _rank(second) else (second, first)
    return replace(
        worst,
        description=f"{worst.description} {other.description}",
        metadata={**other.metadata, **worst.metadata},
    )


def _rank(verdict: Verdict) -> tuple[bool, bool]:
    return not verdict.passed, verdict.severity == dg.AssetCheckSeverity.ERROR


def with_sample(verdict: Verdict, offenders: Mapping[str, Any]) -> Verdict:
    """Return the verdict with a capped sample of the offenders, by symbol."""
    if not offenders:
        return verdict
    lines = [f"- `{symbol}` {text}" for symbol, text in list(offenders.items())[:_OFFENDERS_SHOWN]]
    if len(offenders) > _OFFENDERS_SHOWN:
        lines.append(f"- and {len(offenders) - _OFFENDERS_SHOWN} more")
    return verdict.showing(offenders=dg.MetadataValue.md("\n".join(lines)))


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
    named = replace(verdict, description=f"{verdict.description} {_names(failures)}")
    return named.showing(failures=len(failures), offenders=dg.MetadataValue.md("\n".join(lines)))


def _names(failures: Sequence[Mapping[str, Any]]) -> str:
    """Return which symbols failed: the UI shows metadata only when it is clicked."""
    symbols = list(dict.fromkeys(failure["symbol"] for failure in failures))
    more = f" and {len(symbols) - _NAMES_SHOWN} more" if len(symbols) > _NAMES_SHOWN else ""
    return f"Failed: {', '.join(symbols[:_NAMES_SHOWN])}{more}."


def _verdict(
    *, broken: bool, worrying: bool, description: str, metadata: Mapping[str, Any]
) -> Verdict:
    severity = dg.AssetCheckSeverity.ERROR if broken else dg.AssetCheckSeverity.WARN
    return Verdict(not (broken or worrying), severity, description, metadata)
