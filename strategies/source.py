"""The source that a strategy is made of: its own file, and what of this folder it builds on."""

import ast
import inspect
from collections.abc import Sequence
from pathlib import Path

import strategies
from strategies.base import Strategy

_SHARED = ("base", "crossings", "indicators", "shared")

_NO_SIGNAL = ("registry", "errors", "source")
"""Files that anybody may import and that decide no signal."""


def source_of(strategy: type[Strategy]) -> bytes:
    """Return the source that decides a strategy's signals: its file and those it builds on.

    These are the files of `strategies` that it imports, directly or by others of them; an edit
    to any must not leave results of before looking like today's.
    """
    own = Path(inspect.getfile(strategy))
    shared = [Path(__file__).with_name(f"{name}.py") for name in _SHARED]
    return b"".join(path.read_bytes() for path in [own, *shared, *_built_on(own, shared)])


def _built_on(own: Path, known: Sequence[Path]) -> list[Path]:
    """Return the other files of this package that a strategy's file imports, by their path."""
    found: set[Path] = set()
    waiting = [own]
    while waiting:
        names = _imported(ast.parse(waiting.pop().read_bytes())) - set(_NO_SIGNAL)
        files = (Path(folder, f"{name}.py") for folder in strategies.__path__ for name in names)
        new = {file for file in files if file.is_file()} - found - {own, *known}
        found |= new
        waiting += new
    return sorted(found)


def _imported(module: ast.Module) -> set[str]:
    """Return the names of this package's files that a module imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            of = "strategies" if node.level and not node.module else node.module or ""
            of = f"strategies.{of}" if node.level and node.module else of
            names |= {of} | {f"{of}.{alias.name}" for alias in node.names}
    parts = [name.split(".") for name in names]
    return {part[1] for part in parts if part[0] == "strategies" and len(part) > 1}
