"""Every row of a project's results as JSON: `python -m tests.chaos.rows <folder of its data>`.

A process of its own: whoever connects keeps the embedded server running until it ends.
"""

import json
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

from resources.result_store.embedded import start_embedded

# A number in JSON has all its digits: equal texts are equal bits. Left out is which run wrote a row
# and when; the keys of a JSON object are sorted.
_BACKTESTS = """
    SELECT b.id::text, b.symbol || ' ' || b.strategy,
        (to_jsonb(b) - '{run_id, part, created_at, updated_at}'::text[])::text
            || coalesce(string_agg((to_jsonb(t) - 'backtest_id')::text, ' ' ORDER BY t), ''),
        b.run_id, b.part
    FROM backtests b LEFT JOIN trades t ON t.backtest_id = b.id GROUP BY b.id
"""
_OF_RUNS = "SELECT run_id, array_agg(backtest_id::text) FROM run_backtests GROUP BY run_id"
_LEADERBOARDS = """
    SELECT run_id, string_agg((to_jsonb(r) - 'run_id')::text, ' ' ORDER BY strategy)
    FROM leaderboard_rows r GROUP BY run_id
"""
_FAILURES = "SELECT run_id, count(*) FROM failures GROUP BY run_id"


def read_rows(connection: "psycopg.Connection[Any]") -> dict[str, Any]:
    """Return all rows of a database; nothing of one without the schema."""
    found = connection.execute("SELECT to_regclass('leaderboard_rows') IS NOT NULL").fetchone()
    if found is None or not found[0]:
        return {"backtests": [], "of_runs": {}, "leaderboards": {}, "failures": {}}
    return {
        "backtests": connection.execute(_BACKTESTS).fetchall(),
        "of_runs": _read_pairs(connection, _OF_RUNS),
        "leaderboards": _read_pairs(connection, _LEADERBOARDS),
        "failures": _read_pairs(connection, _FAILURES),
    }


def _read_pairs(connection: "psycopg.Connection[Any]", query: Any) -> Mapping[str, Any]:
    return dict(connection.execute(query).fetchall())


def connect(url: str) -> "psycopg.Connection[Any]":
    """Connect to the database of a URL of SQLAlchemy."""
    return psycopg.connect(url.replace("+psycopg", ""))


if __name__ == "__main__":
    with closing(connect(start_embedded(Path(sys.argv[1])).render_as_string(False))) as opened:
        json.dump(read_rows(opened), sys.stdout)
