"""Verdicts, their records, and the generated page."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.engine.growth import exponent
from benchmarks.render import figure, limit_of, write_page
from benchmarks.report import Curve, Record, Report, Table, Verdict

MACHINE = {"Processor": "a processor", "Cores": "2"}


@pytest.mark.parametrize(
    ("sense", "measured", "status"),
    [
        ("at least", 3.0, "met"),
        ("at least", 2.9, "missed"),
        ("at most", 3.0, "met"),
        ("at most", 3.1, "missed"),
        ("below", 2.9, "met"),
        ("below", 3.0, "missed"),
        ("at least", None, "not judged"),
        ("at least", float("nan"), "missed"),
        ("below", float("nan"), "missed"),
    ],
)
def test_a_verdict_says_whether_its_limit_holds(sense: Any, measured: Any, status: str):
    assert Verdict("speed", measured, sense, 3.0).status == status


def test_small_numbers_keep_their_digits():
    one = Verdict("what", 2.5e-10, "below", 1e-9)
    assert (figure(one), limit_of(one)) == ("2.5e-10", "below 1.0e-09")
    assert figure(Verdict("what", 0.02, "below", 1)) == "0.02"


def test_a_missed_aim_is_not_a_failure():
    verdict = Verdict("speed", 4.0, "at least", 3.0, aim=6.0)
    assert (verdict.status, verdict.aim_reached) == ("met", False)
    assert Report([verdict]).missed == []


def _record(*verdicts: Verdict, quick: bool = False) -> Record:
    report = Report(
        list(verdicts),
        [Table("Times", ["Contender", "s"], [["engine", "1.00"]])],
        [Curve(size, [1, 10], [0.1, 1.0], 1.0) for size in ("bars", "symbols")],
        ["A remark."],
    )
    return Record("growth", "Does it grow?\n\nAt length.\n", quick, MACHINE, report, took=95.2)


def test_a_record_reads_back_as_written(tmp_path: Path):
    record = _record(Verdict("speed", None, "at least", 3.0, "x", why_not="one core"))
    assert Record.read(record.write(tmp_path / "results")) == record


def test_the_page_has_machine_verdicts_tables_and_plot(tmp_path: Path):
    page = tmp_path / "docs" / "benchmarks.md"
    good = Verdict("speed", 4.0, "at least", 3.0, "x", aim=6.0)
    bad = Verdict("memory", 600.4, "below", 500.0, "MB")
    stages = replace(_record(), name="stages")
    one_curve = replace(stages, report=replace(stages.report, curves=stages.report.curves[:1]))
    write_page([_record(good, bad), one_curve], page)
    text = page.read_text()
    for line in (
        "| Processor | a processor |",
        "| All benchmarks took | 3 min |",
        "`python -m benchmarks.engine.stages`, 95 s",
        "| speed | 4 x | at least 3 x | 6 x: not reached | met |",
        "| memory | 600.40 MB | below 500 MB |  | **missed** |",
        "## Does it grow?",
        "| engine | 1.00 |",
        "A remark.",
        "![Time over size, both axes logarithmic](benchmarks-growth.png)",
    ):
        assert line in text
    for name in ("growth", "stages"):
        assert page.with_name(f"benchmarks-{name}.png").stat().st_size > 1000
    assert "--quick" not in text


def test_a_page_of_quick_results_says_so(tmp_path: Path):
    write_page([_record(quick=True)], tmp_path / "page.md")
    assert "from `--quick`" in (tmp_path / "page.md").read_text()


def test_the_exponent_of_a_power_law_is_estimated():
    assert exponent([1, 10, 100], [2.0, 2.0 * 10**1.5, 2.0 * 10**3]) == pytest.approx(1.5)
