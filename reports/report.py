"""The report of a run, from what is stored of it to the files."""

from collections.abc import Collection, Iterator, Mapping

from reports.digests import digest
from reports.folder import ReportFolder
from reports.inputs.correlation import load_correlation
from reports.inputs.data_quality import load_data_quality
from reports.inputs.failures import load_failures
from reports.inputs.heading import build_heading
from reports.inputs.leaderboard import load_leaderboard
from reports.inputs.pairs import SymbolInputs, load_symbols
from reports.inputs.portfolios import load_portfolios
from reports.inputs.positions import load_positions
from reports.inputs.run_data import RunData, Stores, load_run_data
from reports.inputs.runs import load_runs
from reports.inputs.strategy import StrategyInputs, load_strategy
from reports.inputs.universe_curve import load_universe_curves
from reports.page import Details, Page
from reports.pages.correlation import build_correlation
from reports.pages.data_quality import build_data_quality
from reports.pages.failures import build_failures
from reports.pages.leaderboard import build_leaderboard
from reports.pages.pair import build_pairs
from reports.pages.portfolios import build_portfolios
from reports.pages.positions import build_held, build_positions
from reports.pages.runs import build_runs
from reports.pages.strategy import build_strategy
from reports.pages.symbol import build_symbol, build_symbols
from reports.paths import pair_path, strategy_path, symbol_path
from reports.site import WrittenSite, write_site


def write_report(stores: Stores, root: str, run_id: str) -> WrittenSite:
    """Write the report of a run into its folder among the reports.

    Parameters
    ----------
    root
        Folder or fsspec URL of all reports.

    Raises
    ------
    ReportError
        When the run has no leaderboard.
    """
    data = load_run_data(stores, run_id)
    folder = ReportFolder(root, run_id)
    return write_site(folder, build_heading(data), build_overview(data), build_details(data))


def build_overview(data: RunData) -> list[Page]:
    """Return the pages of the navigation, in its order; a new one is one line here."""
    curves = load_universe_curves(data)
    return [
        build_leaderboard(load_leaderboard(data)),
        build_symbols(data.backtests),
        build_portfolios(load_portfolios(data)),
        build_correlation(load_correlation(curves)),
        build_positions(load_positions(data)),
        build_failures(load_failures(data)),
        build_data_quality(load_data_quality(data)),
        build_runs(load_runs(data)),
    ]


def build_details(data: RunData) -> Iterator[Details]:
    """Yield the pages that the others lead to: of strategies, of symbols."""
    curves = load_universe_curves(data)
    for name in data.strategies:
        yield _list_strategy(load_strategy(data, name, curves.get(name)))
    yield from map(Details.of, build_held(load_positions(data)))
    verdicts = dict(data.board.select("strategy", "verdict").drop_nulls().iter_rows())
    for symbol in load_symbols(data):
        yield _list_symbol(symbol, verdicts)


def _list_strategy(inputs: StrategyInputs) -> Details:
    path = strategy_path(inputs.strategy)
    return Details({path: digest(inputs)}, lambda _: [build_strategy(inputs)])


def _list_symbol(symbol: SymbolInputs, verdicts: Mapping[str, str]) -> Details:
    """Return the page of a symbol, and those of the strategies on it."""
    name, prices = symbol.symbol, (symbol.prices.version, symbol.revised)
    strategies = [one["strategy"] for one in symbol.rows]
    own = symbol_path(name)
    judged = [verdicts.get(one, "") for one in strategies]
    shown = {own: digest(symbol.shown, prices, judged)} | {
        pair_path(name, strategy): digest(text, prices)
        for strategy, text in zip(strategies, symbol.shown, strict=True)
    }

    def draw(paths: Collection[str]) -> Iterator[Page]:
        if own in paths:
            yield build_symbol(symbol, verdicts)
        yield from build_pairs(symbol, paths)

    return Details(shown, draw)
