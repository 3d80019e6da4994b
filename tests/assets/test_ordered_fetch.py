"""Items are processed in threads, and results are returned in order."""

import threading

import pytest

from assets.ordered_fetch import map_ordered


@pytest.mark.parametrize("threads", [1, 2, 8])
@pytest.mark.parametrize("count", [0, 1, 5, 100])
def test_results_come_in_the_order_of_the_items(threads: int, count: int):
    results = map_ordered(lambda item: item * item, range(count), threads)
    assert [result() for result in results] == [item * item for item in range(count)]


@pytest.mark.parametrize("threads", [1, 4])
def test_an_error_is_raised_for_its_own_item(threads: int):
    def work(item: int) -> int:
        if item == 3:
            raise ValueError("three")
        return item

    found: list[int | str] = []
    for result in map_ordered(work, range(6), threads):
        try:
            found.append(result())
        except ValueError as error:
            found.append(str(error))
    assert found == [0, 1, 2, "three", 4, 5]


def test_several_threads_work_at_once():
    together = threading.Barrier(4, timeout=60)
    results = map_ordered(lambda _: together.wait(), range(4), threads=4)
    assert sorted(result() for result in results) == [0, 1, 2, 3]


def test_only_a_few_items_are_started_ahead():
    started: list[int] = []
    results = map_ordered(started.append, range(1000), threads=2)
    next(results)()
    results.close()
    assert len(started) <= 5


def test_one_thread_starts_work_when_its_result_is_requested():
    started: list[int] = []
    results = map_ordered(started.append, range(3), threads=1)
    first = next(results)
    assert not started
    first()
    assert started == [0]
