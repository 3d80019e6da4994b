"""Threads that a fork would miss are found before anything is forked, in fresh processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

QUERY = "import polars; polars.Series([2, 1]).sort()"
NAMED = "threading.Thread(target=time.sleep, args=[60], name='mine', daemon=True).start()"
LEFT = {
    "import polars": set(),
    "import numpy": set(),
    "raise ValueError": set(),
    QUERY: {"polars-0", "python"},  # it has its name a moment after it starts
    NAMED: {"mine"},
    f"{NAMED}; raise ValueError": {"mine"},
    "os._exit(3)": {"unknown"},
    "sys.exit(0)": {"unknown"},
}
_PROGRAM = """
import contextlib, os, sys, threading, time
import numpy, polars
with contextlib.suppress(ImportError):
    import scipy.linalg
from resources.run_processes.lost_threads import find_lost_threads, list_threads, try_in_fork
before = list_threads()
def load():
    exec(sys.argv[1])
print(*sorted(try_in_fork(load)))
print(*sorted(find_lost_threads(before)))
{then}
"""
_FORK_AND_QUERY = """
if not os.fork():
    polars.Series([3, 1, 2]).sort().to_list() == [1, 2, 3] and os._exit(0)
assert os.wait()[1] == 0
"""


def run(code: str, then: str = "") -> list[set[str]]:
    """Return the names that were found in a fork, and those that were found here."""
    command = [sys.executable, "-c", _PROGRAM.format(then=then), code]
    threads = os.environ | {"OMP_NUM_THREADS": "2"}  # however many cores there are
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=300, env=threads
    )
    return [set(line.split()) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("code", LEFT)
def test_what_is_tried_in_a_fork_leaves_nothing_here(code: str):
    # And a fork of a process that has tried a query can query.
    tried, here = run(code, _FORK_AND_QUERY)
    assert tried & LEFT[code] if LEFT[code] else not tried, tried
    assert here == set()


def test_threads_without_a_name_of_their_own_are_found():
    code = "import threading; threading.Thread(target=time.sleep, args=[60], daemon=True).start()"
    assert "Thread-1" in run(code)[0]
    pytest.importorskip("sklearn")
    imported = "import numpy as np; from sklearn.ensemble import HistGradientBoostingClassifier"
    assert run(imported)[0] == set()
    fitted = (
        f"{imported} as Model; x = np.random.default_rng(0).normal(size=(3000, 5)); "
        "Model(max_iter=3).fit(x, (x[:, 0] > 0).astype(int))"
    )
    assert run(fitted)[0] == {Path(sys.executable).name}  # those of OpenMP
