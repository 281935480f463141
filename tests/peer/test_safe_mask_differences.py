"""Energy thresholds from the bias of the dispersion: real runs, NumPy and gammapy."""

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from numpy.testing import assert_allclose

import xgamma as xg
from xgamma.makers import energy_threshold

HESS = "hess-dl3-dr1/data/hess_dl3_dr1_obs_id_020734.fits.gz"
CTA = "cta-1dc/caldb/data/cta/1dc/bcf/South_z20_50h/irf_file.fits"
MAGIC = "magic/rad_max/data/20131004_05029747_DL3_CrabNebula-W0.40+035.fits"


@pytest.fixture(scope="module")
def runs(data):
    """A run of each instrument."""
    stores = {
        "hess": xg.open_store(data / HESS),
        "cta": xg.open_store(data / "cta-1dc/index/gps", caldb=data / "cta-1dc/caldb"),
        "magic": xg.open_store(data / MAGIC),
    }
    return {name: store[store.obs_ids[0]] for name, store in stores.items()}


def filled(run, energy):
    """An 11 × 11 map of the dispersion around the pointing."""
    true = xg.energy_axis("0.003 TeV", "300 TeV", 60, name="energy_true")
    center = run.gamma.pointing
    ds = xg.create_map(center, "5.5 deg", "0.5 deg", energy, energy_true=true)
    return ds.gamma.fill(run, select=["counts"])


def threshold(run, monkeypatch, offset=None):
    """The threshold in TeV itself, before it meets the bins."""
    found = []
    monkeypatch.setattr(energy_threshold, "energy_range", lambda ds, low: found.append(low))
    where = {"position": None, "fixed_offset": offset}
    energy_threshold.edisp_bias(None, run, 10, where, "DL3")
    return found[0]


def theirs(path, hdu, offset):
    """gammapy's threshold in TeV."""
    from gammapy.irf import EnergyDispersion2D

    kernel = EnergyDispersion2D.read(path, hdu=hdu).to_edisp_kernel(offset=offset * u.deg)
    return kernel.get_bias_energy(0.1)[0].to_value("TeV")


def crossing(path, hdu, theta):
    """The threshold in TeV by NumPy alone: the mean migration of each row of the FITS table."""
    with fits.open(path) as hdus:
        row = hdus[hdu].data[0]
        energy = np.sqrt(row["ETRUE_LO"].astype(float) * row["ETRUE_HI"])
        migra = 0.5 * (row["MIGRA_LO"].astype(float) + row["MIGRA_HI"])
        weight = row["MATRIX"][theta].astype(float).T * (row["MIGRA_HI"] - row["MIGRA_LO"])
    full = weight.sum(axis=1) > 0
    bias = (weight[full] @ migra) / weight[full].sum(axis=1) - 1
    after = slice(int(bias.argmax()), None)
    return 1.1 * float(energy[full][after][bias[after] <= 0.1][0])


def test_empty_rows_of_cta(runs, data, gammapy, monkeypatch):
    """gammapy takes rows without events for a bias of −100 %, so all seems safe below the first."""
    ds = filled(runs["cta"], xg.energy_axis("0.01 TeV", "100 TeV", 16))
    got = ds.gamma.safe_mask(runs["cta"], methods=["edisp-bias"], irfs="DL3")
    assert int(got.mask_safe.sum()) == 1694
    assert got.mask_safe.size == 1936
    assert_allclose(threshold(runs["cta"], monkeypatch), 0.03017, rtol=1e-3)
    assert_allclose(theirs(data / CTA, "ENERGY DISPERSION", 0.0), 0.01015, rtol=1e-3)


@pytest.mark.parametrize(("offset", "theta"), [(0.5, 0), (1.5, 1)])
def test_threshold_of_cta_by_numpy(runs, data, monkeypatch, offset, theta):
    """At nodes of THETA. Rows lie 2.3 % apart, which the threshold is interpolated between."""
    want = crossing(data / CTA, "ENERGY DISPERSION", theta)
    assert_allclose(threshold(runs["cta"], monkeypatch, offset), want, rtol=0.023)


def test_full_rows_of_hess_are_as_in_gammapy(runs, data, gammapy, monkeypatch):
    for offset in (0.0, 0.5, 1.5):
        want = theirs(data / HESS, "EDISP", offset)
        assert_allclose(threshold(runs["hess"], monkeypatch, offset), want, rtol=1e-9)


def test_magic_without_a_position(runs, data, gammapy, monkeypatch):
    """Its dispersion is that at 0.4 deg; at the middle of the field there is none."""
    ds = filled(runs["magic"], xg.energy_axis("0.03 TeV", "30 TeV", 16))
    options = {"methods": ["edisp-bias"], "irfs": "DL3"}
    with pytest.warns(xg.XGammaWarning, match="dispersion of the run .* is zero"):
        got = ds.gamma.safe_mask(runs["magic"], **options)
    assert not got.mask_safe.any()
    # Below all bins, and nothing said.
    assert theirs(data / MAGIC, "ENERGY DISPERSION", 0.0) < 0.03
    there = ds.gamma.safe_mask(runs["magic"], fixed_offset="0.4 deg", **options)
    assert int(there.mask_safe.sum()) == 13 * 121
    want = theirs(data / MAGIC, "ENERGY DISPERSION", 0.4)
    assert_allclose(threshold(runs["magic"], monkeypatch, 0.4), want, rtol=0.01)


def test_an_axis_above_the_threshold_of_hess(runs, data, gammapy):
    """Of true energies below the axis gammapy sees the upward half only: a bias of the axis."""
    from gammapy.data import Observation
    from gammapy.datasets import MapDataset
    from gammapy.makers import MapDatasetMaker, SafeMaskMaker
    from gammapy.maps import MapAxis, WcsGeom

    run = runs["hess"]
    ds = filled(run, xg.energy_axis("1 TeV", "10 TeV", 8)).gamma.fill(run, select=["edisp"])
    got = ds.gamma.safe_mask(run, methods=["edisp-bias"]).mask_safe.any(("y", "x")).values
    assert ds.energy_lo.values[got][0] == 1.0

    geom = WcsGeom.create(
        skydir=run.gamma.pointing,
        width=5.5,
        binsz=0.5,
        axes=[MapAxis.from_energy_bounds("1 TeV", "10 TeV", 8)],
    )
    true = MapAxis.from_energy_bounds("0.003 TeV", "300 TeV", 60, name="energy_true")
    peer = Observation.read(data / HESS)
    made = MapDatasetMaker(selection=["exposure", "edisp"]).run(
        MapDataset.create(geom, energy_axis_true=true), peer
    )
    mask = SafeMaskMaker(methods=["edisp-bias"]).run(made, peer).mask_safe
    safe = mask.data.any(axis=(1, 2))
    assert_allclose(mask.geom.axes["energy"].edges[:-1].to_value("TeV")[safe][0], 1.778, rtol=1e-3)
