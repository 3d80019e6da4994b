"""What a check found: a measurement, its limit, and what to do when it does not hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import dagster as dg

_OFFENDERS_SHOWN = 10
_NAMES_SHOWN = 5


@dataclass(frozen=True)
class CheckOutcome:
    """A judged measurement.

    Parameters
    ----------
    passed, severity
        Beyond the limit: not passed, ERROR; beyond the warning level only: not passed, WARN.
    description
        One sentence with the measured value and the limit.
    metadata
        ``measured``, ``limit``, and what helps to find the cause.
    """

    passed: bool
    severity: dg.AssetCheckSeverity
    description: str
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def with_guidance(self, guidance: str) -> "CheckOutcome":
        """Return the outcome with what its reader should do, unless it passed."""
        return self if self.passed else self.with_metadata(guidance=guidance)

    def with_metadata(self, **more: Any) -> "CheckOutcome":
        """Return the outcome with more metadata."""
        return replace(self, metadata={**self.metadata, **more})

    def with_offenders(self, offenders: Mapping[str, str]) -> "CheckOutcome":
        """Return the outcome with a sample of the offenders, by symbol."""
        return self._with_sample([f"`{symbol}` {text}" for symbol, text in offenders.items()])

    def with_failures(self, failures: Sequence[Mapping[str, Any]]) -> "CheckOutcome":
        """Return the outcome with the number of failures, their symbols and a sample of them."""
        if not failures:
            return self
        lines = [
            f"`{one['symbol']}` ({one['stage']}) {one['error_class']}: {one['message']}"
            for one in failures
        ]
        described = replace(self, description=f"{self.description} {_name_symbols(failures)}")
        sampled = described._with_sample(lines, ", in the table `failures`")
        return sampled.with_metadata(failures=len(failures))

    def to_result(self, key: dg.AssetKey, check_name: str) -> dg.AssetCheckResult:
        """Return the outcome as Dagster's result of a check."""
        return dg.AssetCheckResult(
            passed=self.passed,
            asset_key=key,
            check_name=check_name,
            severity=self.severity,
            description=self.description,
            metadata=self.metadata,
        )

    def _with_sample(self, lines: Sequence[str], where: str = "") -> "CheckOutcome":
        if not lines:
            return self
        shown = [f"- {line}" for line in lines[:_OFFENDERS_SHOWN]]
        if len(lines) > _OFFENDERS_SHOWN:
            shown.append(f"- and {len(lines) - _OFFENDERS_SHOWN} more{where}")
        return self.with_metadata(offenders=dg.MetadataValue.md("\n".join(shown)))


def not_measured(why: str) -> CheckOutcome:
    """Return the outcome of a check whose run did not measure what it judges: not passed."""
    return CheckOutcome(False, dg.AssetCheckSeverity.ERROR, f"Nothing was measured: {why}.")


def require_at_least(what: str, measured: float, limit: float, warning: float) -> CheckOutcome:
    """Judge a share that has to reach `limit`, and should reach `warning`."""
    return _judge(
        broken=measured < limit,
        worrying=measured < warning,
        description=f"{what}: {measured:.1%}, limit {limit:.0%}",
        level=f"warns below {warning:.0%}",
        metadata={"measured": measured, "limit": limit, "warning_level": warning},
    )


def require_below(
    what: str, measured: float, limit: float, warning: float, unit: str = "", digits: int = 0
) -> CheckOutcome:
    """Judge a figure that has to stay below `limit`, and should stay below `warning`."""
    suffix = f"_{unit.lower()}" if unit else ""
    shown, most, level = (f"{one:,.{digits}f} {unit}".strip() for one in (measured, limit, warning))
    return _judge(
        broken=not measured < limit,
        worrying=not measured < warning,
        description=f"{what} {shown}, limit {most}",
        level=f"warns from {level}",
        metadata={
            f"measured{suffix}": measured,
            f"limit{suffix}": limit,
            f"warning_level{suffix}": warning,
        },
    )


def require_none(what: str, offenders: Mapping[str, str], of: int) -> CheckOutcome:
    """Judge what must hold of every symbol that was audited; one offender breaks it."""
    outcome = _judge(
        broken=bool(offenders),
        worrying=False,
        description=f"{what} on {len(offenders)} of {of} symbols, limit 0",
        metadata={"measured": len(offenders), "limit": 0, "symbols": of},
    )
    return outcome.with_offenders(offenders)


def combine_worst(first: CheckOutcome, second: CheckOutcome) -> CheckOutcome:
    """Return the worse of two outcomes, with what both measured; the first of equals."""
    worst, other = (first, second) if _rank(first) >= _rank(second) else (second, first)
    return replace(
        worst,
        description=f"{worst.description} {other.description}",
        metadata={**other.metadata, **worst.metadata},
    )


def _rank(outcome: CheckOutcome) -> tuple[bool, bool]:
    return not outcome.passed, outcome.severity == dg.AssetCheckSeverity.ERROR


def _name_symbols(failures: Sequence[Mapping[str, Any]]) -> str:
    """Return which symbols failed: the UI shows metadata only when it is clicked."""
    symbols = list(dict.fromkeys(failure["symbol"] for failure in failures))
    more = f" and {len(symbols) - _NAMES_SHOWN} more" if len(symbols) > _NAMES_SHOWN else ""
    return f"Failed: {', '.join(symbols[:_NAMES_SHOWN])}{more}."


def _judge(
    *,
    broken: bool,
    worrying: bool,
    description: str,
    metadata: Mapping[str, Any],
    level: str = "",
) -> CheckOutcome:
    """Return the outcome; what only warns says the level too, for the limit itself holds."""
    told = f"{description}, {level}." if worrying and not broken else f"{description}."
    severity = dg.AssetCheckSeverity.ERROR if broken else dg.AssetCheckSeverity.WARN
    return CheckOutcome(not (broken or worrying), severity, told, metadata)
