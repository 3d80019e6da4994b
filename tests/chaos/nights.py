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

SYMBOLS = ("AAPL", "MSFT", "GOOGL", "AMZN")
_FIRST_NIGHT = date(2023, 6, 30)
_NIGHTS_IN_A_FOLDER = 3
_LOOKED_AT = 0.3
"""The share of kills after which the project is looked at: looking starts its server."""
_LATEST = 0.8
"""The share of a run after which no kill comes: it would often come too late."""
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
        Within which kills come; None for that of the last run that nobody killed.
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
    _ahead: Run | None = None
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
        end = _last_day(self.nights)
        ahead = self._ahead or self._begin_undisturbed(self.nights)
        if self._ahead is None:
            self._pace = _measure(ahead)
        self._finish(ahead)
        expected = read_state(ahead.folder)
        # One night ahead, beside the disturbed project: the next night need not wait for it.
        self._ahead = self._begin_undisturbed(self.nights + 1)
        disturbed = self._open("disturbed", empty=self.nights % _NIGHTS_IN_A_FOLDER == 0)
        if not self._kill(disturbed, end, kills, expected):
            run = Run(disturbed, end)
            self._pace = _measure(run)
            self._finish(run)
        self._require(find_differences(read_state(disturbed), expected, end), end)
        self.nights += 1

    def stop(self) -> None:
        """Wait for what is running ahead."""
        if self._ahead is not None:
            self._ahead.wait()

    def _kill(self, folder: Path, end: str, kills: int, expected: State) -> bool:
        """Kill runs of a night; return whether one of them came to its end nevertheless."""
        for _ in range(kills):
            victim = self._moments.choice(VICTIMS)
            ended = Run(folder, end).kill(victim, self._moments, self.pace or self._pace)
            self._judge(ended, victim)
            self.kills[victim] += ended.struck
            if ended.code == 0:
                return True
            if self._moments.random() < _LOOKED_AT:
                self._require(find_false_results(read_state(folder), expected), end)
        return False

    def _begin_undisturbed(self, night: int) -> Run:
        return Run(self._open("undisturbed", empty=not night), _last_day(night))

    def _finish(self, run: Run) -> None:
        ended = run.wait()
        if ended.code:
            raise ChaosError(
                f"A run that nobody killed failed, after {dict(self.kills)}:\n{ended.output}"
            )

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


def _last_day(night: int) -> str:
    return (_FIRST_NIGHT + timedelta(days=7 * night)).isoformat()


def _measure(run: Run) -> Pace:
    """Wait until a run has ended; return how long it took."""
    begin = time.monotonic()
    run.wait_until_loaded()
    loaded = time.monotonic()
    run.wait()
    return Pace(loaded - begin, _LATEST * (time.monotonic() - loaded))
