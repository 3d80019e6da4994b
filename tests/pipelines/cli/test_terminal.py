"""The main job in a real terminal of sixty columns."""

import re
from pathlib import Path

import polars as pl

from strategies.registry import registered_strategies
from tests.pipelines.cli.command import SYMBOLS, environment, lay_out
from tests.pipelines.cli.screen import read_screen, run_in_terminal

COLUMNS = 60
STEPS = ("prices", "backtests", "backtest_summaries", "leaderboard")


def test_nothing_is_cut_off_in_a_terminal(tmp_path: Path, database: str):
    lay_out(tmp_path, SYMBOLS)
    given = environment(database, TERM="xterm-256color")
    del given["COLUMNS"]
    arguments = ["-m", "pipelines.cli.main_job", "--symbol", ",".join(SYMBOLS[:5])]
    code, written = run_in_terminal(arguments, COLUMNS, tmp_path, given)
    lines = read_screen(written, COLUMNS)
    assert code == 0, "\n".join(lines)
    assert "…" not in written
    words = " ".join(" ".join(lines).split())
    strategies = len(registered_strategies())
    assert words.startswith(
        f"5 symbols x {strategies} strategies, source synthetic, 2023-01-01 to 2023-12-31 "
    )
    assert "universe: 5 of 7 symbols have prices; at least 6 are needed" in words
    assert "trades beats" in words
    drawn = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", written)
    for step in STEPS:
        assert f" {step} ━" in drawn, f"no bar while {step} was at work"
    # The bars are gone, what the steps said has stayed.
    assert not any("━" in line for line in lines)
    assert all(
        re.search(rf"^  {step} +5 of [57] symbols in", "\n".join(lines), re.M) for step in STEPS
    )
    assert "synthetic prices (made up, of no market), 2023-01-01 to 2023-12-31" in words
    assert "5 of 7 symbols; fees 0.1 %, slippage 0.1 % per fill; made 2" in words
    (stored,) = (tmp_path / ".data/reports").rglob("leaderboard.csv")
    _require_leaderboard(lines, pl.read_csv(stored))


def _require_leaderboard(lines: list[str], stored: pl.DataFrame) -> None:
    """Require that each value of the leaderboard is on the screen, in one table or two."""
    shown: dict[str, dict[str, str]] = {}
    headings: list[str] = []
    for line in lines[lines.index("Leaderboard") + 1 :]:
        cells = line.split()
        if line.startswith("#"):
            headings = cells
        elif len(cells) == len(headings) and cells[1] in set(stored["strategy"]):
            shown.setdefault(cells[1], {}).update(zip(headings, cells, strict=True))
    assert list(shown) == stored["strategy"].to_list()
    for row in stored.iter_rows(named=True):
        on_screen = shown[row["strategy"]]
        assert on_screen["ranked"] == str(row["ranked_symbols"])
        assert on_screen["worst"] == f"{row['worst_max_drawdown']:.0%}"
        assert on_screen["trades"] == str(row["total_trades"])
        assert on_screen["beats"] == f"{row['share_beating_benchmark']:.0%}"
        sharpe = row["median_sharpe_ratio"]
        assert on_screen["Sharpe"] == ("-" if sharpe is None else f"{sharpe:.2f}")
