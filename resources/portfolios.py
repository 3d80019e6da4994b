"""The definitions of portfolios: YAML files of one folder, each named after its portfolio.

``default.yaml`` is applied to each strategy, whose portfolio has its name; without that file, the
defaults of the code are. Read when definitions load.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from engine.errors import MissingPackageError
from research.errors import InvalidPortfolioError
from research.portfolio.definition import OPTIMIZED, PortfolioDefinition, require_optimizers
from research.portfolio.parsing import parse_definition
from resources.files.regular_file import RefusedFileError, read_regular
from strategies.errors import GauntletError

DEFAULT = "default"
"""Name of the definition that is applied to each strategy."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_SUFFIXES = (".yaml", ".yml")
_MAX_BYTES = 2**18


class PortfolioFileError(GauntletError):
    """The file of a portfolio is refused: its one line names the file, the line and the key."""


@dataclass(frozen=True)
class _Content:
    """What a file says, and on which line each key is, by its path: ``limits.max_weight``."""

    values: Mapping[str, Any]
    lines: Mapping[str, int]


def load_portfolios(
    folder: Path | None,
    strategies: Sequence[str],
    symbols: Sequence[str],
    *,
    has_sectors: bool = True,
) -> dict[str, PortfolioDefinition]:
    """Return the definitions by name: one per strategy, then those of the folder's other files.

    A file with the name of a strategy replaces the portfolio of that strategy.

    Parameters
    ----------
    folder
        None for none: only the defaults of the code.
    has_sectors
        Whether the universe says in which sector its symbols are.

    Raises
    ------
    PortfolioFileError
        With the first file that is refused.
    """
    default, others = parse_definition(DEFAULT, {}, symbols, strategies), {}
    names: set[str] = set()
    for path in _list_files(folder):
        if path.stem in names:
            raise PortfolioFileError(f"{path}: there is a portfolio '{path.stem}' already.")
        names.add(path.stem)
        definition = load_portfolio(path, strategies, symbols, has_sectors=has_sectors)
        if path.stem == DEFAULT:
            _refuse_strategies(path, definition)
            default = definition
        elif not definition.strategies:
            raise PortfolioFileError(
                f"{path} has no key 'strategies': only {DEFAULT}.yaml is applied to each strategy; "
                "allowed: a name, a list of names, weights by name, or all."
            )
        else:
            _refuse_borrowed_name(path, definition, strategies)
            others[path.stem] = definition
    return {name: default.for_strategy(name) for name in strategies} | others


def load_portfolio(
    path: Path, strategies: Sequence[str], symbols: Sequence[str], *, has_sectors: bool = True
) -> PortfolioDefinition:
    """Return the definition in a file.

    Raises
    ------
    PortfolioFileError
        When it is no YAML, or its definition is refused.
    """
    if not _NAME.fullmatch(path.stem):
        raise PortfolioFileError(
            f"{path}: {path.stem!r} is not the name of a portfolio: letters, digits, _ and -, at "
            "most 64, the first a letter or digit."
        )
    content = _read(path)
    try:
        definition = parse_definition(
            path.stem, content.values, symbols, strategies, has_sectors=has_sectors
        )
        if definition.sizing in OPTIMIZED:
            require_optimizers(definition.sizing)
        return definition
    except MissingPackageError as error:
        raise PortfolioFileError(f"{_locate(path, content, 'sizing')}: {error}") from error
    except InvalidPortfolioError as error:
        raise PortfolioFileError(f"{_locate(path, content, error.key)}: {error}") from error


def _list_files(folder: Path | None) -> list[Path]:
    if folder is None:
        return []
    try:
        return sorted(one for one in folder.iterdir() if one.suffix in _SUFFIXES)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise PortfolioFileError(
            f"{folder} is not a folder: GAUNTLET_PORTFOLIOS names the folder of the portfolios' "
            "YAML files."
        ) from error
    except OSError as error:
        raise PortfolioFileError(f"{folder} can't be read: {error}.") from error


def _refuse_strategies(path: Path, definition: PortfolioDefinition) -> None:
    if definition.strategies:
        raise PortfolioFileError(
            f"{path} has the key 'strategies', and is applied to each of them: name the file of a "
            "portfolio of several strategies otherwise."
        )


def _refuse_borrowed_name(
    path: Path, definition: PortfolioDefinition, strategies: Sequence[str]
) -> None:
    if path.stem in strategies and list(definition.strategies) != [path.stem]:
        raise PortfolioFileError(
            f"{path} is named after the strategy '{path.stem}', whose portfolio it replaces, and "
            f"trades {', '.join(definition.strategies)}: name it otherwise."
        )


def _read(path: Path) -> _Content:
    try:
        text = read_regular(path, _MAX_BYTES).decode("utf-8-sig")
    except (RefusedFileError, UnicodeDecodeError, OSError) as error:
        raise PortfolioFileError(f"{path} can't be read: {error}.") from error
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        values = {} if node is None else loader.construct_document(node)
    except yaml.YAMLError as error:
        raise PortfolioFileError(_describe_syntax(path, error)) from error
    finally:
        loader.dispose()
    if not isinstance(values, Mapping):
        raise PortfolioFileError(f"{path} is no mapping of keys to values, as in slots: 20.")
    return _Content(values, _find_lines(path, node) if isinstance(node, yaml.MappingNode) else {})


def _find_lines(path: Path, node: yaml.MappingNode, before: str = "") -> dict[str, int]:
    """Return the line of each key; a key that is twice is refused: YAML would take the last."""
    lines: dict[str, int] = {}
    for key, value in node.value:
        name, line = f"{before}{key.value}", key.start_mark.line + 1
        if name in lines:
            raise PortfolioFileError(f"{path}, line {line}: key '{name}' is twice.")
        lines[name] = line
        if isinstance(value, yaml.MappingNode):
            lines |= _find_lines(path, value, f"{name}.")
    return lines


def _describe_syntax(path: Path, error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    line = f", line {mark.line + 1}" if mark else ""
    return f"{path}{line}: not YAML: {getattr(error, 'problem', None) or error}."


def _locate(path: Path, content: _Content, key: str) -> str:
    """Return the file, and the line of a key or of what it is in."""
    while key and key not in content.lines:
        key = key.rpartition(".")[0]
    return f"{path}, line {content.lines[key]}" if key else str(path)
