"""The registered strategies: every file of this folder that defines one.

A strategy has the name of its file.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from types import MappingProxyType, ModuleType
from typing import Any

import strategies
from strategies.base import Strategy
from strategies.errors import AmbiguousStrategyError, UnknownStrategyError, did_you_mean


@cache
def registered_strategies() -> Mapping[str, type[Strategy]]:
    """Return every strategy class by name, in alphabetical order."""
    names = sorted(module.name for module in pkgutil.iter_modules(strategies.__path__))
    modules = (importlib.import_module(f"{strategies.__name__}.{name}") for name in names)
    found = {cls.name: cls for module in modules for cls in _find_defined(module)}
    return MappingProxyType(found)


def get_strategy(name: str) -> type[Strategy]:
    """Return the strategy class of that name.

    Raises
    ------
    UnknownStrategyError
        With the valid names, when there is none.
    """
    known = registered_strategies()
    if not isinstance(name, str):
        raise UnknownStrategyError(
            f"The name of a strategy is a text, not {name!r}. Registered: {', '.join(known)}."
        )
    if name not in known:
        raise UnknownStrategyError(
            f"There is no strategy '{name}'.{did_you_mean(name, known)} "
            f"Registered: {', '.join(known)}."
        )
    return known[name]


def _find_defined(module: ModuleType) -> list[type[Strategy]]:
    """Return the strategy that a file defines, if any; two would have the same name."""
    defined = [
        cls
        for cls in vars(module).values()
        if inspect.isclass(cls)
        and issubclass(cls, Strategy)
        and cls.__module__ == module.__name__
        and not inspect.isabstract(cls)
    ]
    if len(defined) > 1:
        names = ", ".join(cls.__name__ for cls in defined)
        raise AmbiguousStrategyError(
            f"{module.__file__} defines {names}; a file defines one strategy, named after it."
        )
    return defined


def _build_template(cls: type[Strategy]) -> dict[str, Any]:
    return {
        "description": inspect.getdoc(cls) or "",
        "parameters": {field.name: field.default for field in fields(cls)},
        "ranges": {field.name: list(field.metadata["sweep"]) for field in fields(cls)},
    }


STRATEGY_TEMPLATES: Mapping[str, dict[str, Any]] = MappingProxyType(
    {name: _build_template(cls) for name, cls in registered_strategies().items()}
)
"""By strategy: ``description``, ``parameters`` (the defaults) and ``ranges`` (the sweep values)."""
