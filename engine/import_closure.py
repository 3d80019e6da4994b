"""Which files are run by importing a module: what its results may depend on."""

import ast
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import ModuleType

_DYNAMIC = frozenset({"importlib", "importlib.util", "pkgutil", "runpy"})
"""Who imports one of these may import modules that no file names."""

_WORDS = re.compile(rb"\b(import|TYPE_CHECKING)\b")
_IMPORT = re.compile(rb"(import|from)\b")
_TYPE_CHECKING = (b"if TYPE_CHECKING:", b"if typing.TYPE_CHECKING:")


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
    above, names, files = _find_named_files(file, source, folders)
    yield from files
    if names & _DYNAMIC:
        for top, folder in folders:
            # What begins with a dot can't be imported: an editor's lock is a link to nowhere.
            yield from folder.rglob("[!.]*.py") if top in above[:1] else ()


@cache
def _find_named_files(
    file: Path, source: bytes, folders: _Folders
) -> tuple[tuple[str, ...], frozenset[str], frozenset[Path]]:
    """Return the package that a file stands in, the names it imports, and the files of both."""
    above = _find_package(file, folders)
    names = _find_imported_names(source, above)
    files = {found for name in {".".join(above), *names} for found in _find_files(name, folders)}
    return above, names, frozenset(files)


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
    here = [str(folder) for package, folder in folders if package == top]
    return [Path(file) for folder in here for file in _find_below(folder, tuple(inside))]


@cache
def _find_below(folder: str, inside: tuple[str, ...]) -> tuple[str, ...]:
    """Return the files that importing a module of a package's folder runs, outermost first.

    Most names are of no file; with `pathlib`, to ask takes ten times as long.
    """
    if not inside:
        files, above = [f"{folder}/__init__.py"], ()
    else:
        above = _find_below(folder, inside[:-1])
        within, last = "/".join([folder, *inside[:-1]]), inside[-1]
        is_folder = _is_folder(within)
        files = [f"{within}/{last}.py", f"{within}/{last}/__init__.py"] if is_folder else []
    return (*above, *filter(os.path.isfile, files))


_is_folder = cache(os.path.isdir)


@cache
def _find_imported_names(source: bytes, above: tuple[str, ...]) -> frozenset[str]:
    """Return the dotted names that a file imports, those of relative imports made absolute."""
    names: set[str] = set()
    for node in _walk_running(_parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = above[: len(above) - node.level + 1] if node.level else ()
            of = ".".join([*parents, *filter(None, [node.module])])
            names |= {of} | {f"{of}.{alias.name}" for alias in node.names}
    return frozenset(names)


def _parse(source: bytes) -> list[ast.stmt]:
    """Return a file's import statements, with others around them where it must be parsed whole.

    To parse 200 files whole takes a third of what loading the definitions adds to Dagster's time.
    """
    imports = _cut_out_imports(source)
    if imports is not None:
        with suppress(SyntaxError):
            return ast.parse(imports).body
    return ast.parse(source).body


def _cut_out_imports(source: bytes) -> bytes | None:
    """Return the import statements of a file; None where only a parser can tell them.

    That is wherever an import could stand that does not begin its line, or something that begins
    one could be none: the word within a line or in triple quotes, lines that end with a backslash,
    ``TYPE_CHECKING`` but in an ``if`` of its own at the margin.
    """
    if b"\\\n" in source or b"\r" in source or b"\f" in source:
        return None
    statements: list[bytes] = []
    quoted = skipped = opened = False
    for line in source.split(b"\n"):
        plain = not quoted
        quoted ^= bool(line.count(b'"""') % 2) ^ bool(line.count(b"'''") % 2)
        if opened:
            statements[-1] += b"\n" + line
            opened = b")" not in line
            continue
        # A block ends at the next line that begins at the margin.
        skipped = skipped and (not line or line[:1] in b" \t#)")
        if skipped or not (b"import" in line or b"TYPE_CHECKING" in line):
            continue
        statement = line.strip()
        if plain and statement in _TYPE_CHECKING and line[:1] == b"i":
            skipped = True
            continue
        if not _WORDS.search(statement):
            continue
        if not plain or not _IMPORT.match(statement):
            return None
        statements.append(statement)
        opened = b"(" in statement and b")" not in statement
    return None if opened else b"\n".join(statements)


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
