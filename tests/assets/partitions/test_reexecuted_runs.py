"""A run that re-executes another has nothing of it that it executed itself: real runs."""

from typing import Any

import dagster as dg
import pytest

from pipelines.partitions import build_partition_tags
from tests.project import FEW_ASSETS, SYMBOLS, Project

EVERY = build_partition_tags(SYMBOLS[0], SYMBOLS[-1])
RESEARCH = ("optimizations/rsi", "robustness/rsi", "portfolios/rsi", "verdicts")
CONFIG: dict[str, Any] = {
    "ops": {
        "optimizations": {"config": {"ranges": {"rsi": {"period": [5, 14]}}}},
        "portfolios": {"config": {"priority_orders": 0}},
    }
}
SHOWN = ("verdict", "portfolio_sharpe", "doubled_costs_sharpe_ratio")

_PROJECT: list[Project] = []


def _job(*assets: str) -> dg.JobDefinition:
    job = dg.define_asset_job("repeated", dg.AssetSelection.assets(*assets))
    definitions = dg.Definitions.merge(_PROJECT[0].definitions(), dg.Definitions(jobs=[job]))
    return definitions.resolve_job_def("repeated")


def few_job() -> dg.JobDefinition:
    """Return a job by its name, which a re-execution needs."""
    return _job(*FEW_ASSETS)


def research_job() -> dg.JobDefinition:
    """Return one with what stands beside the ranks."""
    return _job("prices", "backtests/rsi", "backtest_summaries", "leaderboard", *RESEARCH)


def _execute(job: Any, options: dg.ReexecutionOptions | None = None, **given: Any) -> str:
    with dg.execute_job(
        dg.reconstructable(job),
        instance=_PROJECT[0].instance,
        tags=EVERY,
        raise_on_error=False,
        reexecution_options=options,
        **given,
    ) as result:
        return result.run_id


def test_a_symbol_that_fails_is_not_replaced_by_the_parents(project: Project):
    _PROJECT[:] = [project]
    first = _execute(few_job)
    assert project.manager.get_leaderboard(first)["symbols"].unique().to_list() == [20]
    project.spoil("S07")
    again = _execute(few_job, dg.ReexecutionOptions(first))
    good = set(SYMBOLS) - {"S07"}
    for asset in FEW_ASSETS[:-1]:
        assert project.materialized_by(again, *asset.split("/")) == good, asset
    assert all(one.failed == {"S07"} for one in project.status().values())
    assert project.manager.get_leaderboard(again)["symbols"].unique().to_list() == [19]


def _beside_the_rank(run_id: str) -> dict[str, bool]:
    """Return of what stands beside the rank of the only strategy whether it is there."""
    board = _PROJECT[0].manager.get_leaderboard(run_id)
    return {name: board[name].item() is not None for name in SHOWN}


def test_research_that_fails_is_not_replaced_by_the_parents(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    _PROJECT[:] = [project]
    first = _execute(research_job, run_config=CONFIG)
    assert _beside_the_rank(first) == dict.fromkeys(SHOWN, True)

    def fail(*_: object) -> None:
        raise dg.Failure("told to fail", allow_retries=False)

    with monkeypatch.context() as broken:
        broken.setattr("assets.robustness_stage.RobustnessStage.run", fail)
        broken.setattr("assets.portfolios_stage.PortfoliosStage.run", fail)
        broken.setattr("research.verdicts.judgement.reach_verdicts", fail)
        again = _execute(research_job, dg.ReexecutionOptions(first), run_config=CONFIG)
    assert _beside_the_rank(again) == dict.fromkeys(SHOWN, False)
    for repeated in (first, again):
        options = dg.ReexecutionOptions(repeated, step_selection=["leaderboard"])
        alone = _execute(research_job, options, run_config=CONFIG)
        assert _beside_the_rank(alone) == dict.fromkeys(SHOWN, repeated == first)
