"""Responses put on a map from files of their own, against interpolation by hand."""

import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from tests.helpers.fermi_files import (
    EDGES,
    NODES,
    PSF_NODES,
    WRITERS,
    exposure_of,
    write_drm,
)


@pytest.fixture
def parts(tmp_path):
    made = {}
    for name, write in WRITERS.items():
        write(tmp_path / f"{name}.fits")
        made[name] = xg.open(tmp_path / f"{name}.fits").load()
    return made


def whole(parts, **changed):
    given = {"exposure": parts["exposure"], "psf": parts["psf"], "edisp": parts["drm"]}
    return parts["counts"].gamma.with_responses(**(given | changed))


def along(values, nodes, at):
    """Linear in the logarithm of energy, over the first axis."""
    flat = values.reshape(values.shape[0], -1)
    out = [np.interp(np.log(at), np.log(nodes), column) for column in flat.T]
    return np.stack(out, axis=1).reshape(at.size, *values.shape[1:])


CENTERS = np.sqrt(EDGES[1:] * EDGES[:-1])


def test_the_exposure_is_interpolated_in_log_energy_and_on_the_sky(parts):
    """It is linear on the sky, so that bilinear interpolation is exact; file in single precision."""
    ds = whole(parts)
    lon, lat = -(np.arange(12) - 5.5) * 0.5, (np.arange(10) - 4.5) * 0.5
    nodes = exposure_of(lon, lat[:, None], NODES[:, None, None])
    np.testing.assert_allclose(ds.exposure, along(nodes, NODES, CENTERS) * 1e-4, rtol=3e-7)
    assert ds.exposure.attrs["units"] == "m2 s"
    assert xg.validate(ds) == []


def test_nodes_that_are_asked_for_are_kept(parts):
    """A template on the nodes of the exposure: no shift of half a bin, no change of a value."""
    ds = parts["exposure"]
    same = ds.drop_vars("exposure").gamma.with_responses(exposure=ds)
    np.testing.assert_allclose(same.exposure, ds.exposure, rtol=1e-6)


def test_the_psf_is_interpolated_and_spread(parts):
    ds = whole(parts)
    expected = along(parts["psf"].psf.values, PSF_NODES, CENTERS)
    np.testing.assert_allclose(ds.psf[..., 1, 2], expected, rtol=1e-12)
    assert bool((ds.psf == ds.psf[..., :1, :1].values).all())
    np.testing.assert_array_equal(ds.rad, parts["psf"].rad)
    assert ds.psf.attrs["interpolated"].startswith("from 7 true energies")
    weight = along(parts["psf"].psf_exposure.values, PSF_NODES, CENTERS)
    np.testing.assert_allclose(ds.psf_exposure[:, 0, 0], weight, rtol=1e-12)


def test_the_dispersion_is_that_of_the_file(parts):
    np.testing.assert_array_equal(whole(parts).edisp[..., 0, 0], parts["drm"].edisp)


def test_a_point_source_is_predicted(parts, tmp_path):
    """All counts of a source in the middle: flux x exposure x dispersion, to the PSF's containment."""
    write_drm(tmp_path / "wide.fits", margin=1)
    drm = xg.open(tmp_path / "wide.fits")
    ds = whole(parts, edisp=drm)
    model = xg.SkyModel(
        xg.PowerLaw(index=2.0, amplitude="1e-10 cm-2 s-1 TeV-1", reference="1 TeV"),
        xg.PointSource(lon=0.1, lat=0.2, frame="galactic"),
    )
    nodes = exposure_of(0.1, 0.2, NODES)
    # The outermost of the six centres are half a bin outside of the nodes: carried on.
    ends = 1.5 * nodes[0] - 0.5 * nodes[1], 1.5 * nodes[-1] - 0.5 * nodes[-2]
    at = np.concatenate([ends[:1], 0.5 * (nodes[1:] + nodes[:-1]), ends[1:]])
    edges = 1e4 * 10 ** (0.5 * np.arange(-1, 6))
    flux = 1e-10 * (1e6 / edges[:-1] - 1e6 / edges[1:])
    expected = (flux * at) @ drm.edisp.values
    found = ds.gamma.npred_signal(model).sum(("y", "x"))
    np.testing.assert_allclose(found, expected, rtol=2e-3)


def test_what_is_not_covered_is_told(parts):
    energy = xg.energy_axis("10 GeV", "1 TeV", 4)
    wide = xg.create_map((0, 0), "5 deg", "0.5 deg", energy, frame="galactic")
    with pytest.warns(xg.XGammaWarning, match="does not cover .* true energies"):
        wide.gamma.with_responses(exposure=parts["exposure"])
    with pytest.warns(xg.XGammaWarning, match="PSF ends within"):
        xg.create_map(
            (0, 0), "5 deg", "0.5 deg", xg.energy_axis("10 GeV", "50 TeV", 4)
        ).gamma.with_responses(psf=parts["psf"])
    large = xg.create_map((0, 0), "40 deg", "1 deg", energy, energy_true="reco", frame="galactic")
    with pytest.warns(xg.XGammaWarning, match="does not cover .* pixels"):
        large.gamma.with_responses(exposure=parts["exposure"])
    away = xg.create_map((90, 60), "4 deg", "1 deg", energy, energy_true="reco", frame="galactic")
    with pytest.raises(xg.errors.OutsideError, match="no pixel"):
        away.gamma.with_responses(exposure=parts["exposure"])
    hard = xg.energy_axis("10 TeV", "20 TeV", 2)
    high = xg.create_map((0, 0), "4 deg", "1 deg", hard, energy_true="reco", frame="galactic")
    with pytest.raises(xg.errors.OutsideError, match="none of the true energies"):
        high.gamma.with_responses(exposure=parts["exposure"])


def test_what_does_not_fit_is_refused(parts):
    counts = parts["counts"]
    with pytest.raises(xg.errors.MissingDataError, match="without 'psf'"):
        counts.gamma.with_responses(psf=parts["drm"])
    with pytest.raises(xg.errors.MissingDataError, match="no true energies"):
        counts.gamma.with_responses(psf=parts["psf"])
    wrong = parts["exposure"].exposure.assign_attrs(units="m2")
    with pytest.raises(xg.errors.UnitError, match="exposure="):
        counts.gamma.with_responses(exposure=wrong)
    other = xg.energy_axis("10 GeV", "1 TeV", 7, name="energy_true")
    ds = xg.create_map((0, 0), "5 deg", "0.5 deg", xg.energy_axis("10 GeV", "1 TeV", 4), other)
    with pytest.raises(xg.errors.AxisError, match="energy_true= of the dispersion"):
        ds.gamma.with_responses(edisp=parts["drm"])
    with pytest.raises(xg.errors.FrameError, match="no pixels"):
        parts["drm"].gamma.with_responses(psf=parts["psf"])
    with pytest.raises(xg.errors.AxisError, match="energy_true"):
        counts.gamma.with_responses(exposure=xr.DataArray(1.0, attrs={"units": "m2 s"}))


def test_the_input_stays_and_the_old_psf_goes(parts):
    energy = xg.energy_axis("10 GeV", "1 TeV", 4)
    ds = xg.create_map((0, 0), "5 deg", "0.5 deg", energy, energy_true="reco", frame="galactic")
    before = ds.copy(deep=True)
    done = ds.gamma.with_responses(psf=parts["psf"])
    assert ds.identical(before)
    assert done.sizes["y_irf"] == ds.sizes["y_irf"]
    assert done.sizes["rad"] == parts["psf"].sizes["rad"] != ds.sizes["rad"]
