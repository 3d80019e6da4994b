"""The code version depends on every file that can change a number, and on no other."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from engine.code_version import code_version, engine_version
from strategies.registry import registered_strategies

ROOT = Path(__file__).resolve().parents[2]
ALL = set(registered_strategies())
LEARNING = {name for name, one in registered_strategies().items() if one.learns}

REGISTERED = """
from strategies.registry import registered_strategies
classes = registered_strategies()
"""

EDITING = """
import json, sys
from pathlib import Path
from engine import code_version

def versions():
    edition = code_version._Edition()
    return {name: edition.version(cls) for name, cls in classes.items()}

before, changed = versions(), {}
for file in map(Path, sys.argv[1:]):
    source = file.read_text() if file.exists() else None
    file.write_text((source or "") + "# edited")
    changed[str(file)] = [name for name, now in versions().items() if now != before[name]]
    file.unlink() if source is None else file.write_text(source)
print(json.dumps([before, changed]))
"""


def _run(folder: Path, program: str, *arguments: str) -> str:
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _edit(
    folder: Path, *files: str, classes: str = REGISTERED
) -> tuple[dict[str, str], dict[str, set[str]]]:
    """Return the versions, and for each file those that an edit changes."""
    before, changed = json.loads(_run(folder, classes + EDITING, *files))
    return before, {file: set(names) for file, names in changed.items()}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for package in ("strategies", "engine", "research"):
        shutil.copytree(ROOT / package, tmp_path / package)
    return tmp_path


def _modules(package: str, *names: str) -> list[str]:
    return [f"{package}/{name}.py" for name in names]


COMPUTE = [
    *_modules(
        "engine",
        "bar_loop",
        "batches",
        "block_accounts",
        "blocks",
        "equal_weight",
        "fill_bars",
        "history",
        "orders",
        "outcomes",
    ),
    *_modules("engine", "positions", "results", "settings", "simulation", "stops", "__init__"),
    *_modules("engine", "level_orders", "trade_records"),
    *_modules("engine/costs", "__init__", "composition", "fees", "model", "percentage", "prices"),
    *_modules("engine/metrics", "__init__", "benchmark", "equity", "inputs", "trades"),
    *_modules("strategies", "base", "indicator_cache", "indicators", "parameters", "__init__"),
]
COMPUTE_NOTHING = [
    *_modules("engine", "backtest", "code_version", "data_provider", "errors", "import_closure"),
    *_modules("engine", "malloc", "validation", "vectorbt_export"),
    *_modules("strategies", "errors"),
    *("engine/added.py", "engine/metrics/added.py", "research/added.py"),
]


def test_an_edit_changes_only_the_versions_it_affects(copy: Path):
    (copy / "engine/nested").mkdir()
    files = [*COMPUTE, *COMPUTE_NOTHING, "strategies/rsi.py", "engine/nested/added.py"]
    files += _modules("strategies", "registry", "crossings", "ml/hidden_markov", "ml/walk_forward")
    versions, changed = _edit(copy, *files)
    assert {file for file in COMPUTE if changed[file] != ALL} == set()
    assert {file for file in COMPUTE_NOTHING if changed[file]} == set()
    # An ensemble looks its members up by name.
    assert changed["strategies/rsi.py"] == {"rsi", "ensemble"}
    assert changed["strategies/registry.py"] == {"ensemble"}
    assert changed["strategies/ml/hidden_markov.py"] == {"regime_aware", "ensemble"}
    assert changed["strategies/ml/walk_forward.py"] == LEARNING
    assert changed["engine/nested/added.py"] == set()
    assert changed["strategies/crossings.py"] == ALL - {
        *("breakout", "mean_reversion", "momentum", "volume_momentum"),
        *("online_learning", "regime_aware"),
    }
    # A copy of the code has the same versions, and no two strategies share one.
    assert versions == {name: code_version(cls) for name, cls in registered_strategies().items()}
    assert len({*versions.values(), engine_version()}) == len(ALL) + 1


STRATEGY = """
from strategies.rsi import Rsi as _Rsi
{imports}

class Mine(_Rsi):
    name = "{name}"
"""


def _add(folder: Path, imports: Mapping[str, str]) -> None:
    """Add strategies like RSI, each with its own import; a name may be that of a package's file."""
    for name, text in imports.items():
        file = folder / "strategies" / (f"{name}.py" if "/" not in name else name)
        file.parent.mkdir(exist_ok=True)
        file.write_text(STRATEGY.format(imports=text, name=name.partition("/")[0]))


def test_an_edited_helper_changes_only_its_importers(copy: Path):
    turning = {
        "from_": "from strategies.turns import turn",
        "package": "from strategies import turns",
        "plain": "import strategies.turns",
        "near": "from .turns import turn",
        "beside": "from . import turns",
        "inside": "def late():\n    from strategies.turns import turn",
    }
    typed = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import strategies.turns"
    by_name = "from strategies.registry import get_strategy"
    others = {"typed": typed, "any": by_name, "whole/__init__.py": "from .part import x"}
    (copy / "strategies/turns.py").write_text("from strategies.far import far\nturn = far\n")
    (copy / "strategies/far.py").write_text("far = 1\n")
    (copy / "strategies/alone.py").write_text("unused = 1\n")
    _add(copy, turning | others)
    (copy / "strategies/whole/part.py").write_text("x = 1\n")
    helpers = _modules("strategies", "turns", "far", "rsi", "alone", "macd", "whole/part")
    _, changed = _edit(copy, *helpers)
    by_name_too = {"any", "ensemble"}
    assert changed["strategies/turns.py"] == {*turning, *by_name_too}
    assert changed["strategies/far.py"] == {*turning, *by_name_too}
    assert changed["strategies/rsi.py"] == {"rsi", "typed", "whole", *turning, *by_name_too}
    # A strategy that looks up others by name may use any: which one is known only at run time.
    assert changed["strategies/alone.py"] == by_name_too
    assert changed["strategies/macd.py"] == {"macd", *by_name_too}
    assert changed["strategies/whole/part.py"] == {"whole", *by_name_too}


def test_an_edited_import_of_a_shared_file_changes_all(copy: Path):
    (copy / "strategies/averages.py").write_text("x = 1\n")
    (copy / "engine/rates.py").write_text("x = 1\n")
    for file, line in (
        ("strategies/indicators", "from strategies.averages import x\n"),
        ("engine/stops", "def late():\n    from engine import rates\n"),
    ):
        with (copy / f"{file}.py").open("a") as opened:
            opened.write(line)
    _, changed = _edit(copy, "strategies/averages.py", "engine/rates.py")
    assert list(changed.values()) == [ALL, ALL]


OUTSIDE = """
import sys
sys.path.append("home")
import strategies
strategies.__path__.append("home/dropped")
import alone, mine.rule
from strategies.registry import get_strategy
classes = {"alone": alone.Mine, "rule": mine.rule.Mine, "dropped": get_strategy("dropped")}
"""


def test_imports_of_a_strategy_outside_the_package_are_followed(copy: Path):
    home = copy / "home"
    for folder in ("mine", "dropped"):
        (home / folder).mkdir(parents=True)
    for file, imports in {
        "alone": "from strategies.macd import Macd as _Macd",
        "mine/rule": "from mine.tool import x\nfrom .near import x",
        "dropped/dropped": "from strategies.helper import x",
    }.items():
        text = STRATEGY.format(imports=imports, name=file.rpartition("/")[2])
        (home / f"{file}.py").write_text(text)
    for file in ("mine/__init__", "mine/tool", "mine/near", "mine/unused", "dropped/helper"):
        (home / f"{file}.py").write_text("x = 1\n")
    stale = {
        "home/alone.py": {"alone"},
        "strategies/macd.py": {"alone"},
        "home/mine/rule.py": {"rule"},
        "home/mine/tool.py": {"rule"},
        "home/mine/near.py": {"rule"},
        "home/mine/unused.py": set(),
        "home/dropped/helper.py": {"dropped"},
        "strategies/rsi.py": {"alone", "rule", "dropped"},
    }
    versions, changed = _edit(copy, *stale, classes=OUTSIDE)
    assert changed == stale
    assert len(set(versions.values())) == 3


LOADED = """
import sys
from datetime import date
from pathlib import Path
from strategies.registry import registered_strategies
strategies = [cls() for cls in registered_strategies().values()]
sys.modules.pop("strategies.registry")
from engine.batches import BatchSpec, run, split_batches
from engine.equal_weight import EqualWeight
from engine.settings import BacktestSettings, Window
from tests.bars import random_history
window = Window(date(2021, 1, 1), date(2021, 12, 31))
histories = [random_history(f"S{n}", 200, n) for n in range(3)]
settings = BacktestSettings(direction="both", stop_loss=0.05)
spec = BatchSpec(strategies, window, settings, EqualWeight.of(histories, window))
for batch in split_batches(histories, spec, 10**9):
    results = run(batch).results
assert sum(result.metrics["total_trades"] for result in results) > 100
loaded = {
    Path(module.__file__) for name, module in sys.modules.items()
    if name.partition(".")[0] in ("engine", "strategies")
}
from engine import code_version
edition = code_version._Edition()
known = set(edition._engine).union(*(edition._find_closure(type(one)) for one in strategies))
print(len(loaded), sorted(map(str, loaded - known)))
"""


def test_computing_a_result_loads_only_versioned_files():
    loaded, _, unknown = _run(ROOT, LOADED).strip().partition(" ")
    assert unknown == "[]"
    assert int(loaded) > len(ALL) + len(COMPUTE) // 2


REFUSING = """
import os, sys
from engine.code_version import CodeChangedError, code_version, refuse_changed_code
from strategies.registry import get_strategy
used = [get_strategy("rsi"), get_strategy("macd")]
versions = [code_version(one) for one in used]
for change in sys.argv[1:]:
    what, file = change.split()
    if what == "edit":
        with open(file, "a") as opened:
            opened.write("# edited")
    else:
        os.rename(file, f"{file}.away")
    assert versions == [code_version(one) for one in used]
    try:
        refuse_changed_code(used)
        print("allowed")
    except CodeChangedError as error:
        print(error)
    if what == "remove":
        os.rename(f"{file}.away", file)
"""


def test_code_edited_during_use_is_refused(copy: Path):
    told = {
        "edit engine/malloc.py": "allowed",
        "edit strategies/errors.py": "allowed",
        "remove strategies/crossings.py": "The code of macd, rsi was edited while this run used it",
        "edit strategies/rsi.py": "The code of rsi was edited while this run used it",
        "edit engine/orders.py": "The code of macd, rsi was edited while this run used it",
    }
    answers = _run(copy, REFUSING, *told).splitlines()
    for answer, start in zip(answers, told.values(), strict=True):
        assert answer.startswith(start)
