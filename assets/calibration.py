"""The calibration of the verdicts as an asset: how often they are wrong, measured in a run."""

import dagster as dg
from pydantic import Field

from assets.asset_keys import CALIBRATION_KEY, RESEARCH, RESEARCH_GROUP
from engine.code_version import gauntlet_version


class CalibrationConfig(dg.Config):
    """How much is drawn."""

    universes: int = Field(
        default=50,
        ge=1,
        description="Simulated universes per kind of market, of which there are 20: 50 take eight "
        "minutes, and have a standard error of 3 % where the share is 5 %.",
    )
    seed: int = Field(default=3, description="Other seeds draw other universes.")


def build_calibration_spec() -> dg.AssetSpec:
    """Return the asset that the job `calibrate` materializes; nothing else does."""
    return dg.AssetSpec(
        CALIBRATION_KEY,
        group_name=RESEARCH_GROUP,
        kinds={"numpy"},
        owners=[RESEARCH],
        description="How often verdicts are false, and how often they find a planted edge, on "
        "simulated universes. Launch the job `calibrate`; docs/calibration.md has more universes.",
    )


def build_calibration_job() -> dg.JobDefinition:
    """Return the job that measures it."""

    @dg.op(description="Judges simulated universes, and reports how often verdicts are wrong.")
    def judge_simulated_universes(
        context: dg.OpExecutionContext, config: CalibrationConfig
    ) -> None:
        # Here, not above: it brings the whole engine along.
        from assets.progress import StepProgress
        from research.calibration.cases import list_cases
        from research.calibration.page import render_page
        from research.calibration.rates import DEPLOYABLE, PROMISING, CaseRates
        from research.calibration.run import calibrate

        cases, found = list_cases(), dict[str, CaseRates]()
        progress = StepProgress(context, config.universes * len(cases), "universes judged")
        drawn = calibrate(cases, config.universes, seed=config.seed)
        for done, (case, rates) in enumerate(drawn, start=1):
            found[str(case)] = rates
            progress.reach(done)
        results = [(case, found[str(case)]) for case in cases]
        nulls = [rates for case, rates in results if not case.has_edge]
        page = render_page(results, seed=config.seed, version=gauntlet_version())
        metadata = {
            "universes": config.universes * len(cases),
            "highest_false_promising": max(one.rate(PROMISING) for one in nulls),
            "highest_false_deployable": max(one.rate(DEPLOYABLE) for one in nulls),
            "calibration": dg.MetadataValue.md(page),
        }
        context.log_event(dg.AssetMaterialization(CALIBRATION_KEY, metadata=metadata))

    @dg.job(
        name="calibrate",
        executor_def=dg.in_process_executor,
        description="Measures how often verdicts are wrong, on simulated universes.",
    )
    def calibrate_verdicts():
        judge_simulated_universes()

    return calibrate_verdicts
