"""Background from its response: integrals over energy, time and the field."""

import numpy as np
import pytest
import xarray as xr
from astropy.coordinates import AltAz, SkyCoord
from numpy.testing import assert_allclose, assert_array_equal

import xgamma as xg
from tests.helpers.backgrounds import RATE, gammapy_background, gradient, three_d
from tests.helpers.runs import POINTING, responses, simulated, template
from xgamma.makers.alignment import rotation_times


def power_law(index=2.7):
    return responses(bkg=lambda energy, offset: RATE * energy**-index)


def integral(low, high, index=2.7):
    """Integral of the rate over energy, s-1 sr-1; a rate in MeV-1 is a million in TeV-1."""
    return RATE * 1e6 * (low ** (1 - index) - high ** (1 - index)) / (index - 1)


def filled(irfs, energy=(1, 10, 3), oversampling=None, run=None, **options):
    ds = template(energy=xg.energy_axis(*energy), **options)
    obs = simulated(irfs, **(run or {}))
    return ds.gamma.fill_background(obs, background_oversampling=oversampling)


def test_power_law():
    """Rate integral x solid angle x on time (not live time)."""
    ds = filled(power_law(), run={"livetime": "10 min", "dead_time": 0.25})
    edges = np.geomspace(1, 10, 4)
    truth = integral(edges[:-1], edges[1:])[:, np.newaxis, np.newaxis]
    truth = truth * ds.gamma.solid_angle.values * 800
    assert ds.background.dims == ("energy", "y", "x")
    assert_allclose(ds.background, truth, rtol=1e-5)


@pytest.mark.parametrize("nbin", [1, 2, 5, 40])
def test_stable_under_rebinning(nbin):
    """#1830: the sum over energy changed fifty-fold with the number of bins."""
    ds = filled(power_law(), energy=(0.5, 50, nbin), width="1 deg")
    truth = integral(0.5, 50) * float(ds.gamma.solid_angle.sum()) * 600 / 0.9
    assert float(ds.background.sum(dtype=float)) == pytest.approx(truth, rel=1e-5)


def curved():
    return responses(bkg=lambda energy, offset: RATE * energy ** -(2.0 + np.log10(energy)))


@pytest.mark.parametrize("oversampling", [5, 20])
def test_oversampling_is_finer_bins(oversampling):
    coarse = filled(curved(), (0.5, 50, 2), oversampling, width="1 deg").background
    fine = filled(curved(), (0.5, 50, 2 * oversampling), width="1 deg").background
    want = fine.values.reshape(2, oversampling, 5, 5).sum(axis=1)
    assert_allclose(coarse, want, rtol=1e-5)
    plain = filled(curved(), (0.5, 50, 2), width="1 deg").background
    assert not np.allclose(plain, want, rtol=1e-2)


def test_bad_oversampling():
    with pytest.raises(xg.XGammaError, match="background_oversampling=-3 must be a positive"):
        filled(power_law(), oversampling=-3)


def test_zero_outside_the_energies_of_the_response():
    """The response covers 0.2 to 100 TeV; a bin with an edge outside holds nothing."""
    ds = filled(power_law(), energy=(0.011, 1100, 10), width="1 deg")
    inside = (ds.energy_lo > 0.2) & (ds.energy_hi < 100)
    assert_array_equal((ds.background > 0).all(("y", "x")), inside)
    assert_array_equal((ds.background > 0).any(("y", "x")), inside)


def test_radial_profile():
    """The logarithm is linear in offset between nodes: an exponential is exact."""
    irfs = responses(bkg=lambda energy, offset: RATE * energy**-2.7 * np.exp(-offset))
    ds = filled(irfs, center=POINTING)
    flat = filled(power_law(), center=POINTING)
    offset = ds.gamma.separation(POINTING)
    ratio = (ds.background / flat.background).transpose("energy", "y", "x")
    assert_allclose(ratio[0], np.exp(-np.maximum(offset, 0.125)), rtol=2e-3, atol=0)
    inside = offset.values > 0.13
    assert_allclose(
        ratio.values[:, inside], np.exp(-offset.values[inside])[None].repeat(3, 0), rtol=1e-5
    )


def test_gaps_along_energy_are_filled():
    good = power_law()
    bad = dict(good)
    values = good["bkg"].bkg.values.copy()
    values[10:12] = 0
    values[13] = np.nan
    bad["bkg"] = good["bkg"].assign(bkg=(good["bkg"].bkg.dims, values, good["bkg"].bkg.attrs))
    run = simulated(bad)
    ds = template(energy=xg.energy_axis(1, 50, 6), width="1 deg")
    want = ds.gamma.fill_background(simulated(good)).background
    with pytest.warns(
        xg.XGammaWarning, match="values of the background are NaN: they are interpolated"
    ):
        got = ds.gamma.fill_background(run).background
    assert_allclose(got, want, rtol=1e-5)
    with pytest.raises(xg.XGammaError, match="are NaN or infinite"):
        ds.gamma.fill_background(run, fill_missing=False)


def test_rise_beside_empty_cells_is_bounded():
    """In the outer half bins the logarithm may not rise by more than a factor of ten.

    gammapy's straight line through an empty and a full cell predicts 444367 counts in one
    bin of run 23523; see tests/test_reference.py.
    """
    irfs = responses(bkg=lambda energy, offset: RATE * energy**-2.7 * (energy > 0.26))
    ds = filled(irfs, energy=(0.2001, 0.25, 4), width="1 deg")
    assert float(ds.background.max()) < 1e-20
    upper = responses(
        bkg=lambda energy, offset: RATE * energy**-2.7 * ((energy < 60) | (energy > 80))
    )
    ds = template(energy=xg.energy_axis(85, 99.9, 2), width="1 deg").gamma.fill_background(
        simulated(upper), fill_missing=False
    )
    limit = 10 * integral(85, 99.9) * float(ds.gamma.solid_angle.sum()) * 700
    assert float(ds.background.sum()) < limit


# --- alignment ---------------------------------------------------------------------------


def test_detx_grows_to_the_west():
    """GADF: field-of-view longitude is minus the eastward offset in RADEC alignment."""
    ds = filled(three_d(gradient), center=POINTING)
    flat = filled(three_d(lambda x, y: 1 + 0 * x), center=POINTING)
    lon, lat = ds.gamma.lonlat
    frame = SkyCoord(*POINTING, unit="deg").skyoffset_frame()
    at = SkyCoord(lon, lat, unit="deg").transform_to(frame)
    truth = gradient(-at.lon.wrap_at("180d").deg, at.lat.deg)
    assert_allclose((ds.background / flat.background)[1], truth, rtol=1e-5)


def test_altaz_flat_is_radec_flat():
    flat = {a: filled(three_d(lambda x, y: 1 + 0 * x, a)).background for a in ("RADEC", "ALTAZ")}
    assert_allclose(flat["ALTAZ"], flat["RADEC"], rtol=1e-5)


def test_altaz_symmetric_is_radec():
    """A radial response gives the same map, to what its square cells allow (1 %)."""

    def radial(x, y):
        return np.exp(-0.5 * (x**2 + y**2) / 1.4**2)

    maps = {a: filled(three_d(radial, a), center=POINTING).background for a in ("RADEC", "ALTAZ")}
    assert_allclose(maps["ALTAZ"], maps["RADEC"], rtol=1e-2)
    assert float(maps["ALTAZ"].sum()) == pytest.approx(float(maps["RADEC"].sum()), rel=3e-3)


def test_altaz_follows_the_horizon():
    """A run of a second: the gradient lies along azimuth and altitude of that moment."""
    run = {"livetime": "1 s", "dead_time": 0.0, "number": 3}
    ds = filled(three_d(gradient, "ALTAZ"), center=POINTING, run=run)
    flat = filled(three_d(lambda x, y: 1 + 0 * x), center=POINTING, run=run)
    obs = simulated(**run)
    frame = AltAz(obstime=obs.gamma.tmid, location=obs.gamma.location)
    pointing = obs.gamma.pointing.transform_to(frame)
    lon, lat = ds.gamma.lonlat
    at = SkyCoord(lon, lat, unit="deg").transform_to(frame)
    at = at.transform_to(pointing.skyoffset_frame())
    truth = gradient(-at.lon.wrap_at("180d").deg, at.lat.deg)
    # Aberration and refraction bend the field by less than 1e-4 deg.
    assert_allclose((ds.background / flat.background)[1], truth, rtol=1e-3)


def test_rotation_times():
    """Steps of at most a degree of rotation, from start to end of the run."""
    obs = simulated(livetime="2 h")
    times = rotation_times(obs, 1.0)
    assert times[0] == 0
    assert times[-1] == pytest.approx(obs.gamma.ontime)
    assert (np.diff(times) > 0).all()
    finer = rotation_times(obs, 0.25)
    assert finer.size > 3 * times.size


def test_rotation_step_matters_little():
    irfs, run = three_d(gradient, "ALTAZ"), {"livetime": "1 h"}
    ds, obs = template(), simulated(irfs, **run)
    fine, coarse = (ds.gamma.fill_background(obs, rotation_step=s).background for s in (0.2, 1.0))
    assert_allclose(coarse, fine, rtol=1e-3)


def test_unknown_alignment():
    with pytest.raises(xg.XGammaError, match="FOVALIGN='SIDEWAYS'"):
        filled(three_d(gradient, "SIDEWAYS"))


def test_altaz_needs_a_place():
    obs = simulated(three_d(gradient, "ALTAZ"))
    groups = {"/": obs.to_dataset()} | {n: t.to_dataset() for n, t in obs.children.items()}
    for ds in groups.values():
        ds.attrs = {k: v for k, v in ds.attrs.items() if not k.startswith(("GEO", "ALTITUDE"))}
    with pytest.raises(xg.MissingDataError, match="no GEOLON and GEOLAT"):
        template().gamma.fill_background(xr.DataTree.from_dict(groups, name="1"))


@pytest.mark.parametrize("livetime", ["10 min", "1 h"])
def test_altaz_as_in_gammapy(livetime, gammapy):
    """The same asymmetric response, turning over the run, to 1e-4.

    gammapy transforms each pixel to the horizon; ours turns the field rigidly, which
    leaves out the change of aberration across the field (some 1e-5 deg). gammapy also
    starts its steps at the same times, so the trapezoids are the same.
    """
    from gammapy.data import FixedPointingInfo, Observation
    from gammapy.makers.utils import make_map_background_irf
    from gammapy.maps import MapAxis, WcsGeom

    run = simulated(three_d(gradient, "ALTAZ"), livetime=livetime, dead_time=0.0)
    ours = template(energy=xg.energy_axis(1, 10, 3)).gamma.fill_background(run)
    response = gammapy_background(run)
    peer_run = Observation.create(
        pointing=FixedPointingInfo(fixed_icrs=run.gamma.pointing),
        location=run.gamma.location,
        tstart=run.gamma.tstart,
        tstop=run.gamma.tstop,
        irfs={"bkg": response},
    )
    geom = WcsGeom.create(
        skydir=(83.63, 22.01),
        width=3,
        binsz=0.2,
        frame="icrs",
        axes=[MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=3)],
    )
    theirs = make_map_background_irf(
        pointing=peer_run.pointing,
        ontime=peer_run.observation_time_duration,
        bkg=response,
        geom=geom,
        time_start=peer_run.tstart,
        location=peer_run.observatory_earth_location,
    )
    assert_allclose(ours.background, theirs.data, rtol=1e-4)
