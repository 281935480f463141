"""A PSF in reconstructed energy (HAWC): prediction as gammapy's, files, and every operation.

Of HAWC's public Crab dataset, nHit-5. The source is not in the middle of the map, which lies halfway
between four nodes of the dispersion: gammapy takes any of them, by rounding.
"""

import warnings

import numpy as np
import pytest

import xgamma as xg
from tests.helpers.gammapy_predictions import (
    SHAPES,
    SPECTRUM,
    assert_predicts_as_gammapy,
    gammapy_dataset,
)
from xgamma.datasets.stack import stack_all

AT = {"lon": 83.75, "lat": 22.15}
# Those that do not know such a PSF refuse it in one sentence; the others work.
REFUSED = {
    "to_image": {},
    "downsample": {"energy": 2},
    "to_spectrum": {"region": "icrs;circle(83.75, 22.15, 0.5)"},
    "to_region": {"region": "icrs;circle(83.75, 22.15, 0.5)"},
    "resample_energy": {"edges": [1, 10, 100]},
    "psf_kernel": {"position": (83.75, 22.15)},
    "ts_map": {},
    "sample_events": {"seed": 0},
    "flux_points": {},
}
WORK = {
    "cutout": {"position": (83.75, 22.15), "width": "3 deg"},
    "slice_energy": {"min": "3 TeV", "max": "30 TeV"},
    "fake": {"seed": 0},
    "asimov": {},
    "energy_mask": {"min": "3 TeV"},
    "to_masked": {},
    "npred": {},
    "npred_background": {},
    "residuals": {},
    "info": {},
    "excess_map": {"correlation_radius": "0.5 deg"},
}


@pytest.fixture(scope="module")
def path(data):
    return data / "hawc/DL4/nHit-5.fits.gz"


@pytest.fixture(scope="module")
def ds(path):
    return xg.open(path).load().assign_attrs(name="d")


@pytest.fixture(scope="module")
def model():
    return xg.SkyModel(xg.PowerLaw(**SPECTRUM), xg.PointSource(**AT), name="m")


@pytest.mark.parametrize("shape", SHAPES)
def test_hawc_predicts_as_gammapy(gammapy, path, ds, shape):
    model = xg.SkyModel(xg.PowerLaw(**SPECTRUM), SHAPES[shape](AT), name="m")
    theirs = gammapy_dataset(path, model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        signal = theirs.npred_signal().data
    ours = ds.gamma.npred_signal(model, scheme="gammapy").values
    np.testing.assert_allclose(ours, signal, atol=1e-5 * signal.max())
    np.testing.assert_allclose(ours.sum((1, 2)), signal.sum((1, 2)), rtol=1e-5)
    assert_predicts_as_gammapy(theirs, ds, model)


def test_the_exact_scheme_predicts_the_same_counts(ds, model):
    """The source is shared between four pixels of 0.05 deg, the PSF is 0.3 deg wide."""
    exact, as_gammapy = (ds.gamma.npred_signal(model, scheme=s) for s in ("exact", "gammapy"))
    assert float(exact.sum()) == pytest.approx(float(as_gammapy.sum()), rel=1e-4)


def test_without_the_psf_nothing_is_spread(ds):
    bare = xg.SkyModel(
        xg.PowerLaw(**SPECTRUM), xg.PointSource(**AT), name="m", apply_irf={"psf": False}
    )
    found = ds.gamma.npred_signal(bare).sum("energy")
    assert int((found > 0).sum()) <= 4
    dropped = ds.drop_vars("psf").gamma.npred_signal(bare).sum("energy")
    np.testing.assert_allclose(found, dropped)


def test_a_moved_and_recoloured_model_is_predicted_anew(ds, model):
    """The convolution follows position and spectrum in a fit."""
    from xgamma.fitting.predict import full_likelihood

    copy = model.copy()
    likelihood = full_likelihood(ds, copy, "exact")
    for name, value in (("lon_0", 83.6), ("index", 2.6)):
        part = copy.spatial if name == "lon_0" else copy.spectral
        getattr(part, name).value = value
        likelihood.check()
        np.testing.assert_allclose(
            likelihood.npred_signal(), ds.gamma.npred_signal(copy).values, atol=1e-9
        )


@pytest.mark.parametrize("name", REFUSED)
def test_operations_that_do_not_know_it_refuse(ds, model, name):
    with pytest.raises(xg.XGammaError, match=r"PSF in reconstructed energy.*drop_vars"):
        getattr(ds.gamma.with_models(model).gamma, name)(**REFUSED[name])


def test_stacks_refuse_it_also_in_lists_and_collections(ds):
    tree = xg.collect([ds.assign_attrs(name="a"), ds.assign_attrs(name="b")])
    for job in (
        tree.gamma.stack_reduce,
        lambda: stack_all([ds, ds]),
        lambda: stack_all(iter([ds, ds])),
    ):
        with pytest.raises(xg.XGammaError, match="PSF in reconstructed energy"):
            job()


@pytest.mark.parametrize("name", WORK)
def test_operations_that_work(ds, model, name):
    found = getattr(ds.gamma.with_models(model).gamma, name)(**WORK[name])
    assert found is not None


@pytest.mark.parametrize("ending", ["fits", "nc", "zarr"])
def test_files_keep_it(ds, tmp_path, ending):
    method = {"nc": "to_netcdf"}.get(ending, f"to_{ending}")
    getattr(ds.gamma, method)(tmp_path / f"a.{ending}")
    back = xg.open(tmp_path / f"a.{ending}").load()
    np.testing.assert_array_equal(back.psf, ds.psf)
    assert back.psf.dims == ds.psf.dims


def test_gammapy_reads_what_is_written(gammapy, ds, tmp_path):
    from gammapy.datasets import MapDataset
    from gammapy.irf import RecoPSFMap

    ds.gamma.to_fits(tmp_path / "a.fits")
    psf = MapDataset.read(tmp_path / "a.fits").psf
    assert isinstance(psf, RecoPSFMap)
    np.testing.assert_array_equal(psf.psf_map.data, ds.psf)


def test_a_psf_over_both_energies_is_refused(ds):
    both = ds.assign(psf=ds.psf.expand_dims(energy_true=ds.energy_true))
    with pytest.raises(xg.AxisError, match="over one of them"):
        both.gamma.npred_background()
