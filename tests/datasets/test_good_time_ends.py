"""A dataset that has lost one end of its good time says so where good time is used."""

import pytest

import xgamma as xg
from xgamma.tutorial import example_map, example_model


@pytest.mark.parametrize(("lost", "there"), [("gti_stop", "gti_start"), ("gti_start", "gti_stop")])
@pytest.mark.parametrize(
    "use",
    [
        lambda ds: ds.gamma.stack(example_map()),
        lambda ds: example_map().gamma.stack(ds),
    ],
    ids=["stack", "stacked"],
)
def test_one_end(use, lost, there):
    with pytest.raises(xg.MissingDataError, match=f"has {there} but no {lost}"):
        use(example_map().drop_vars(lost))


def test_no_good_time_at_all():
    ds = example_map().drop_vars(["gti_start", "gti_stop"])
    with pytest.raises(xg.MissingDataError, match="no good time"):
        ds.gamma.sample_events(1, example_model())
