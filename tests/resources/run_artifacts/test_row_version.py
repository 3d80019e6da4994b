"""The row version follows the code that turns bars into rows, and no other."""

import ast
from importlib.util import find_spec
from pathlib import Path

import pytest

from resources.run_artifacts import row_version as module

DECIDE_NO_VALUE = {
    # Bytes of a table of sessions, whose changes are found.
    *(f"resources.files.{one}" for one in ("atomic_write", "file_systems", "private")),
    "resources.price_store.errors",
    "research.errors",
    "resources.market_data.source",  # errors and the protocol
    "resources.price_store.spans",  # which days are asked for: part of the natural key
    "resources.price_store.stored_prices",  # bytes, verified by the data version
    "resources.price_store.stored_file",
    "resources.result_store.frame_schemas",  # the order of columns
    "resources.run_artifacts.row_version",
}


def _version() -> str:
    return module.row_version.__wrapped__()


@pytest.mark.parametrize("edited", module.MODULES)
def test_an_edit_to_code_that_makes_rows_changes_the_version(
    edited: str, monkeypatch: pytest.MonkeyPatch
):
    before, read = _version(), module._read_source
    monkeypatch.setattr(module, "_read_source", lambda name: read(name) + b"#" * (name == edited))
    assert _version() != before


def test_another_version_of_a_library_changes_the_version(monkeypatch: pytest.MonkeyPatch):
    before = _version()
    monkeypatch.setattr(module, "version", lambda name: "0" if name == "polars" else "1")
    assert _version() != before


def test_every_module_that_rows_are_made_with_is_listed():
    imported = {name for one in module.MODULES for name in _imports(one)}
    own = {name for name in imported if name.startswith(("resources.", "research."))}
    assert own - set(module.MODULES) == DECIDE_NO_VALUE


def _imports(name: str) -> set[str]:
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    tree = ast.parse(Path(spec.origin).read_text())
    return {
        node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module
    }
