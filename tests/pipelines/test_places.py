"""Run config can't choose where a run reads and writes, unless the operator allows it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from pipelines.definitions import build_defs
from pipelines.places import PLACES, NoPickles, describe_place, find_variables
from research.purpose import Purpose
from resources.config.environment import EnvironmentSettings
from resources.config.run_purpose import find_purpose
from tests.project import Project

ROOT = Path(__file__).resolve().parents[2]
# The text that run config may have: none of it is a folder, a file or a server.
WORDS = {
    ("market_data", "source"),
    ("market_data", "columns"),
    ("run_settings", "start"),
    ("thresholds", "promotion"),
    ("run_settings", "end"),
    ("run_settings", "execution"),
    ("run_settings", "direction"),
}
ALL = [(resource, field) for resource, fields in PLACES.items() for field in fields]


def definitions(**environ: str) -> dg.Definitions:
    given = {"GAUNTLET_UNIVERSE": str(ROOT / "universe.csv"), **environ}
    return build_defs(EnvironmentSettings.from_environment(given))


def texts(resources: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Return the fields of resources in which run config may have text."""
    found = set()
    for name, resource in resources.items():
        if not isinstance(resource, dg.ConfigurableResource):
            continue
        shape = resource.get_resource_definition().config_schema.config_type
        for field, schema in getattr(shape, "fields", {}).items():
            # Text, or null, or a mapping with text.
            if "StringSourceType" in schema.config_type.key:
                found.add((name, field))
    return found


def test_run_config_has_no_text_that_names_a_place():
    assert texts(definitions().resources or {}) == WORDS
    allowed = definitions(GAUNTLET_PLACES_IN_RUN_CONFIG="1").resources or {}
    assert texts(allowed) == WORDS | set(ALL)


@pytest.mark.parametrize("name", ["__ASSET_JOB", "backtest_request", "nightly", "maintenance"])
def test_no_job_takes_a_place_from_run_config(name: str):
    job = definitions().resolve_job_def(name)
    for resource, field in ALL:
        config = {"resources": {resource: {"config": {field: "/elsewhere"}}}}
        with pytest.raises(dg.DagsterInvalidConfigError, match=f'"({field}|{resource})"'):
            dg.validate_run_config(job, config)
    # What run config says of Dagster's own is read by nothing.
    assert isinstance(job.resource_defs["io_manager"](None), NoPickles)


def test_the_operator_may_allow_places_in_run_config():
    job = definitions(GAUNTLET_PLACES_IN_RUN_CONFIG="1").resolve_job_def("nightly")
    config = {"price_store": {"config": {"root": "/srv/bars"}}}
    assert dg.validate_run_config(job, {"resources": config})


def test_a_refusal_names_the_variable_of_the_environment():
    path = ("resources", "result_store", "config")
    assert describe_place(path, "database_url") == (
        "Run config can't set result_store.database_url: set DATABASE_URL in the environment of "
        "the server instead, or allow it there by GAUNTLET_PLACES_IN_RUN_CONFIG=1."
    )
    assert describe_place(path, "databse_url") == describe_place((), "root") == ""


def test_roots_are_those_of_the_environment(tmp_path: Path):
    found = definitions(GAUNTLET_HOME=str(tmp_path)).resources or {}
    assert found["price_store"].root == str(tmp_path / "prices")
    assert found["backtest_files"].root == str(tmp_path / "backtests")
    given = {"GAUNTLET_PRICE_STORE": "s3://a/bars", "GAUNTLET_BACKTEST_FILES": "s3://b/files"}
    found = definitions(**given).resources or {}
    assert (found["price_store"].root, found["backtest_files"].root) == tuple(given.values())


@pytest.mark.parametrize("allowed", ["0", "1"])
def test_the_environments_own_places_are_the_configured_ones(allowed: str):
    found = definitions(GAUNTLET_PLACES_IN_RUN_CONFIG=allowed, GAUNTLET_SPLITS="s.csv").resources
    resources = found or {}
    of = resources["market_data"], resources["run_settings"]
    assert find_purpose({}, *of) is Purpose.PIPELINE


def test_run_config_reads_no_variable_of_the_environment(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SOME_PASSWORD", "sesame0pen")
    read: dict[str, Any] = {"env": "SOME_PASSWORD"}
    result = project.run(run_config={"resources": {"run_settings": {"config": {"start": read}}}})
    assert not result.success
    said = project.why(result)
    assert said == (
        "RunConfigError: run config reads the environment variable SOME_PASSWORD at "
        "resources:run_settings:config:start, which it must not: write the value itself, or leave "
        "it out."
    )
    events = project.instance.all_logs(result.run_id)
    assert not any("sesame0pen" in str(event) for event in events)
    assert not any(event.dagster_event and event.dagster_event.is_step_event for event in events)
    assert list(find_variables({"ops": {"x": {"config": {"symbols": ["A", read]}}}})) == [
        ("ops:x:config:symbols[1]", "SOME_PASSWORD")
    ]
    assert not list(find_variables({"columns": {"env": {"close": "C"}}, "parameters": {"env": 5}}))
