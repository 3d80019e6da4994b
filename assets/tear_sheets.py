"""The report of a run: every number of it as pages, for people."""

from typing import TYPE_CHECKING

import dagster as dg

from assets.asset_keys import LEADERBOARD_KEY, RESEARCH, RESEARCH_GROUP, TEAR_SHEETS_KEY
from assets.step_failure import StepFailedError, failing_in_one_line
from resources.config.ui_address import read_ui_path
from resources.files.reports import Reports
from resources.price_store.store import PriceStore
from resources.result_store.resource import ResultStore
from resources.run_artifacts.backtest_files import BacktestFiles

if TYPE_CHECKING:
    from resources.result_store.manager import BacktestPersistenceManager

_PRIORITY_TAG = "dagster/priority"


def build_tear_sheets() -> dg.AssetsDefinition:
    """Return the asset."""

    @dg.asset(
        key=TEAR_SHEETS_KEY,
        deps=[LEADERBOARD_KEY],
        # After all other steps of the run, whose numbers it shows. They are no dependencies: where
        # one of the research steps fails, there is a report nevertheless.
        op_tags={_PRIORITY_TAG: "-2"},
        # Unpartitioned, yet with a policy: a ranged run asks one of every asset it takes along.
        backfill_policy=dg.BackfillPolicy.single_run(),
        # Of the whole universe, as research is: a backfill in forty runs has one report.
        group_name=RESEARCH_GROUP,
        kinds={"html"},
        owners=[RESEARCH],
        code_version="1",
        description="The report of a run: a folder of pages that need no network, to be opened "
        "with a browser. Leaderboard with verdicts, strategies, symbols with their trades, "
        "correlations, positions of tomorrow, failures, data quality and the last runs, each "
        "number as it is stored. The same store gives the same bytes; docs/report.md says more.",
    )
    def tear_sheets(
        context: dg.AssetExecutionContext,
        price_store: PriceStore,
        backtest_files: BacktestFiles,
        result_store: ResultStore,
        reports: Reports,
    ) -> dg.MaterializeResult:
        # Here, not above: it brings templates and frames along.
        from reports.inputs.run_data import Stores
        from reports.report import write_report
        from reports.site import SINGLE_FILE

        manager = result_store.manager()
        run_id = _find_run(manager, context.run.run_id)
        with failing_in_one_line():
            site = write_report(Stores(manager, backtest_files, price_store), reports.root, run_id)
        context.log.debug(f"{site.pages} pages, {site.size / 1e6:.1f} MB: {site.path}")
        return dg.MaterializeResult(
            metadata={
                "report": dg.MetadataValue.url(f"{read_ui_path()}/reports/{run_id}/index.html"),
                "path": dg.MetadataValue.path(site.path),
                "single_file": dg.MetadataValue.path(reports.path_of(f"{run_id}/{SINGLE_FILE}")),
                "of_run": dg.MetadataValue.dagster_run(run_id),
                "pages": site.pages,
                "megabytes": round(site.size / 1e6, 3),
            }
        )

    return tear_sheets


def _find_run(manager: "BacktestPersistenceManager", run_id: str) -> str:
    """Return the run to report of: this one, or that of the shared leaderboard.

    A run that research waits for has its leaderboard in another one.
    """
    if manager.get_leaderboard_scope(run_id) is not None:
        return run_id
    shared = (one["run_id"] for one in manager.get_leaderboard_runs() if one["shared"])
    if (found := next(shared, None)) is None:
        raise StepFailedError("There is no leaderboard yet: materialize leaderboard first.")
    return found
