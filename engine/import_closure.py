"""Which files are run by importing a module: what its results may depend on."""

import ast
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

_DYNAMIC = frozenset({"importlib", "importlib.util", "pkgutil", "runpy"})
"""Who imports one of these may import modules that no file names."""


def import_closure(
    roots: Iterable[Path],
    packages: Iterable[ModuleType],
    read: Callable[[Path], bytes] = Path.read_bytes,
) -> dict[Path, bytes]:
    """Return the roots, and all files of `packages` that importing them may run, with their source.

    Imports are followed wherever they stand in a file, inside functions too, and relative ones
    like absolute ones; with a module go the ``__init__`` files of the packages above it. Imports
    under ``if TYPE_CHECKING`` are left out: they never run. A file that loads modules by names
    known only when it runs (`importlib`) may load any of its package: all of them are taken.

    Parameters
    ----------
    roots
        Files of the modules to begin with.
    packages
        Top-level packages to follow; other imports are libraries.
    read
        How a file's source is read.

    Raises
    ------
    SyntaxError
        When a file is not Python.
    """
    folders = tuple(
        (package.__name__, Path(folder).absolute())
        for package in packages
        for folder in package.__path__
    )
    sources: dict[Path, bytes] = {}
    waiting = [root.absolute() for root in roots]
    while waiting:
        file = waiting.pop()
        if file not in sources:
            sources[file] = read(file)
            waiting += _find_imported_files(file, sources[file], folders)
    return sources


_Folders = tuple[tuple[str, Path], ...]
"""Top-level packages, each with a folder that it is in; one may be in several."""


def _find_imported_files(file: Path, source: bytes, folders: _Folders) -> Iterator[Path]:
    """Yield the files that importing `file` runs before or with it."""
    above = _find_package(file, folders)
    names = _find_imported_names(source, above)
    for name in {".".join(above), *names}:
        yield from _find_files(name, folders)
    if names & _DYNAMIC:
        for top, folder in folders:
            yield from folder.rglob("*.py") if top in above[:1] else ()


def _find_package(file: Path, folders: _Folders) -> tuple[str, ...]:
    """Return the names of the package that a file stands in, outermost first; none elsewhere."""
    for top, folder in folders:
        if file.is_relative_to(folder):
            return (top, *file.parent.relative_to(folder).parts)
    return ()


@cache
def _find_files(name: str, folders: _Folders) -> list[Path]:
    """Return the files that importing a dotted name runs; what is no module ends it."""
    top, *inside = name.split(".")
    found: list[Path] = []
    for here in [folder for package, folder in folders if package == top]:
        paths = [here.joinpath(*inside[:depth]) for depth in range(len(inside) + 1)]
        files = [path.with_name(f"{path.name}.py") for path in paths[1:]]
        found += filter(Path.is_file, [*files, *(path / "__init__.py" for path in paths)])
    return found


@cache
def _find_imported_names(source: bytes, above: tuple[str, ...]) -> frozenset[str]:
    """Return the dotted names that a file imports, those of relative imports made absolute."""
    names: set[str] = set()
    for node in _walk_running(ast.parse(source).body):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = above[: len(above) - node.level + 1] if node.level else ()
            of = ".".join([*parents, *filter(None, [node.module])])
            names |= {of} | {f"{of}.{alias.name}" for alias in node.names}
    return frozenset(names)


def _walk_running(statements: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield statements and those inside them, without what stands under ``if TYPE_CHECKING``."""
    for node in statements:
        yield node
        inside = ("body", "orelse", "handlers", "finalbody", "cases")
        if isinstance(node, ast.If) and _is_type_checking(node.test):
            inside = ("orelse",)
        for name in inside:
            yield from _walk_running(getattr(node, name, ()))


def _is_type_checking(test: ast.expr) -> bool:
    if isinstance(test, ast.Attribute):
        return test.attr == "TYPE_CHECKING"
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"
