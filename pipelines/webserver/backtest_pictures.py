"""Pictures of single backtests beside the Dagster UI, drawn when somebody looks.

They need the files of backtests and prices, and no database: who may look at them only has none.
"""

import os
from collections.abc import Mapping
from functools import cache
from typing import Any

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from assets.backtests.partitions import PICTURES
from pipelines.resources import build_resources
from resources.config.environment import EnvironmentSettings

_HEADERS = {
    # An SVG may have scripts: these could do nothing, opened by themselves as well.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
    # An identifier names one result for good, yet the picture may be drawn otherwise tomorrow.
    "Cache-Control": "private, max-age=60",
}
_NOT_FOUND = 404


def build_routes() -> list[Route]:
    """Return the route of pictures: by run, part of its files, and the backtest's identifier."""
    path = "/{run_id:uuid}/{part:int}/{identifier:uuid}.svg"
    return [Route(PICTURES + path, show_picture)]


async def show_picture(request: Request) -> Response:
    """Respond with the picture of a backtest; in one line, and 404, where there is none."""
    return await to_thread.run_sync(_draw, request.path_params)


def _draw(asked: Mapping[str, Any]) -> Response:
    from assets.backtests.evidence import load_evidence
    from assets.backtests.plot import render_backtest

    resources = _open_resources()
    shown = load_evidence(
        str(asked["run_id"]),
        asked["part"],
        str(asked["identifier"]),
        resources["backtest_files"],
        resources["price_store"],
    )
    if isinstance(shown, str):
        return PlainTextResponse(f"{shown}\n", _NOT_FOUND)
    return Response(render_backtest(shown), media_type="image/svg+xml", headers=_HEADERS)


@cache
def _open_resources() -> dict[str, Any]:
    return build_resources(EnvironmentSettings.from_environment(os.environ))
