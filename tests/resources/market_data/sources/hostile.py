"""Fetches hostile files in this process, and says what came of each and what memory it took.

``python -m tests.resources.market_data.sources.hostile <folder or URL> <symbols>``. The address
space is limited: a file that is read without bounds ends this process, and not the machine.
"""

import json
import re
import resource
import sys
from datetime import date
from pathlib import Path

WINDOW = (date(2021, 1, 1), date(2021, 12, 31))
_MOST_ADDRESSES = 4 * 2**30


def main(prices: str, symbols: list[str]) -> None:
    """Print a dict: what each symbol raised, and MiB of the peak."""
    from resources.market_data.sources.files import FilesSource
    from resources.market_data.sources.yahoo import YahooSource
    from resources.market_data.sources.yahoo_client import YahooClient

    resource.setrlimit(resource.RLIMIT_AS, (_MOST_ADDRESSES, _MOST_ADDRESSES))
    yahoo = prices.endswith("/yahoo")
    source = YahooSource(YahooClient(prices, lambda: None, 60.0)) if yahoo else FilesSource(prices)
    raised = {}
    for symbol in symbols:
        try:
            raised[symbol] = f"{source.fetch(symbol, *WINDOW).height} bars"
        except Exception as error:  # noqa: BLE001 - whatever it is, it is compared
            raised[symbol] = f"{type(error).__name__}: {error}"
    # Of this program alone: what getrusage says begins with the peak of whoever started it.
    (peak,) = re.findall(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    sys.stdout.write(json.dumps({"raised": raised, "peak": int(peak) / 1024}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
