"""`python -m pipelines.webserver`: the command `dagster-webserver`, guarded.

It takes the options of `dagster-webserver`. Dagster has no setting for middleware: the class that
its command makes is replaced, and the tests of a real webserver fail if a new version of Dagster
makes another one.
"""

import os
import sys
from functools import partial
from typing import Any

from dagster_webserver import app
from dagster_webserver.cli import main
from dagster_webserver.webserver import DagsterWebserver
from graphene import Schema
from graphql import GraphQLError, OperationDefinitionNode, OperationType, parse
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount

from pipelines.webserver import backtest_pictures
from pipelines.webserver.config_errors import name_variables
from pipelines.webserver.guard import BAD_REQUEST, RequestGuard
from pipelines.webserver.report_files import ReportFiles
from resources.config.environment import InvalidEnvironmentError, parse_home, parse_ui_hosts

_REFUSED = 2


class GuardedWebserver(DagsterWebserver[Any, Any]):
    """Dagster's webserver behind the guard; by GET it only reads."""

    def build_graphql_schema(self) -> Schema:
        """Return Dagster's schema, whose errors of run config name the variables to set."""
        return name_variables(super().build_graphql_schema())

    def build_middleware(self) -> list[Middleware]:
        """Return Dagster's middleware, behind the guard."""
        guard = Middleware(partial(RequestGuard, hosts=parse_ui_hosts(os.environ)))
        return [guard, *super().build_middleware()]

    def build_routes(self) -> list[BaseRoute]:
        """Return Dagster's routes, and ours before the one that takes every path."""
        reports = Mount("/reports", ReportFiles(parse_home(os.environ) / "reports"))
        ours, routes = [reports, *backtest_pictures.build_routes()], super().build_routes()
        if self._app_path_prefix:  # all others are in one with the prefix, and a redirect
            rest = routes[0].routes
            # Also without it: a run writes addresses of reports and pictures into metadata, and
            # does not know the prefix.
            return [Mount(self._app_path_prefix, routes=[*ours, *rest]), *ours, *routes[1:]]
        return [*ours, *routes]

    async def execute_graphql_request(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        request: Request,
        query: str,
        variables: dict[str, Any] | None,
        operation_name: str | None,
    ) -> Response:
        """Execute a request; a GET that would change something is refused.

        A link or a picture on any page is a GET.
        """
        if request.method == "GET" and not _is_reading(query):
            reason = "Refused: a mutation by GET: send it by POST, as JSON.\n"
            return PlainTextResponse(reason, BAD_REQUEST)
        return await super().execute_graphql_request(request, query, variables, operation_name)


def _is_reading(query: str) -> bool:
    """Return whether a document has queries only; one that is no document does nothing."""
    try:
        definitions = parse(query).definitions
    except GraphQLError:
        return True
    operations = [one for one in definitions if isinstance(one, OperationDefinitionNode)]
    return all(one.operation == OperationType.QUERY for one in operations)


def run() -> None:
    """Run the guarded webserver with the options of the command line."""
    try:
        parse_ui_hosts(os.environ)
    except InvalidEnvironmentError as error:
        sys.stderr.write(f"Refused: {error}\n")
        sys.exit(_REFUSED)
    app.DagsterWebserver = GuardedWebserver  # pyright: ignore[reportPrivateImportUsage]
    main()


if __name__ == "__main__":
    run()
