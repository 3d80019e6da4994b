"""Timing: the processor's, in interleaved rounds, with ratios that are taken within them."""

import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from benchmarks.clock import cpu_seconds, cpu_seconds_with
from benchmarks.harness import FEWEST_ROUNDS, Timings, interleave, seconds_of

BURN = "import time\nwhile time.process_time() < 0.3: pass"


def test_contenders_warm_up_and_then_take_turns_in_each_round():
    ran: list[str] = []
    contenders = {name: lambda name=name: ran.append(name) for name in ("a", "b", "c")}
    # By a clock that doubles its pace, no two rounds take the same.
    timings = interleave("a test", contenders, rounds=4, clock=lambda: 2.0 ** len(ran))
    assert ran[:3] == ["a", "b", "c"]
    assert [ran[start : start + 3] for start in (3, 6, 9, 12)] == [
        ["a", "b", "c"],
        ["b", "c", "a"],
        ["c", "a", "b"],
        ["a", "b", "c"],
    ]
    assert {len(seconds) for seconds in timings.seconds.values()} == {4}


@pytest.mark.parametrize(("growth", "rounds"), [(1.0, FEWEST_ROUNDS), (1.5, 7)])
def test_steady_ratios_end_the_rounds(growth: float, rounds: int):
    now = 0.0
    took = {"own": 2.0, "baseline": 1.0}

    def running(name: str) -> Callable[[], None]:
        def run() -> None:
            nonlocal now
            now += took[name]
            took["own"] *= growth

        return run

    contenders = {name: running(name) for name in took}
    assert interleave("a test", contenders, rounds=7, clock=lambda: now).rounds == rounds


def test_sleep_is_not_work_and_a_childs_work_is():
    assert seconds_of(lambda: time.sleep(0.3)) < 0.2
    assert seconds_of(lambda: subprocess.run([sys.executable, "-c", BURN], check=True)) >= 0.3


def test_the_work_of_a_server_is_counted():
    with subprocess.Popen([sys.executable, "-c", f"{BURN}\ntime.sleep(30)"]) as server:
        clock = cpu_seconds_with(server.pid)
        counted = 0.0
        while counted < 0.2 and server.poll() is None:
            time.sleep(0.01)
            counted = clock() - cpu_seconds()
        server.kill()
    assert counted >= 0.2


def test_a_ratio_is_taken_within_a_round():
    timings = Timings({"own": [1.0, 10.0, 1.0], "baseline": [3.0, 30.0, 3.0]})
    assert timings.times_as_fast("own", "baseline") == pytest.approx(3.0)
    assert timings.ratio("own", "baseline") == pytest.approx(1 / 3)


def test_the_fastest_has_the_lowest_median():
    timings = Timings({"steady": [2.0, 2.0, 2.0], "lucky": [1.0, 3.0, 3.0]})
    assert timings.fastest("steady", "lucky") == "steady"


def test_the_spread_is_the_interquartile_range():
    assert Timings({"one": [1.0, 2.0, 3.0, 4.0, 5.0]}).spread("one") == pytest.approx(2 / 3)
    assert Timings({"one": [1.0]}).spread("one") == 0.0
