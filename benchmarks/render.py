"""The page docs/benchmarks.md, made of the records that benchmarks leave behind."""

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.report import Curve, Record, Table, Verdict

_HEAD = """\
# Benchmarks

Made by `make bench`, which runs every question of the folders in `benchmarks/` and rewrites this
page; edit those files, not this one. A contender is
warmed up, then timed in turn with its rivals in one process, garbage collection off and one thread
for linear algebra. A time is the median of the rounds; a ratio is taken within each round, and its
median is what is judged. "Spread" is the distance between the quartiles as a share of the median:
how far the machine let the figure be trusted. A missed limit makes the command exit with 1.
"""

_QUICK = """
**These figures are from `--quick`: small sizes that show that everything runs, and nothing more.**
"""


def write_page(records: Sequence[Record], page: Path) -> None:
    """Write the page, and the plot of each curve beside it."""
    plots = {record.name: _plot(record, page) for record in records if record.report.curves}
    parts = [_HEAD, _QUICK if any(record.quick for record in records) else "", _machine(records)]
    parts += ["\n## Limits\n", _verdicts([v for r in records for v in r.report.verdicts])]
    parts += [_section(record, plots.get(record.name)) for record in records]
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("\n".join(part for part in parts if part))


def figure(verdict: Verdict) -> str:
    """Return what was measured, with its unit."""
    if verdict.measured is None:
        return "-"
    return f"{_number(verdict.measured)}{_unit(verdict)}"


def limit_of(verdict: Verdict) -> str:
    """Return what must hold, with its unit."""
    return f"{verdict.sense} {_number(verdict.limit)}{_unit(verdict)}"


def _number(value: float) -> str:
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.2f}"


def _unit(verdict: Verdict) -> str:
    return f" {verdict.unit}" if verdict.unit else ""


def _machine(records: Sequence[Record]) -> str:
    described = records[0].machine
    return _table(Table("", ["Machine", ""], [[name, text] for name, text in described.items()]))


def _verdicts(verdicts: Sequence[Verdict]) -> str:
    rows = [[v.what, figure(v), limit_of(v), _aim(v), _outcome(v)] for v in verdicts]
    return _table(Table("", ["What", "Measured", "Limit", "Aim", "Outcome"], rows))


def _aim(verdict: Verdict) -> str:
    if verdict.aim is None:
        return ""
    reached = {None: "", True: ": reached", False: ": not reached"}[verdict.aim_reached]
    return f"{_number(verdict.aim)}{_unit(verdict)}{reached}"


def _outcome(verdict: Verdict) -> str:
    status = f"**{verdict.status}**" if verdict.status == "missed" else verdict.status
    return f"{status}: {verdict.why_not}" if verdict.why_not else status


def _section(record: Record, plot: Path | None) -> str:
    heading, _, text = inspect.cleandoc(record.text).partition("\n")
    parts = [f"\n## {heading.rstrip('.')}\n", text.strip(), ""]
    parts += [f"`python -m benchmarks.{record.group}.{record.name}`\n"]
    if plot is not None:
        parts += [f"![Time over size, both axes logarithmic]({plot.name})\n"]
    for table in record.report.tables:
        parts += [f"{table.title}:\n", _table(table)]
    parts += [f"{remark}\n" for remark in record.report.remarks]
    return "\n".join(parts)


def _table(table: Table) -> str:
    lines = [table.columns, [":---", *["---:"] * (len(table.columns) - 1)], *table.rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def _plot(record: Record, page: Path) -> Path:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    curves = record.report.curves
    drawing, axes = pyplot.subplots(1, len(curves), figsize=(9, 3.6), layout="constrained")
    for one, curve in zip(axes, curves, strict=True):
        _draw(one, curve)
    path = page.with_name(f"{page.stem}-{record.name}.png")
    path.parent.mkdir(parents=True, exist_ok=True)
    drawing.savefig(path, dpi=110, metadata={"Software": None})
    pyplot.close(drawing)
    return path


def _draw(axes: Any, curve: Curve) -> None:
    """Draw the medians, and a line of proportional growth through the largest of them."""
    from matplotlib.ticker import LogLocator

    last, slowest = curve.sizes[-1], curve.seconds[-1]
    proportional = [slowest * size / last for size in curve.sizes]
    axes.loglog(curve.sizes, proportional, color="0.6", linestyle="--", label="proportional")
    axes.loglog(curve.sizes, curve.seconds, marker="o", label=f"exponent {curve.exponent:.2f}")
    axes.set_xticks(curve.sizes, [f"{size:,}" for size in curve.sizes])
    axes.minorticks_off()
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlabel(curve.size)
    axes.set_ylabel("seconds")
    axes.legend(frameon=False)
    axes.grid(visible=True, color="0.92")
