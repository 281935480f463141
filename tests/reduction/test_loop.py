"""Handing out tasks, with places that fail on purpose."""

from concurrent.futures import BrokenExecutor, Future

import pytest
from hypothesis import given
from hypothesis import strategies as st

import xgamma as xg
from xgamma.reduction.executors import Executed
from xgamma.reduction.fold import Job, Partial
from xgamma.reduction.loop import loop
from xgamma.reduction.runs import Runs, Task, split


class Place(Executed):
    """Breaks when a deadly run is in a task, so often."""

    def __init__(self, workers, deadly):
        super().__init__(None, workers)
        self.deadly, self.most, self.restarts = dict(deadly), 0, 0
        self.flying = []

    def submit(self, job, task):
        future = Future()
        self.flying.append(future)
        self.most = max(self.most, len(self.flying))
        if any(self.deadly.get(p, 0) > 0 for p in task.positions):
            for p in task.positions:
                self.deadly[p] = self.deadly.get(p, 0) - 1
            for other in self.flying:
                if not other.done():
                    other.set_exception(BrokenExecutor("gone"))
        elif self.flying[:-1] and self.flying[0].done() and self.flying[0].exception():
            future.set_exception(BrokenExecutor("gone"))
        else:
            future.set_result(Partial(done=list(task.positions)))
        return future

    def result(self, handle):
        out = handle.result()
        self.flying.remove(handle)
        return out

    def recover(self):
        self.restarts += 1
        self.flying = []


class Numbers(Runs):
    """Runs that are numbers."""

    def label(self, position):
        return self.items[position]

    def part(self, positions):
        return Numbers([self.items[p] for p in positions])


def done(place, number, most=4):
    finished, failed = [], []
    tasks = place.tasks(Numbers(range(number)), None, most)
    for _, partial in loop(place, Job(None, {}), tasks):
        finished += partial.done
        failed += [f.position for f in partial.failures]
    return finished, failed


@given(number=st.integers(0, 40), workers=st.integers(1, 5), most=st.integers(1, 9))
def test_parts_are_contiguous_and_whole(number, workers, most):
    parts = list(split(range(number), workers, most))
    assert [p for part in parts for p in part] == list(range(number))
    sizes = [len(part) for part in parts]
    assert not sizes or (max(sizes) - min(sizes) <= 1 and max(sizes) <= most)
    assert len(parts) >= min(number, workers)


def test_tasks_in_flight_are_bounded():
    place = Place(2, {})
    assert done(place, 100, most=1) == (list(range(100)), [])
    assert place.most == 4


@given(
    number=st.integers(1, 20),
    workers=st.integers(1, 4),
    deaths=st.dictionaries(st.integers(0, 19), st.integers(1, 9), max_size=3),
)
def test_every_run_is_done_once_or_reported(number, workers, deaths):
    finished, failed = done(Place(workers, deaths), number)
    assert sorted(finished + failed) == list(range(number))
    assert finished == sorted(finished)
    assert set(failed) <= set(deaths)


def test_one_death_loses_nothing():
    place = Place(2, {5: 1})
    assert done(place, 12) == (list(range(12)), [])
    assert place.restarts == 1


def test_the_deadly_run_is_found():
    assert done(Place(2, {5: 99}), 12) == ([k for k in range(12) if k != 5], [5])


def test_a_foreign_executor_that_broke_is_not_replaced():
    with pytest.raises(xg.XGammaError, match="starts new ones"):
        Executed(None, 1).recover()


def test_a_generator_is_gone_through_one_run_at_a_time():
    taken = []

    def source():
        for k in range(5):
            taken.append(k)
            yield k

    runs = Numbers(source())
    assert runs.number is None
    tasks = runs.stream()
    first = next(tasks)
    assert taken == [0]
    assert isinstance(first, Task)
    assert [task.positions for task in tasks] == [[1], [2], [3], [4]]
