"""`make chaos`: kills runs at random moments until the time is up."""

import argparse
import logging
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from tests.chaos.kills import VICTIMS
from tests.chaos.nights import Chaos, ChaosError
from tests.chaos.state import UnreadableError

_KILLS_A_NIGHT = 12


def main(arguments: list[str] | None = None) -> int:
    """Kill until the time is up; return 0, or 1 if a kill had a lasting consequence."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=None, help="repeats the kills of another time")
    given = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(10**6) if given.seed is None else given.seed
    console = Console(highlight=False, soft_wrap=True)
    # Dagster warns, each time, that a folder of history alone has no dagster.yaml.
    logging.getLogger("dagster").setLevel(logging.ERROR)
    folder = Path(tempfile.mkdtemp(prefix="gauntlet-chaos-"))
    chaos = Chaos(folder, seed)
    console.print(f"Seed {seed}, {given.minutes:g} minutes, in {folder}")
    until = time.monotonic() + 60.0 * given.minutes
    try:
        while time.monotonic() < until:
            chaos.live(_KILLS_A_NIGHT)
            console.print(_describe(chaos))
    except (ChaosError, UnreadableError) as error:
        chaos.stop()
        console.print(f"{_describe(chaos)}\nFailed with seed {seed}; kept in {folder}. {error}")
        return 1
    chaos.stop()
    shutil.rmtree(folder)
    console.print("Every row, curve, price and report is that of a project left alone.")
    return 0


def _describe(chaos: Chaos) -> str:
    each = ", ".join(f"{victim} {chaos.kills[victim]}" for victim in VICTIMS)
    return f"{chaos.kills.total()} kills ({each}), {chaos.nights} nights compared"


if __name__ == "__main__":
    sys.exit(main())
