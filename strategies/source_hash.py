"""The source that a strategy is made of: its own file, and what of this folder it builds on."""

import ast
import inspect
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import strategies
from strategies.base import Strategy

_SHARED = ("base", "crossings", "indicators", "indicator_cache")

_NO_SIGNAL = ("errors", "source_hash")
"""Files that anybody may import and that decide no signal."""

_ANY = "registry"
"""Whoever imports it may ask for any strategy, by a name that is known when it runs only."""


def source_of(strategy: type[Strategy]) -> bytes:
    """Return the source that decides a strategy's signals: its file and those it builds on.

    These are the files of `strategies` that it imports, directly or by others of them; an edit
    to any must not leave results of before looking like today's.
    """
    own = Path(inspect.getfile(strategy))
    package = own.parent.rglob("*.py") if own.name == "__init__.py" else []
    shared = [Path(__file__).with_name(f"{name}.py") for name in _SHARED]
    known = [own, *shared, *sorted(set(package) - {own})]
    return b"".join(path.read_bytes() for path in [*known, *_built_on(known)])


def _built_on(known: Sequence[Path]) -> list[Path]:
    """Return the other files of this package that some of its files import, by their path."""
    found: set[Path] = set()
    waiting = list(known)
    while waiting:
        names = _imported(waiting.pop().read_bytes()) - set(_NO_SIGNAL)
        new = {file for name in names for file in _files(name)} - found - set(known)
        found |= new
        waiting += new
    return sorted(found)


def _files(name: str) -> Iterator[Path]:
    """Yield the files that importing `strategies.<name>` may run: one, a package's, or all."""
    for folder in map(Path, strategies.__path__):
        if name == _ANY:
            yield from folder.rglob("*.py")
        elif (folder / name).is_dir():
            yield from (folder / name).rglob("*.py")
        elif (file := folder / f"{name}.py").is_file():
            yield file
        elif (package := folder / "__init__.py").is_file():
            # What `from strategies import x` takes from the package itself.
            yield package


@cache
def _imported(source: bytes) -> frozenset[str]:
    """Return the names in this package that a module imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            of = "strategies" if node.level and not node.module else node.module or ""
            of = f"strategies.{of}" if node.level and node.module else of
            names |= {of} | {f"{of}.{alias.name}" for alias in node.names}
    parts = [name.split(".") for name in names]
    return frozenset(part[1] for part in parts if part[0] == "strategies" and len(part) > 1)
