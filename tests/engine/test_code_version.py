"""The code version follows every file that could change a number, and no other."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from engine.code_version import code_version
from strategies.registry import registered_strategies

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
from engine.code_version import code_version
from strategies.registry import registered_strategies
print({name: code_version(cls) for name, cls in registered_strategies().items()})
"""


def _versions(folder: Path) -> dict[str, str]:
    shown = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=folder, capture_output=True, text=True, check=True
    )
    return eval(shown.stdout)  # noqa: S307 - what the program above printed


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for package in ("strategies", "engine"):
        shutil.copytree(ROOT / package, tmp_path / package)
    return tmp_path


def test_each_strategy_has_its_own():
    versions = {code_version(cls) for cls in registered_strategies().values()}
    assert len(versions) == len(registered_strategies())


def test_a_copy_of_the_same_code_has_the_same(copy: Path):
    here = {name: code_version(cls) for name, cls in registered_strategies().items()}
    assert _versions(copy) == here


@pytest.mark.parametrize(
    ("edited", "stale"),
    [
        ("strategies/rsi.py", {"rsi"}),
        ("strategies/indicators.py", set(registered_strategies())),
        ("engine/simulation.py", set(registered_strategies())),
        ("strategies/errors.py", set()),
    ],
)
def test_an_edit_changes_what_it_touches(copy: Path, edited: str, stale: set[str]):
    before = _versions(copy)
    with (copy / edited).open("a") as file:
        file.write("# edited\n")
    after = _versions(copy)
    assert {name for name in before if before[name] != after[name]} == stale


MINE = """
from strategies.rsi import Rsi
{imports}

class Mine(Rsi):
    name = "mine"
"""


@pytest.mark.parametrize(
    "imports",
    [
        "from strategies.turns import turn",
        "from strategies import turns",
        "import strategies.turns",
        "from .turns import turn",
        "from . import turns",
    ],
)
def test_what_a_strategy_builds_on_makes_it_stale_too(copy: Path, imports: str):
    (copy / "strategies/mine.py").write_text(MINE.format(imports=imports))
    (copy / "strategies/turns.py").write_text("from strategies.far import far\nturn = far\n")
    (copy / "strategies/far.py").write_text("far = 1\n")
    (copy / "strategies/alone.py").write_text("unused = 1\n")
    for edited, stale in (
        ("turns", {"mine"}),
        ("far", {"mine"}),
        ("rsi", {"rsi", "mine"}),
        ("alone", set()),
    ):
        before = _versions(copy)
        with (copy / f"strategies/{edited}.py").open("a") as file:
            file.write("# edited\n")
        after = _versions(copy)
        assert {name for name in before if before[name] != after[name]} == stale, edited


PLAIN = """
from strategies.rsi import Rsi as _Rsi
{imports}

class Mine(_Rsi):
    name = "mine"
"""


@pytest.mark.parametrize(
    ("own", "imports", "edited"),
    [
        ("mine.py", "from strategies import WEIGHT", "__init__.py"),
        ("mine.py", "from strategies.models.small import x", "models/small.py"),
        ("mine.py", "import strategies.models", "models/small.py"),
        ("mine.py", "from strategies.registry import get_strategy", "macd.py"),
        ("mine/__init__.py", "from .part import x", "mine/part.py"),
    ],
)
def test_packages_and_strategies_by_name_are_followed_too(
    copy: Path, own: str, imports: str, edited: str
):
    strategies = copy / "strategies"
    for file in ("models/__init__.py", "models/small.py", "mine/part.py"):
        if not file.startswith("mine") or own.startswith("mine/"):
            (strategies / file).parent.mkdir(exist_ok=True)
            (strategies / file).write_text("x = 1\n")
    with (strategies / "__init__.py").open("a") as file:
        file.write("WEIGHT = 1\n")
    (strategies / own).write_text(PLAIN.format(imports=imports))
    before = _versions(copy)
    with (strategies / edited).open("a") as file:
        file.write("# edited\n")
    after = _versions(copy)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"mine"} | ({"macd"} if edited == "macd.py" else set())


def test_what_a_shared_file_builds_on_makes_all_stale(copy: Path):
    (copy / "strategies/averages.py").write_text("x = 1\n")
    with (copy / "strategies/indicators.py").open("a") as file:
        file.write("from strategies.averages import x\n")
    before = _versions(copy)
    (copy / "strategies/averages.py").write_text("x = 2\n")
    after = _versions(copy)
    assert not [name for name in before if before[name] == after[name]]


@pytest.mark.parametrize(
    ("edited", "told"),
    [
        ("strategies/rsi.py", "rsi"),
        ("engine/simulation.py", "macd, rsi"),
        ("strategies/errors.py", ""),
    ],
)
def test_code_that_is_edited_while_it_is_used_is_refused(copy: Path, edited: str, told: str):
    program = f"""
from engine.code_version import CodeChangedError, code_version, refuse_changed_code
from strategies.registry import get_strategy
used = [get_strategy("rsi"), get_strategy("macd")]
versions = [code_version(one) for one in used]
refuse_changed_code(used)
with open({edited!r}, "a") as file:
    file.write("# edited")
assert versions == [code_version(one) for one in used]
try:
    refuse_changed_code(used)
except CodeChangedError as error:
    print(error)
"""
    shown = subprocess.run(
        [sys.executable, "-c", program], cwd=copy, capture_output=True, text=True, check=True
    )
    assert shown.stdout.startswith(f"The code of {told} was edited" if told else "")
    assert bool(shown.stdout) == bool(told)
