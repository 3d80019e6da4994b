"""Ways to kill a run, its server, or both at once."""

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from resources.result_store.embedded import data_folder
from tests.pipelines.cli.command import environment

VICTIMS = ("run", "machine", "server", "interrupt")
"""The run alone (out of memory), the run with its server (power), the server alone, Ctrl-C."""

_ENDS_WITHIN = 300.0
_FROM_THE_START = 0.25
"""The share of kills that may come while the command is still loading."""


@dataclass(frozen=True)
class Ended:
    """How a run ended.

    Attributes
    ----------
    code
        Its exit code, None if it was killed itself.
    output
        What a person was shown.
    struck
        Whether anything was killed before it had ended.
    """

    code: int | None
    output: str
    struck: bool

    @property
    def has_traceback(self) -> bool:
        """Whether a person was shown a traceback."""
        return "Traceback (most recent call last)" in self.output


@dataclass(frozen=True)
class Pace:
    """Seconds that a command takes until its run begins, and then to its end."""

    loading: float
    running: float


class Run:
    """`make run` in a project's folder, as a process group of its own."""

    def __init__(self, folder: Path, end: str):
        self.folder = folder
        self._logs = set(self._list_logs())
        self._output = folder / "output.txt"
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pipelines.cli.main_job"],
                cwd=folder,
                env=environment(None, GAUNTLET_END=end),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait(self) -> Ended:
        """Wait for its end."""
        return self._read(self._process.wait(_ENDS_WITHIN))

    def wait_until_loaded(self) -> None:
        """Wait until the command has loaded, and its run begins."""
        while self._process.poll() is None and not self._logs < set(self._list_logs()):
            time.sleep(0.005)

    def kill(self, victim: str, moments: random.Random, pace: Pace) -> Ended:
        """Kill at a random moment; return how the run ended."""
        seconds = pace.running
        if moments.random() < _FROM_THE_START:
            seconds += pace.loading
        else:
            self.wait_until_loaded()
        with suppress(subprocess.TimeoutExpired):
            return self._read(self._process.wait(moments.uniform(0.0, seconds)))
        if victim == "interrupt":
            os.killpg(self._process.pid, signal.SIGINT)
            return self._read(self._process.wait(_ENDS_WITHIN), struck=True)
        if victim != "run":
            _kill_server(self.folder, with_group=self._process if victim == "machine" else None)
        if victim == "server":
            return self._read(self._process.wait(_ENDS_WITHIN), struck=True)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(_ENDS_WITHIN)
        return self._read(None, struck=True)

    def _read(self, code: int | None, *, struck: bool = False) -> Ended:
        return Ended(code, self._output.read_text(errors="replace"), struck)

    def _list_logs(self) -> list[Path]:
        return list((self.folder / ".data/logs").glob("*.log"))


def _kill_server(folder: Path, with_group: "subprocess.Popen[bytes] | None") -> None:
    """Kill all processes of the server; all are stopped first, as when the power fails."""
    if with_group is not None:
        with suppress(ProcessLookupError):
            os.killpg(with_group.pid, signal.SIGSTOP)
    for process in _list_server(data_folder(folder / ".data")):
        with suppress(psutil.NoSuchProcess):
            process.kill()


def _list_server(data: Path) -> list[psutil.Process]:
    try:
        first = (data / "postmaster.pid").read_text().split()[0]
        postmaster = psutil.Process(int(first))
        found = [postmaster, *postmaster.children(recursive=True)]
    except (OSError, IndexError, ValueError, psutil.Error):
        return []
    for process in found:
        with suppress(psutil.NoSuchProcess):
            process.suspend()
    return found
