"""Where data lie in memory and on the sky does not matter: same result, or one sentence."""

from functools import cache

import numpy as np
import pytest
from astropy.coordinates import SkyCoord

import xgamma as xg
from tests.sweeps.cases import (
    CASES,
    called,
    expected,
    made,
    physical,
    run,
    same,
    targets,
    template,
    works,
)
from xgamma.model.operation import is_operation
from xgamma.tutorial import example_model

COMPARED = [key for key in targets() if CASES[key].compare and CASES[key].on != "runs"]
ALL = [key for key in targets() if CASES[key].on != "runs"]
pytestmark = pytest.mark.filterwarnings("ignore::xgamma.XGammaWarning")


def world(change):
    return {name: change(ds) for name, ds in made().items()}


def transposed(ds):
    return ds.transpose(*reversed(list(ds.dims)))


def chunked(ds):
    pytest.importorskip("dask.array", reason="dask is not installed: pip install -e .[dask]")
    sizes = {"energy": 2, "y": 5, "x": 9, "energy_true": 4}
    return ds.chunk({d: n for d, n in sizes.items() if d in ds.dims})


def single(ds):
    """Single precision, as files have it."""
    small = {n: v.astype("f4") for n, v in ds.data_vars.items() if v.dtype == float and v.ndim > 1}
    return ds.assign(small)


def doubled(ds):
    big = {n: v.astype("f8") for n, v in ds.data_vars.items() if v.dtype == "f4"}
    return ds.assign(big)


@pytest.mark.parametrize("key", COMPARED)
def test_transposed(key, tmp_path):
    same(expected(key), called(key, world(transposed) | {"folder": tmp_path}), CASES[key].rtol)


@pytest.mark.parametrize("key", COMPARED)
def test_chunked(key, tmp_path):
    same(expected(key), called(key, world(chunked) | {"folder": tmp_path}), CASES[key].rtol)


@pytest.mark.parametrize("key", COMPARED)
def test_single_and_double_precision(key, tmp_path):
    one = called(key, world(single) | {"folder": tmp_path})
    other = called(key, world(doubled) | {"folder": tmp_path})
    # Sums of small differences, as a likelihood or a significance, lose some digits.
    same(one, other, max(CASES[key].rtol, 2e-4))


BROKEN = {
    "energies reversed": (
        lambda ds: ds.isel(energy=slice(None, None, -1)),
        "have gaps or overlap|increase",
    ),
    "true energies reversed": (
        lambda ds: ds.isel(energy_true=slice(None, None, -1)),
        "have gaps or overlap|increase",
    ),
    "columns reversed": (
        lambda ds: ds.isel(x=slice(None, None, -1)) if "x" in ds.dims else None,
        "backwards along 'x'",
    ),
}


def keys_of(kinds):
    return [key for key in ALL if CASES[key].on in kinds and checks(key)]


def checks(key):
    return is_operation(targets()[key])


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize("key", keys_of(("map", "spectrum")))
def test_reversed_bins_are_refused(key, how, tmp_path):
    change, sentence = BROKEN[how]
    spoilt = {name: change(ds) for name, ds in made().items()}
    if spoilt[CASES[key].on] is None:
        return
    with pytest.raises(xg.XGammaError, match=sentence):
        called(key, made() | spoilt | {"folder": tmp_path}, compute=False)


SMALL = {
    "one energy": lambda ds: ds.isel(energy=[0]),
    "one true energy": lambda ds: ds.isel(energy_true=[3]),
    "one row": lambda ds: ds.isel(y=[7]) if "y" in ds.dims else ds,
    "one pixel": lambda ds: ds.isel(y=[7], x=[7]) if "y" in ds.dims else ds,
}


@pytest.mark.parametrize("how", SMALL)
@pytest.mark.parametrize("key", ALL)
def test_single_bins(key, how, tmp_path):
    """A result, or the refusal that is listed."""
    works(key, how, world(SMALL[how]) | {"folder": tmp_path})


FRAMES = {
    "galactic": {"frame": "galactic"},
    "fk5": {"frame": "fk5"},
    "TAN": {"proj": "TAN"},
    "AIT": {"proj": "AIT"},
}


@cache
def framed(frame):
    """The map, without a safe mask, on the pixels of another frame or projection."""
    empty = template(**FRAMES.get(frame, {}))
    return xg.fill(empty, run()).gamma.with_models(example_model())


# Totals that a rotation of the pixels changes by little.
TOTALS = {
    "counts": lambda ds: ds.gamma.to_spectrum(WIDE).counts.sum(),
    "background": lambda ds: ds.gamma.to_spectrum(WIDE).background.sum(),
    "exposure": lambda ds: ds.gamma.at_position(
        "exposure", SkyCoord(83.63, 22.01, unit="deg")
    ).mean(),
    "signal": lambda ds: ds.gamma.npred_signal().sum(),
    "solid angle": lambda ds: ds.gamma.region_mask(WIDE).astype(float) @ ds.gamma.solid_angle,
}
WIDE = "icrs;circle(83.63, 22.01, 0.45)"


@pytest.mark.parametrize("frame", FRAMES)
def test_other_frames(frame):
    plain, other = framed("CAR"), framed(frame)
    for name, total in TOTALS.items():
        # A circle of nine pixels is that of other pixels to a few percent.
        expected, found = float(total(plain)), float(total(other))
        assert found == pytest.approx(expected, rel=0.08), name


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("key", [k for k in ALL if CASES[k].on == "map"])
def test_every_function_works_in_other_frames(key, frame, tmp_path):
    works(key, frame, made() | {"map": framed(frame).copy(deep=True), "folder": tmp_path})


# Functions whose result in a cutout is the cutout of their result.
LOCAL = (
    "masks.mask",
    "masks.to_masked",
    "resample.to_image",
    "resample.resample_energy",
    "select.slice_energy",
    "compare.residuals",
    "compare.stat_array",
    "predict.npred",
    "predict.npred_background",
    "sky.lonlat",
    "sky.separation",
    "sky.solid_angle",
    "regions.region_mask",
)


@pytest.mark.parametrize("key", LOCAL)
def test_cutouts(key):
    part = {"y": slice(2, 12), "x": slice(3, 13)}
    whole = called(key, made(), compute=False)
    found = called(key, made() | {"map": made()["map"].isel(part)}, compute=False)
    for one, other in zip(_listed(whole), _listed(found), strict=True):
        if hasattr(one, "data_vars"):
            names = [n for n, v in one.data_vars.items() if not {"y_irf", "x_irf"} & set(v.dims)]
            one, other = one[names], other[names]
        # What a source outside of the cutout sends into it through the PSF is predicted too.
        same(physical(one.isel(part)), physical(other), 1e-3)


def _listed(found):
    return found if isinstance(found, tuple) else (found,)


def test_cutouts_at_the_edge_are_refused_outside():
    with pytest.raises(xg.FrameError):
        made()["map"].gamma.cutout((0, 0), "1 deg")
    assert np.isfinite(made()["map"].isel(x=slice(0, 5)).gamma.stat_sum())
