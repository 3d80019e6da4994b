"""Pictures of single backtests beside the Dagster UI, drawn when somebody looks."""

import os
from functools import cache
from typing import Any

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from assets.backtests.partitions import PICTURES
from pipelines.resources import build_resources
from resources.config.environment import EnvironmentSettings
from strategies.errors import GauntletError

_HEADERS = {
    # An SVG may have scripts: these could do nothing, opened by themselves as well.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
    # An identifier names one result for good, yet the picture may be drawn otherwise tomorrow.
    "Cache-Control": "private, max-age=60",
}
_NOT_FOUND, _FAILED = 404, 503


def build_routes() -> list[Route]:
    """Return the route of pictures, by the backtest's identifier."""
    return [Route(f"{PICTURES}/{{identifier}}.svg", show_picture)]


async def show_picture(request: Request) -> Response:
    """Respond with the picture of a backtest; in one line, and 404, where there is none."""
    return await to_thread.run_sync(_respond, request.path_params["identifier"])


def _respond(identifier: str) -> Response:
    from resources.result_store.errors import InvalidArgumentError, ResultStoreError

    try:
        return _draw(identifier)
    except InvalidArgumentError as error:
        return PlainTextResponse(f"{error}\n", _NOT_FOUND)
    except (ResultStoreError, GauntletError) as error:
        return PlainTextResponse(f"{error}\n", _FAILED)


def _draw(identifier: str) -> Response:
    from assets.backtests.evidence import load_evidence
    from assets.backtests.plot import render_backtest

    resources = _open_resources()
    shown = load_evidence(
        identifier,
        resources["result_store"].manager(),
        resources["backtest_files"],
        resources["price_store"],
    )
    if isinstance(shown, str):
        return PlainTextResponse(f"{shown}\n", _NOT_FOUND)
    return Response(render_backtest(shown), media_type="image/svg+xml", headers=_HEADERS)


@cache
def _open_resources() -> dict[str, Any]:
    return build_resources(EnvironmentSettings.from_environment(os.environ))
