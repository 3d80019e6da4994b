"""The page of a strategy: its curve over the universe, its symbols, and what is to be believed."""

from reports.html import render
from reports.inputs.strategy import StrategyInputs
from reports.page import Page, slugify
from reports.pages.curve_sections import list_curve_sections, write_curve
from reports.pages.evidence_sections import (
    describe_parameters,
    list_evidence_sections,
    show_verdict,
)
from reports.pages.robustness_sections import list_robustness_sections
from reports.pages.section import Section, paragraph
from reports.pages.symbol_sections import list_symbol_sections
from reports.paths import csv_path, strategy_path


def build_strategy(inputs: StrategyInputs) -> Page:
    """Return the page of a strategy, with its curve and its symbols as CSV."""
    path = strategy_path(inputs.strategy)
    curve_csv, symbols_csv = csv_path(path, "curve"), csv_path(path, "symbols")
    files: dict[str, bytes] = {}
    sections = [Section("verdict", "Verdict", show_verdict(inputs))]
    if inputs.curve is None:
        none = paragraph("The ledger of trials has no curve of it on this universe and window.")
        sections.append(Section("equity", "Equity", none))
    else:
        sections += list_curve_sections(inputs.strategy, inputs.curve, curve_csv)
        files[curve_csv] = write_curve(inputs.curve)
    of_symbols, files[symbols_csv] = list_symbol_sections(
        inputs.strategy, inputs.backtests, inputs.exits, symbols_csv
    )
    sections += list_evidence_sections(inputs)
    sections += list_robustness_sections(inputs.robustness)
    sections += of_symbols
    body = render("sections.html", slug=slugify(path), lead=[_describe(inputs)], sections=sections)
    return Page(path, inputs.strategy, body, files)


def _describe(inputs: StrategyInputs) -> str:
    parameters = describe_parameters(inputs.parameters) or "No parameters"
    rank = "too few symbols for a rank" if inputs.rank is None else f"rank {inputs.rank}"
    return f"{parameters}; {inputs.symbols} symbols, {rank}."
