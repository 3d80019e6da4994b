"""What a benchmark reports: verdicts on its limits, tables, and curves to plot."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

Status = Literal["met", "missed", "not judged"]

Sense = Literal["at least", "at most", "below"]


@dataclass(frozen=True)
class Verdict:
    """One figure against its limit.

    Parameters
    ----------
    what
        What the figure is, as text for a table.
    measured
        The figure; None where it could not be measured.
    sense, limit
        What it must be: ``at least``, ``at most`` or ``below`` the limit.
    unit
        Of both, such as "x" or "MB".
    aim
        A target beyond the limit; missing it is shown, and is not a failure.
    why_not
        Why it was not measured.
    """

    what: str
    measured: float | None
    sense: Sense
    limit: float
    unit: str = ""
    aim: float | None = None
    why_not: str = ""

    @property
    def status(self) -> Status:
        """Whether the limit holds."""
        if self.measured is None:
            return "not judged"
        return "met" if self._holds(self.limit) else "missed"

    @property
    def aim_reached(self) -> bool | None:
        """Whether the aim is reached; None without one."""
        if self.aim is None or self.measured is None:
            return None
        return self._holds(self.aim)

    def _holds(self, limit: float) -> bool:
        measured = self.measured
        if measured is None:
            return False
        if self.sense == "at least":
            return measured >= limit
        return measured <= limit if self.sense == "at most" else measured < limit


@dataclass(frozen=True)
class Table:
    """Rows for readers; figures are text already, rounded to their precision."""

    title: str
    columns: list[str]
    rows: list[list[str]]


@dataclass(frozen=True)
class Curve:
    """Medians over growing sizes, and the exponent that fits them."""

    size: str
    sizes: list[int]
    seconds: list[float]
    exponent: float


@dataclass(frozen=True)
class Report:
    """All that one benchmark measured."""

    verdicts: list[Verdict] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @property
    def missed(self) -> list[Verdict]:
        """The verdicts whose limit is missed."""
        return [verdict for verdict in self.verdicts if verdict.status == "missed"]


@dataclass(frozen=True)
class Record:
    """A report as it is saved: with the name and text of its benchmark, and the machine.

    Parameters
    ----------
    took
        Seconds from its start to its end, on the wall.
    """

    name: str
    text: str
    quick: bool
    machine: dict[str, str]
    report: Report
    group: str = "engine"
    took: float = 0.0

    def write(self, folder: Path) -> Path:
        """Write the record as JSON into the folder, and return its path."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.name}.json"
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")
        return path

    @classmethod
    def read(cls, path: Path) -> "Record":
        """Return the record that `write` made."""
        saved = json.loads(path.read_text())
        return cls(**{**saved, "report": _report(saved["report"])})


def _report(saved: dict[str, Any]) -> Report:
    return Report(
        verdicts=[Verdict(**one) for one in saved["verdicts"]],
        tables=[Table(**one) for one in saved["tables"]],
        curves=[Curve(**one) for one in saved["curves"]],
        remarks=saved["remarks"],
    )
