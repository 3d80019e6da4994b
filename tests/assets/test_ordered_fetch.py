"""Work by several threads, its results in order."""

import threading

import pytest

from assets.ordered_fetch import map_ordered


@pytest.mark.parametrize("threads", [1, 2, 8])
@pytest.mark.parametrize("count", [0, 1, 5, 100])
def test_results_come_in_the_order_of_the_items(threads: int, count: int):
    answers = map_ordered(lambda item: item * item, range(count), threads)
    assert [answer() for answer in answers] == [item * item for item in range(count)]


@pytest.mark.parametrize("threads", [1, 4])
def test_what_the_work_raises_is_raised_for_its_item_alone(threads: int):
    def work(item: int) -> int:
        if item == 3:
            raise ValueError("three")
        return item

    found: list[int | str] = []
    for answer in map_ordered(work, range(6), threads):
        try:
            found.append(answer())
        except ValueError as error:
            found.append(str(error))
    assert found == [0, 1, 2, "three", 4, 5]


def test_several_threads_work_at_once():
    together = threading.Barrier(4, timeout=60)
    answers = map_ordered(lambda _: together.wait(), range(4), threads=4)
    assert sorted(answer() for answer in answers) == [0, 1, 2, 3]


def test_no_more_is_begun_than_will_be_needed_soon():
    begun: list[int] = []
    answers = map_ordered(begun.append, range(1000), threads=2)
    next(answers)()
    answers.close()
    assert len(begun) <= 5


def test_with_one_thread_the_work_is_done_when_it_is_asked_for():
    begun: list[int] = []
    answers = map_ordered(begun.append, range(3), threads=1)
    first = next(answers)
    assert not begun
    first()
    assert begun == [0]
