"""Places: the folders, files and servers that a run reads and writes, set by the environment only.

Who may launch a run could otherwise make its process read any file, write anywhere, or connect to
any host, with the rights of the server. They are no part of the configuration that run config may
change, unless the operator allows it by GAUNTLET_PLACES_IN_RUN_CONFIG.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from strategies.errors import GauntletError

PLACES: Mapping[str, Mapping[str, str]] = {
    "market_data": {
        "prices": "GAUNTLET_PRICES",
        "splits": "GAUNTLET_SPLITS",
        "home": "GAUNTLET_HOME",
    },
    "result_store": {"database_url": "DATABASE_URL", "home": "GAUNTLET_HOME"},
    "price_store": {"root": "GAUNTLET_PRICE_STORE"},
    "backtest_files": {"root": "GAUNTLET_BACKTEST_FILES"},
    "reports": {"root": "GAUNTLET_HOME"},
}
"""The variable of each place, by resource and field."""


class RunConfigError(GauntletError):
    """Run config reads what it must not; the text says what to do."""


class WithoutEnvironment:
    """A resource that refuses run config in which a value is read from the environment.

    Dagster replaces ``{env: NAME}`` with the variable's value, such as a password, which messages
    and results would then show.
    """

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Refuse it, before a step begins; raises RunConfigError."""
        config = context.run.run_config if context.run else {}
        for path, name in find_variables(config):
            raise RunConfigError(
                f"run config reads the environment variable {name} at {path}, which it must not: "
                "write the value itself, or leave it out."
            )


def find_variables(config: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield where config reads a variable of the environment, and which one."""
    if isinstance(config, Mapping):
        if list(config) == ["env"] and isinstance(config["env"], str):
            yield path, config["env"]
            return
        for name, value in config.items():
            yield from find_variables(value, f"{path}:{name}".lstrip(":"))
    elif isinstance(config, Sequence) and not isinstance(config, str):
        for number, value in enumerate(config):
            yield from find_variables(value, f"{path}[{number}]")


def describe_place(path: Sequence[str], field: str) -> str:
    """Return what to set instead of a field of run config; "" if it is not a place.

    Parameters
    ----------
    path
        Where the field is, as in ``("resources", "price_store", "config")``.
    """
    variable = PLACES.get(path[-2], {}).get(field) if len(path) > 1 else None
    if not variable:
        return ""
    return (
        f"Run config can't set {path[-2]}.{field}: set {variable} in the environment of the server "
        "instead, or allow it there by GAUNTLET_PLACES_IN_RUN_CONFIG=1."
    )


class NoPickles(dg.IOManager):
    """Stores no outputs: assets and ops store their results themselves, and hand none over.

    In the place of Dagster's own IO manager, which reads pickles from a folder that run config may
    name, and which are programs.
    """

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:  # noqa: ARG002
        """Refuse an output with a value."""
        raise TypeError(f"{context.step_key} returns a value, which nothing stores.")

    def load_input(self, context: dg.InputContext) -> Any:
        """Refuse to load what was never stored."""
        raise TypeError(f"{context.name} is not stored.")
