"""The import closure has the files that importing a module runs, and no other."""

import ast
from pathlib import Path
from types import ModuleType

import pytest

from engine.import_closure import _cut_out_imports, _walk_running, import_closure


@pytest.fixture
def package(tmp_path: Path) -> ModuleType:
    """Return a package `shop` whose modules have one line each."""
    module = ModuleType("shop")
    module.__path__ = [str(tmp_path / "shop")]
    for file in ("__init__", "root", "tool", "far", "alone", "sub/__init__", "sub/deep"):
        path = tmp_path / f"shop/{file}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text("x = 1\n")
    return module


def _closure(package: ModuleType, root: str) -> set[str]:
    folder = Path(package.__path__[0])
    (folder / "root.py").write_text(root)
    found = import_closure([folder / "root.py"], [package])
    assert all(source == file.read_bytes() for file, source in found.items())
    return {str(file.relative_to(folder).with_suffix("")) for file in found}


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("import shop.tool", {"tool"}),
        ("import shop.tool as t, os", {"tool"}),
        ("from shop.tool import x", {"tool"}),
        ("from shop import tool, far", {"tool", "far"}),
        ("from shop import x", set()),
        ("from .tool import x", {"tool"}),
        ("from . import tool", {"tool"}),
        ("from shop.sub.deep import x", {"sub/__init__", "sub/deep"}),
        ("from .sub import deep", {"sub/__init__", "sub/deep"}),
        ("import shop.sub", {"sub/__init__"}),
        ("def f():\n    if f:\n        from shop.tool import x", {"tool"}),
        ("try:\n    import a\nexcept ImportError:\n    import shop.tool", {"tool"}),
        ("match 1:\n    case 1:\n        import shop.tool", {"tool"}),
        ("if TYPE_CHECKING:\n    import shop.tool\nelse:\n    import shop.far", {"far"}),
        ("if typing.TYPE_CHECKING:\n    import shop.tool", set()),
        ("if not TYPE_CHECKING:\n    import shop.tool", {"tool"}),
        ("import json, shopping.tool", set()),
        ("from importlib.metadata import version", set()),
        ("x = 1; import shop.tool", {"tool"}),
        ("if 1: import shop.tool", {"tool"}),
        ("try: from shop import tool\nexcept ImportError: pass", {"tool"}),
        ("from shop \\\n    import tool", {"tool"}),
        ("from shop import \\\n    tool", {"tool"}),
        ("import shop.tool; import shop.far  # both", {"tool", "far"}),
        ("from shop import (\n    tool,  # (a comment)\n    far,\n)", {"tool", "far"}),
        ("from shop import (  # (a comment)\n    tool,\n    far,\n)", {"tool", "far"}),
        ("from shop import (\n\n    tool, far)", {"tool", "far"}),
        ("import shop.tool\r\nimport shop.far\r\n", {"tool", "far"}),
        ('"""\nimport shop.tool\n"""\nimport shop.far', {"far"}),
        ("x = '''\nimport shop.tool\n'''", set()),
        ('x = \'"""\'\nimport shop.tool', {"tool"}),
        ("# import shop.tool", set()),
        ("if TYPE_CHECKING:\n    import shop.tool\n\nimport shop.far", {"far"}),
        ("if TYPE_CHECKING:\n    from a import (\n        b\n)\n    import shop.far", set()),
        ("if TYPE_CHECKING:\n    x = 1\n# text\n    import shop.far", set()),
        ("def f():\n    if TYPE_CHECKING:\n        import shop.tool", set()),
        ("if TYPE_CHECKING: import shop.tool", set()),
        ("if TYPE_CHECKING:  # text\n    import shop.tool", set()),
        (
            'def f():\n    """\nif TYPE_CHECKING:\n    """\n    import shop.tool',
            {"tool"},
        ),
        ("if x:\n    pass\nelif TYPE_CHECKING:\n    import shop.tool", set()),
    ],
)
def test_an_import_is_followed_if_it_runs(package: ModuleType, statement: str, found: set[str]):
    assert _closure(package, statement) == {"root", "__init__"} | found


@pytest.mark.parametrize("name", ["engine", "strategies", "research", "resources", "tests"])
def test_imports_cut_out_are_those_that_a_parser_finds(name: str):
    """Whole files are parsed for what they import, which takes three times as long."""
    files = [*(Path(__file__).parents[2] / name).rglob("*.py")]
    cut_out = [_cut_out_imports(file.read_bytes()) for file in files]
    assert sum(one is not None for one in cut_out) > 0.8 * len(files)
    for file, imports in zip(files, cut_out, strict=True):
        if imports is not None:
            assert _unparse(imports) == _unparse(file.read_bytes()), file


def _unparse(source: bytes) -> list[str]:
    kinds = (ast.Import, ast.ImportFrom)
    statements = _walk_running(ast.parse(source).body)
    return [ast.unparse(one) for one in statements if isinstance(one, kinds)]


def test_imports_are_followed_through_a_cycle(package: ModuleType):
    folder = Path(package.__path__[0])
    (folder / "__init__.py").write_text("import shop.far\n")
    (folder / "sub/deep.py").write_text("from .. import tool\nfrom ..root import y\n")
    assert _closure(package, "import shop.sub.deep") == {
        *("root", "__init__", "far", "tool", "sub/__init__", "sub/deep")
    }


def test_files_that_are_added_later_are_found(package: ModuleType):
    """A strategy may be written beside a notebook that runs."""
    assert _closure(package, "import shop.tool") == {"root", "__init__", "tool"}
    folder = Path(package.__path__[0])
    (folder / "late.py").write_text("import importlib")
    assert _closure(package, "import shop.late") >= {"late", "sub/deep"}
    (folder / "later.py").write_text("x = 1")
    assert "later" in _closure(package, "import shop.late")


def test_importlib_includes_the_whole_package(package: ModuleType):
    assert len(_closure(package, "import importlib")) == 7


def test_both_folders_of_a_package_are_searched(package: ModuleType, tmp_path: Path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/root.py").write_text("from shop.tool import x\nfrom .near import x\n")
    (tmp_path / "mine/near.py").write_text("import shop.far\n")
    package.__path__.append(str(tmp_path / "mine"))
    found = import_closure([tmp_path / "mine/root.py"], [package])
    assert {file.stem for file in found} == {"root", "near", "tool", "far", "__init__"}


def test_imports_of_a_module_outside_the_packages_are_followed(package: ModuleType, tmp_path: Path):
    (tmp_path / "notebook.py").write_text("import importlib\nfrom shop.tool import x\n")
    found = import_closure([tmp_path / "notebook.py"], [package])
    assert {file.stem for file in found} == {"notebook", "tool", "__init__"}
