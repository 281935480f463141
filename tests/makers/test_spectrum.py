"""Spectra of runs: counts, exposure, dispersion and background of a region."""

import numpy as np
import pytest
import xarray as xr
from astropy.coordinates import SkyCoord

import xgamma as xg
from xgamma.errors import MissingDataError, XGammaError
from xgamma.irf.response import evaluate
from xgamma.model.regions import parse_regions

AXES = xg.energy_axis(0.5, 20, 6), xg.energy_axis(0.3, 40, 10)
CIRCLE = "icrs;circle(83.63, 22.01, 0.2)"
SHAPES = {
    "circle": CIRCLE,
    "galactic": "galactic;circle(184.56, -5.79, 0.2)",
    "fk5": "fk5;circle(83.63, 22.01, 0.2)",
    "ellipse": "icrs;ellipse(83.63, 22.01, 0.3, 0.1, 30)",
    "polygon": "icrs;polygon(83.4,21.9,83.85,21.8,83.7,22.3)",
}


def separations(obs, position):
    events = obs["events"].to_dataset()
    return SkyCoord(events.ra, events.dec, unit="deg").separation(position).deg


def test_counts_of_a_circle(wobble_run):
    ds = xg.create_spectrum(CIRCLE, *AXES).gamma.fill(wobble_run, select=["counts"])
    near = separations(wobble_run, SkyCoord(83.63, 22.01, unit="deg")) < 0.2
    energy = wobble_run["events"].to_dataset().energy.values[near]
    expected = np.histogram(energy, ds.gamma.edges("energy").value)[0]
    np.testing.assert_array_equal(ds.counts, expected)
    assert ds.counts.dtype.kind == "i"


@pytest.mark.parametrize("shape", SHAPES)
def test_counts_agree_with_a_fine_map(wobble_run, shape):
    ds = xg.create_spectrum(SHAPES[shape], *AXES).gamma.fill(wobble_run, select=["counts"])
    fine = xg.create_map(
        "83.63d 22.01d", "1 deg", "0.005 deg", AXES[0], proj="TAN", energy_true="reco"
    )
    fine = fine.gamma.fill(wobble_run, select=["counts"])
    inside = fine.gamma.region_mask(SHAPES[shape])
    total = int(fine.counts.where(inside, 0).sum())
    assert total > 100
    assert abs(int(ds.counts.sum()) - total) < 0.06 * total


@pytest.mark.parametrize("shape", ["circle", "ellipse", "galactic"])
def test_responses_at_the_centre(wobble_run, shape):
    ds = xg.create_spectrum(SHAPES[shape], *AXES).gamma.fill(
        wobble_run, select=["exposure", "edisp", "background"]
    )
    region = parse_regions(SHAPES[shape])[0]
    offset = region.center.icrs.separation(wobble_run.gamma.pointing).deg
    area = evaluate(
        wobble_run["aeff"].dataset, energy_true=ds.energy_true.values, offset=float(offset)
    )
    np.testing.assert_allclose(ds.exposure, area * wobble_run.gamma.livetime, rtol=1e-5)
    assert ds.exposure.attrs["units"] == "m2 s"
    rows = ds.edisp.sum("energy").values
    assert (rows <= 1 + 1e-6).all()
    assert rows[3:7] == pytest.approx(1.0, abs=0.05)


def test_background_of_a_region_is_the_sum_of_a_map(wobble_run):
    text = "icrs;circle(83.63, 22.01, 0.5)"
    mean = xg.create_spectrum(text, *AXES).gamma.fill(
        wobble_run, select=["background"], use_region_center=False
    )
    fine = xg.create_map(
        "83.63d 22.01d", "1.2 deg", "0.01 deg", AXES[0], proj="TAN", energy_true="reco"
    )
    fine = fine.gamma.fill(wobble_run, select=["background"])
    inside = fine.gamma.region_mask(text)
    expected = fine.background.where(inside, 0).sum(("y", "x"))
    np.testing.assert_allclose(mean.background, expected, rtol=5e-3)
    center = xg.create_spectrum(text, *AXES).gamma.fill(wobble_run, select=["background"])
    assert not np.allclose(center.background, mean.background, rtol=1e-3)


def test_responses_averaged_over_the_region(wobble_run):
    text = "icrs;circle(83.63, 22.01, 0.5)"
    empty = xg.create_spectrum(text, *AXES)
    mean = empty.gamma.fill(wobble_run, select=["exposure", "edisp"], use_region_center=False)
    fine = xg.create_map("83.63d 22.01d", "1.2 deg", "0.02 deg", *AXES, proj="TAN")
    fine = fine.gamma.fill(wobble_run, select=["exposure"])
    inside = fine.gamma.region_mask(text)
    np.testing.assert_allclose(
        mean.exposure, fine.exposure.where(inside).mean(("y", "x")), rtol=2e-3
    )
    center = empty.gamma.fill(wobble_run, select=["exposure", "edisp"])
    assert not np.allclose(center.exposure, mean.exposure, rtol=1e-3)


def test_dispersion_is_averaged_too(wobble_run):
    # A dispersion that depends on the offset: a shift at the outer node only.
    obs = wobble_run.copy()
    edisp = obs["edisp"].to_dataset()
    values = edisp.edisp.transpose("energy_true", "offset", "migra").values.copy()
    values[:, -1] = np.roll(values[:, -1], 5, axis=-1)
    edisp = edisp.assign(edisp=(("energy_true", "offset", "migra"), values))
    obs["edisp"] = xr.DataTree(edisp)
    text = f"icrs;circle(83.63, 22.01, {1.5})"
    empty = xg.create_spectrum(text, *AXES)
    center = empty.gamma.fill(obs, select=["edisp"])
    mean = empty.gamma.fill(obs, select=["edisp"], use_region_center=False)
    assert float(np.abs(center.edisp - mean.edisp).max()) > 1e-3


def test_containment_of_the_exposure(wobble_run):
    empty = xg.create_spectrum(CIRCLE, *AXES)
    plain = empty.gamma.fill(wobble_run, select=["exposure", "edisp"])
    corrected = empty.gamma.fill(
        wobble_run, select=["exposure", "edisp"], containment_correction=True
    )
    part = (corrected.exposure / plain.exposure).values
    assert ((part > 0.3) & (part <= 1.0)).all()
    xr.testing.assert_identical(plain.edisp, corrected.edisp)
    # The weight in a stack is the exposure that the prediction uses, after the containment.
    np.testing.assert_allclose(corrected.edisp_exposure, plain.edisp_exposure * part)


def test_what_does_not_fit_is_named(wobble_run):
    ellipse = xg.create_spectrum(SHAPES["ellipse"], *AXES)
    with pytest.raises(XGammaError, match="requires a circle"):
        ellipse.gamma.fill(wobble_run, containment_correction=True)
    point = xg.create_spectrum("icrs;point(83.63, 22.01)", *AXES)
    with pytest.raises(XGammaError, match="no solid angle"):
        point.gamma.fill(wobble_run, select=["background"])
    two = xg.create_spectrum(["icrs;circle(83.63, 22.01, 0.1)", CIRCLE], *AXES)
    with pytest.raises(XGammaError, match="consists of 2 regions"):
        two.gamma.fill(wobble_run)
    with pytest.raises(MissingDataError, match="region"):
        two.drop_vars("region").gamma.fill(wobble_run)


def test_psf_needs_an_axis(wobble_run):
    with_rad = xg.create_spectrum(CIRCLE, *AXES, rad=xg.rad_axis("0.5 deg", 25))
    ds = with_rad.gamma.fill(wobble_run)
    assert ds.psf.dims == ("energy_true", "rad")
    assert "psf" not in xg.create_spectrum(CIRCLE, *AXES).gamma.fill(wobble_run)
    assert ds.gamma.validate() == []


def test_the_template_and_the_run_stay_as_they_were(wobble_run):
    empty = xg.create_spectrum(CIRCLE, *AXES)
    before = empty.copy(deep=True)
    events = wobble_run["events"].to_dataset().copy(deep=True)
    empty.gamma.fill(wobble_run, containment_correction=True, use_region_center=False)
    xr.testing.assert_identical(empty, before)
    xr.testing.assert_identical(wobble_run["events"].to_dataset(), events)


def test_regions_are_drawn(wobble_run):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    for shape in ("circle", "ellipse"):
        ds = xg.create_spectrum(SHAPES[shape], *AXES).gamma.fill(wobble_run, select=["counts"])
        ds = ds.gamma.reflected_background(wobble_run)
        ax = ds.gamma.plot_regions()
        assert len(ax.patches) == 1 + len(ds.gamma.off_regions[0])
        plt.close(ax.figure)
    with pytest.raises(MissingDataError, match="no off regions"):
        xg.create_spectrum(CIRCLE, *AXES).gamma.plot_regions()
