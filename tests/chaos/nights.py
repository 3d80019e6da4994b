"""Two projects live the same nights; one of them is killed at random moments.

Each night has another window, so that prices are fetched, merged and tested again. A night of the
disturbed project ends with a run that nobody kills; then every row, curve, price and report is
compared. Now and then the disturbed project begins again in an empty folder.
"""

import random
import shutil
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from tests.chaos.comparison import find_differences, find_false_results
from tests.chaos.kills import VICTIMS, Ended, Pace, Run
from tests.chaos.state import State, read_state
from tests.pipelines.cli.command import lay_out

SYMBOLS = ("AAPL", "MSFT", "GOOGL", "AMZN", "TSLA", "META", "NVDA", "JPM")
_FIRST_NIGHT = date(2023, 6, 30)
_NIGHTS_IN_A_FOLDER = 3
_LOOKED_AT = 0.5
"""The share of kills after which the project is looked at: looking starts its server."""
_REFUSED = 2


class ChaosError(Exception):
    """A kill had a lasting consequence."""


@dataclass
class Chaos:
    """The two projects.

    Attributes
    ----------
    folder
        Has a folder for each of them.
    seed
        Chooses what is killed, and when.
    symbols
        Their universe.
    pace
        Within which kills come; None for that of the last run that nobody disturbed.
    kills
        How often what was killed.
    nights
        How many nights ended with the same results.
    """

    folder: Path
    seed: int
    symbols: Sequence[str] = SYMBOLS
    pace: Pace | None = None
    kills: Counter[str] = field(default_factory=Counter)
    nights: int = 0
    _pace: Pace = field(init=False)
    _moments: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._moments = random.Random(self.seed)  # noqa: S311 - nothing is secret

    def live(self, kills: int) -> None:
        """Live one night: so many kills at most, then a run to its end, which is compared.

        Raises
        ------
        ChaosError
            When anything differs, or looked good and was not.
        """
        end = (_FIRST_NIGHT + timedelta(days=7 * self.nights)).isoformat()
        expected = self._live_undisturbed(end)
        disturbed = self._open("disturbed", empty=self.nights % _NIGHTS_IN_A_FOLDER == 0)
        finished = False
        for _ in range(kills):
            victim = self._moments.choice(VICTIMS)
            ended = Run(disturbed, end).kill(victim, self._moments, self.pace or self._pace)
            self._judge(ended, victim)
            if finished := ended.code == 0:
                break
            self.kills[victim] += 1
            if self._moments.random() < _LOOKED_AT:
                self._require(find_false_results(read_state(disturbed), expected), end)
        if not finished:
            ended = Run(disturbed, end).wait()
            if ended.code:
                raise ChaosError(f"The run after {dict(self.kills)} failed:\n{ended.output}")
        self._require(find_differences(read_state(disturbed), expected, end), end)
        self.nights += 1

    def _live_undisturbed(self, end: str) -> State:
        folder = self._open("undisturbed", empty=not self.nights)
        begin = time.monotonic()
        run = Run(folder, end)
        run.wait_until_loaded()
        loaded = time.monotonic()
        ended = run.wait()
        if ended.code:
            raise ChaosError(f"The run that nobody disturbs failed:\n{ended.output}")
        self._pace = Pace(loaded - begin, time.monotonic() - loaded)
        return read_state(folder)

    def _open(self, name: str, *, empty: bool) -> Path:
        folder = self.folder / name
        if empty and folder.exists():
            shutil.rmtree(folder)
        if not folder.exists():
            folder.mkdir()
            lay_out(folder, list(self.symbols))
        return folder

    def _judge(self, ended: Ended, victim: str) -> None:
        if ended.has_traceback:
            raise ChaosError(f"A person was shown a traceback after {victim}:\n{ended.output}")
        if ended.code == _REFUSED and "can't be reached" not in ended.output:
            raise ChaosError(f"The run was refused after {victim}:\n{ended.output}")

    def _require(self, faults: list[str], end: str) -> None:
        if faults:
            shown = "\n".join(f"- {fault}" for fault in faults[:20])
            raise ChaosError(f"Night {end}, {len(faults)} faults:\n{shown}")
