"""The parts of a strategy's page on whether its results can be believed."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from markupsafe import Markup

from reports.figures.line_chart import Curve, draw_lines
from reports.figures.pair_chart import draw_pairs
from reports.heat import shade
from reports.inputs.criteria import CriterionResult
from reports.inputs.parameter_map import ParameterMap
from reports.inputs.strategy import StrategyInputs
from reports.inputs.universe_curve import UniverseCurve
from reports.numbers import show_count, show_p_value, show_percent, show_ratio
from reports.pages.section import Section, join, paragraph
from reports.tables import Cell, Column, Table
from research.robustness.growth_cone import GrowthCone
from strategies.parameters import describe_parameters, describe_value

_CRITERIA = (
    Column("Criterion"),
    Column("Sharpe", show_ratio, "Of what is judged, beyond the market, per year.", numeric=True),
    Column("p-value or share", show_p_value, "The lower, the better.", numeric=True),
    Column("Limit", lambda value: f"{value:g}", "The highest value that passes.", numeric=True),
    Column("Passes"),
    Column("What it asks"),
)
_TRIED = (
    Column("Trials", show_count, "Parameter sets of this strategy that were tried.", numeric=True),
    Column("Tested", show_count, "Those that are active enough to be tested.", numeric=True),
    Column("Competing", show_count, "All active trials on this universe, against which luck is "
           "judged.", numeric=True),
    Column("Independent", show_ratio, "How many independent trials they are worth.", numeric=True),
    Column("Probabilistic Sharpe", show_p_value,
           "Probability that the best set's Sharpe ratio is above 0.", numeric=True),
    Column("Deflated Sharpe", show_p_value,
           "The same above that of the best of as many worthless trials.", numeric=True),
    Column("Overfitting", show_percent,
           "Share of divisions in which the best set of one half is below the median in the other.",
           numeric=True),
    Column("Years needed", show_ratio,
           "Track record for the best set's Sharpe ratio to be above 0 at 95%.", numeric=True),
    Column("Years for luck", show_ratio,
           "Backtests shorter than this show a Sharpe ratio of 1 by luck.", numeric=True),
)  # fmt: skip
_FOLDS = (
    Column("Traded from"), Column("To"), Column("Chosen on, from"), Column("Until"),
    Column("Parameters"),
    Column("Sharpe before", show_ratio, "In the days that they were chosen on.", numeric=True),
    Column("Sharpe after", show_ratio, "In the days that they were traded.", numeric=True),
    Column("Why"),
)  # fmt: skip


def show_verdict(inputs: StrategyInputs) -> Markup:
    """Return the verdict, its criteria, and how much was tried."""
    verdict = inputs.verdict
    if verdict is None:
        return paragraph("Not judged: verdicts are made by runs of the whole universe.")
    said = Markup('<p><strong class="verdict {}">{}</strong>: {}. {}</p>').format(
        verdict["verdict"],
        verdict["verdict"],
        verdict["reason"] or "it passes all criteria",
        _describe_hedge(verdict["hedge"]),
    )
    tried = [
        verdict[name]
        for name in (
            "trials", "active_trials", "competing_trials", "effective_trials", "psr", "dsr",
            "overfitting_share", "min_track_record_years", "min_backtest_years",
        )
    ]  # fmt: skip
    criteria = Table("Criteria", _CRITERIA, [_build_row(one) for one in inputs.criteria])
    best = describe_parameters(json.loads(verdict["best_parameters"]))
    return join(
        said,
        criteria.render(),
        Table("What was tried", _TRIED, [tried]).render(),
        paragraph(f"Best parameter set: {best}." if best else "No parameter set is active enough."),
    )


def _describe_hedge(hedge: str) -> str:
    if hedge == "positions":
        return "Compared with the same money in the universe on the same days."
    return "Compared with one share of the universe, held all the time."


def _build_row(one: CriterionResult) -> list[Any]:
    passed = Cell("passes", kind="good") if one.passed else Cell("fails", kind="bad")
    return [
        one.name, one.statistic, one.value, one.limit, passed, Cell(one.question, kind="text"),
    ]  # fmt: skip


def list_evidence_sections(inputs: StrategyInputs) -> list[Section]:
    """Return parameters, walk-forward and the cone, from top to bottom."""
    sections = [
        Section("parameters", "Parameters", _show_parameters(inputs)),
        Section("walk-forward", "Walk-forward", _show_walk_forward(inputs.walk_forward)),
    ]
    if inputs.curve is not None and inputs.cone is not None:
        cone = _show_cone(inputs.strategy, inputs.curve, inputs.cone)
        sections.append(Section("cone", "Monte Carlo cone", cone))
    return sections


def _show_parameters(inputs: StrategyInputs) -> Markup:
    told = paragraph(f"Used in this run: {describe_parameters(inputs.parameters)}.")
    found = inputs.parameter_map
    if found is None:
        return join(told, paragraph("No others were tried on this universe."))
    sentences = [f"{found.points} parameter sets were tried."]
    if found.plateau is not None and found.plateau_sharpe is not None:
        sentences.append(
            f"The plateau is at {describe_parameters(found.plateau)}: with its neighbours it has "
            f"{found.plateau_sharpe:.2f} on average."
        )
    table = _tabulate_map(found)
    return join(told, paragraph(" ".join(sentences)), table.render() if table else "")


def _tabulate_map(found: ParameterMap) -> Table | None:
    heat_map = found.heat_map
    if heat_map is None:
        return None
    known = np.abs(heat_map.cells[np.isfinite(heat_map.cells)])
    reach = float(known.max()) if len(known) else 0.0
    corner = f"{heat_map.row} \\ {heat_map.column}" if heat_map.row else heat_map.column
    columns = [
        Column(corner),
        *(Column(describe_value(value), show_ratio, numeric=True) for value in heat_map.columns),
    ]
    marked = heat_map.marked if found.plateau is not None else None
    rows = [
        [
            describe_value(value) if heat_map.row else "Sharpe ratio",
            *(
                shade(one, reach, note="plateau" if (row, column) == marked else "")
                for column, one in enumerate(heat_map.cells[row].tolist())
            ),
        ]
        for row, value in enumerate(heat_map.rows)
    ]
    others = describe_parameters(heat_map.others)
    fixed = f", at {others}" if others else ""
    return Table(f"Sharpe ratio beyond the market, per year{fixed}", columns, rows)


def _show_walk_forward(stored: Mapping[str, Any] | None) -> Markup:
    if stored is None:
        return paragraph("There is no walk-forward on this universe, window and settings.")
    folds = stored["folds"]
    before, after = (
        np.array([one[name] for one in folds], dtype=np.float64)
        for name in ("in_sample_sharpe_ratio", "out_of_sample_sharpe_ratio")
    )
    chart = draw_pairs(
        "Sharpe ratio beyond the market, before and after the choice",
        f"{int((after > 0).sum())} of {len(folds)} folds are above 0 out of sample.",
        [one["test_start"] for one in folds],
        (("chosen on", before), ("traded", after)),
    )
    rows = [
        [
            one["test_start"],
            one["test_end"],
            one["train_start"],
            one["train_end"],
            describe_parameters(one["parameters"]),
            one["in_sample_sharpe_ratio"],
            one["out_of_sample_sharpe_ratio"],
            one["why"],
        ]
        for one in folds
    ]
    total = (
        f"{stored['protocol']}: {show_ratio(stored['residual_sharpe_ratio'])} out of sample, "
        f"{show_ratio(stored['mean_in_sample_sharpe_ratio'])} on average before; parameters "
        f"changed {stored['changes']} times."
    )
    return join(paragraph(total), chart, Table("Folds", _FOLDS, rows).render())


def _show_cone(name: str, curve: UniverseCurve, cone: GrowthCone) -> Markup:
    days = curve.dates[cone.bars - 1]
    chart = draw_lines(
        f"Where {cone.level:.0%} of draws are",
        f"At the end {cone.level:.0%} of draws are between {cone.low[-1]:.3f} and "
        f"{cone.high[-1]:.3f}; {name} is at {curve.level[-1]:.3f}.",
        [
            Curve(name, curve.dates, curve.level),
            Curve("median of draws", days, cone.median, "var(--soft)"),
        ],
        level=1.0,
        band=(Curve("low", days, cone.low), Curve("high", days, cone.high)),
    )
    columns = (
        Column("After", lambda bars: f"{bars:,} days", numeric=True),
        Column("Low", show_ratio, numeric=True),
        Column("Median", show_ratio, numeric=True),
        Column("High", show_ratio, numeric=True),
    )
    places = np.unique(np.linspace(0, len(cone.bars) - 1, 7).round().astype(int)).tolist()
    rows = [
        [int(cone.bars[at]), float(cone.low[at]), float(cone.median[at]), float(cone.high[at])]
        for at in places
    ]
    told = (
        f"{cone.draws} draws of its own days in blocks of {cone.block:.0f} on average, the draws "
        f"of the intervals below. {cone.losing:.1%} of them end with a loss."
    )
    return join(paragraph(told), chart, Table("Value of 1 invested", columns, rows).render())
