"""Where the pages of strategies and symbols are in a report."""

from reports.names import name_file

SYMBOLS, CORRELATION, POSITIONS = "symbols.html", "correlation.html", "positions.html"
PORTFOLIOS = "portfolios.html"


def strategy_path(strategy: str) -> str:
    """Return the path of a strategy's page."""
    return f"strategies/{name_file(strategy)}.html"


def symbol_path(symbol: str) -> str:
    """Return where all strategies on a symbol are."""
    return f"symbols/{name_file(symbol)}.html"


def pair_path(symbol: str, strategy: str) -> str:
    """Return where one strategy on one symbol is."""
    return f"symbols/{name_file(symbol)}/{name_file(strategy)}.html"


def positions_path(strategy: str) -> str:
    """Return where it says what a strategy holds."""
    return f"positions/{name_file(strategy)}.html"


def csv_path(path: str, kind: str) -> str:
    """Return the path of a CSV file beside a page: ``strategies/rsi.curve.csv``."""
    return f"{path.removesuffix('.html')}.{kind}.csv"
