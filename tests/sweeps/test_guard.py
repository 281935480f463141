"""The sweeps sweep: each key is a function, each function has a key, and none of them is empty."""

from collections import Counter, defaultdict

import pytest

from tests.sweeps import cases, test_doors, test_masks, test_place, test_units
from tests.sweeps.cases import CASES, OTHERS, REFUSED, SKIPPED_LAYER, doors

KEYS = {key for key, _ in doors().values()}
# The functions of each sweep, and those of CASES that it leaves out, with the reason.
RUNS = {key for key, case in CASES.items() if case.on == "runs"}
DRAWN = {key for key, case in CASES.items() if not case.compare}
PLOTS = {key for key in CASES if key.startswith("plot")}
ON_MAPS = {key for key, case in CASES.items() if case.on in ("map", "tree", "maps", "onoff")}
SWEEPS = {
    "place": (test_place.ALL, CASES.keys() - RUNS),
    "place, compared": (test_place.COMPARED, CASES.keys() - RUNS - DRAWN),
    "masks": (test_masks.ON_MAPS, ON_MAPS),
    "masks, compared": (test_masks.COMPARED, ON_MAPS - DRAWN),
    "units": (test_units.COMPARED, CASES.keys() - PLOTS),
    "methods": (
        {doors()[door][0] for door in test_doors.METHODS},
        {key for door, (key, _) in doors().items() if "gamma" in door} & CASES.keys() - DRAWN,
    ),
}
# What checks nothing of a dataset: it reads a name, an axis, a unit or the frame, or is the check.
UNCHECKED = {
    "attached.models_of",
    "collection.dataset",
    "collection.names_of",
    "collection.remove",
    "frame.frame_of",
    "frame.wcs_of",
    "quantities.edges_of",
    "quantities.values_of",
    "schema.kind",
    "sky.center",
    "sky.lonlat",
    "sky.separation",
    "sky.solid_angle",
    "units.convert",
    "units.quantity",
    "validation.validate",
}


def test_each_key_is_a_public_function():
    """A renamed or moved function takes its case, its refusals and its exceptions along."""
    assert CASES.keys() - KEYS == set()
    assert set() == OTHERS - KEYS
    assert {key for _, key in REFUSED} - CASES.keys() == set()
    assert set(test_place.LOCAL) - CASES.keys() == set()
    assert test_doors.CHOSEN.keys() - doors().keys() == set()


def test_each_public_function_has_a_case_or_a_listed_refusal():
    """A new function or method needs a line in tests/sweeps/cases.py."""
    swept = {key for key, f in doors().values() if not f.__module__.startswith(SKIPPED_LAYER)}
    assert swept - CASES.keys() - OTHERS == set()
    assert CASES.keys() & OTHERS == set()


def test_a_key_means_one_function():
    functions = defaultdict(set)
    for key, function in doors().values():
        functions[key].add(function)
    assert {key for key, found in functions.items() if len(found) > 1} == set()


@pytest.mark.parametrize("sweep", SWEEPS)
def test_a_sweep_runs_all_that_it_should(sweep):
    found, wanted = SWEEPS[sweep]
    assert set(found) == wanted
    assert len(wanted) > 40


def test_refusals_are_of_changes_that_are_swept():
    assert {change for change, _ in REFUSED} <= test_place.SMALL.keys() | test_place.FRAMES.keys()


def test_what_is_swept_for_broken_bins_checks_its_datasets():
    """A function that is not an operation would leave two of the sweeps without a word."""
    found = {key for key in CASES if not test_place.checks(key)}
    assert found == UNCHECKED
    assert {key for _, key in test_doors.REFUSING} == CASES.keys() - UNCHECKED - {"front.reduce"}
    every = Counter(CASES[key].on for _, key in test_doors.REFUSING)
    assert every["map"] > 60


def test_a_case_of_no_function_stops_the_sweeps(monkeypatch):
    monkeypatch.setitem(CASES, "gone.away", cases.Case("map"))
    with pytest.raises(LookupError, match=r"renamed or moved.*gone\.away"):
        cases.targets()
