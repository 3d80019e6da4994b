"""What a source notes about prices is in the log of the run, and in the metadata of the symbol."""

from assets.price_notes import describe_notes, describe_wide_spreads
from resources.market_data.source import SourceNotes
from tests.project import Project

ROUNDED = (
    "3 bars of 1 symbol (AAPL) had a high or low that was off by rounding: widened to contain open "
    "and close"
)
TRADED, ADJUSTED = "as traded: no adjustment found", "adjusted by column 'Adj Close'"


def test_notes_are_one_line_per_fact_with_some_symbols():
    notes = {f"S{n}": SourceNotes(TRADED, dropped=n) for n in range(7)}
    notes |= {"AAPL": SourceNotes(ADJUSTED, repaired=3, has_volume=False), "YHOO": SourceNotes()}
    assert describe_notes(notes) == [
        "7 symbols (S0, S1, S2, S3, S4, ...): as traded: no adjustment found",
        "1 symbol (AAPL): adjusted by column 'Adj Close'",
        ROUNDED,
        "21 rows of 6 symbols (S1, S2, S3, S4, S5, ...) had no price: left out",
        "1 symbol (AAPL): no volume, and so no rules of volume",
    ]
    assert describe_notes({"YHOO": SourceNotes()}) == []


def test_only_medians_above_one_percent_are_warned_of():
    assert describe_wide_spreads({"A": 0.01, "B": 0.0002}) == ""
    assert describe_wide_spreads({"A": 0.011, "B": 0.05, "C": 0.0002}).startswith(
        "2 symbols (A, B): median half_spread above 1% of the price, the largest 0.05 (5 %) of B:"
    )


def test_notes_of_a_file_are_in_metadata_and_log(project: Project):
    lines = project.feed("S00").read_text().splitlines()
    names = lines[0].split(",")
    kept = [",".join(line.split(",")[: names.index("volume")]) for line in lines]
    project.feed("S00").write_text("\n".join([*kept, "2031-01-02,null,null,null,null"]))
    result = project.run("S00", selection=["prices"])
    (event,) = result.asset_materializations_for_node("prices")
    told = {name: value.value for name, value in event.metadata.items()}
    assert told["price_basis"] == TRADED
    assert (told["dropped_rows"], told.get("repaired_bars")) == (1, None)
    log = [entry.user_message for entry in project.instance.all_logs(result.run_id)]
    assert f"1 symbol (S00): {TRADED}" in log
    assert "1 rows of 1 symbol (S00) had no price: left out" in log
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert checks["volume_is_traded"].passed
