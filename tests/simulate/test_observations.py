"""Simulated runs: the events follow the tables, and one seed gives one result."""

import itertools

import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from scipy.interpolate import RegularGridInterpolator

from xgamma.dl3 import open_store
from xgamma.errors import MissingDataError, UnitError, XGammaError
from xgamma.model.axes import coords_from_edges, edges
from xgamma.numerics.sphere import (
    lonlat_to_vector,
    offset_basis,
    offset_coordinates,
    separation,
)
from xgamma.simulate.observations import (
    simulate_observation,
    simulate_store,
    wobble_pointings,
)
from xgamma.simulate.simulated_responses import simulated_irfs
from xgamma.simulate.simulated_run import altaz
from xgamma.simulate.simulated_source import SimulatedSource

POINTING = (83.63, 22.51)
CRAB = (83.63, 22.01)


@pytest.fixture(scope="module")
def source_run():
    """A long run on a source without background."""
    return simulate_observation(POINTING, CRAB, livetime="20 h", background="none", seed=1)


@pytest.fixture(scope="module")
def empty_run():
    """Background only."""
    return simulate_observation(POINTING, None, livetime="3 h", seed=2)


def offsets(events, place):
    return separation(
        lonlat_to_vector(events.ra.values, events.dec.values), lonlat_to_vector(*place)
    )


def chi2_probability(observed, expected):
    """Probability of a worse chi2, from bins that expect at least 20 counts."""
    good = expected > 20
    assert good.sum() > 5
    chi2 = np.sum((observed[good] - expected[good]) ** 2 / expected[good])
    return stats.chi2.sf(chi2, good.sum())


def photons(irfs, offset, livetime, index=2.63):
    """Detected photons in fine bins of true energy: an integral of the table by another way."""
    aeff = irfs["aeff"]
    table = RegularGridInterpolator(
        (np.log(aeff.energy_true.values), aeff.offset.values),
        aeff.aeff.values.astype(float),
        bounds_error=False,
        fill_value=None,
    )
    bins = np.geomspace(0.05, 200, 4001)
    energy = np.sqrt(bins[1:] * bins[:-1])
    area = np.maximum(table((np.log(energy), offset)), 0) * 1e4
    return energy, 3.45e-11 * energy**-index * np.diff(bins) * area * livetime


def test_number_of_source_events(source_run):
    _, expected = photons(source_run, 0.5, 20 * 3600)
    number = source_run["events"].sizes["event"]
    assert abs(number - expected.sum()) < 3 * np.sqrt(expected.sum())


def test_reconstructed_energies(source_run):
    energy, expected = photons(source_run, 0.5, 20 * 3600)
    edisp = source_run["edisp"]
    table = RegularGridInterpolator(
        (np.log(edisp.energy_true.values), edisp.offset.values),
        edisp.edisp.transpose("energy_true", "offset", "migra").values.astype(float),
        bounds_error=False,
        fill_value=None,
    )
    rows = np.maximum(table(np.stack([np.log(energy), np.full_like(energy, 0.5)], axis=1)), 0)
    migra = edges(edisp, "migra")
    bins = np.geomspace(0.05, 50, 40)
    below = np.zeros(len(bins))
    for one, row, number in zip(energy, rows, expected, strict=True):
        cumulative = np.insert(np.cumsum(row * np.diff(migra)), 0, 0)
        below += number * np.interp(bins / one, migra, cumulative / cumulative[-1])
    observed, _ = np.histogram(source_run["events"].energy, bins)
    assert chi2_probability(observed, np.diff(below)) > 0.01


def test_angular_spread(source_run):
    energy, expected = photons(source_run, 0.5, 20 * 3600)
    psf = source_run["psf"]

    def parameter(name):
        grid = (np.log(psf.energy_true.values), psf.offset.values)
        table = RegularGridInterpolator(
            grid, psf[name].values.astype(float), bounds_error=False, fill_value=None
        )
        return table(np.stack([np.log(energy), np.full_like(energy, 0.5)], axis=1))

    sigma = np.stack([parameter(f"sigma_{n}") for n in (1, 2, 3)])
    share = np.stack([np.ones_like(energy), parameter("ampl_2"), parameter("ampl_3")]) * sigma**2
    share *= expected / share.sum(axis=0) / expected.sum()

    def cdf(radius):
        radius = np.atleast_1d(radius)[:, np.newaxis, np.newaxis]
        return np.sum(share * -np.expm1(-0.5 * (radius / sigma) ** 2), axis=(1, 2))

    radius = offsets(source_run["events"], CRAB)[:4000]
    assert stats.kstest(radius, cdf).pvalue > 0.01


def test_spread_has_no_direction(source_run):
    events = source_run["events"]
    vectors = lonlat_to_vector(events.ra.values, events.dec.values)
    east, north = offset_coordinates(vectors, offset_basis(*CRAB))
    angle = np.arctan2(north, east) / (2 * np.pi) + 0.5
    assert stats.kstest(angle, "uniform").pvalue > 0.01


def background_grid(bkg, ontime, energy_bins, offset_bins, fine=40):
    """Expected counts of a radial background, summed from a fine grid."""
    table = RegularGridInterpolator(
        (np.log(bkg.energy.values), bkg.offset.values),
        np.log(bkg.bkg.values.astype(float)),
        bounds_error=False,
        fill_value=None,
    )

    def split(bins, spread):
        return np.concatenate(
            [spread(a, b, fine + 1)[:-1] for a, b in itertools.pairwise(bins)] + [bins[-1:]]
        )

    e = split(energy_bins, np.geomspace)
    o = split(offset_bins, np.linspace)
    energy, offset = np.sqrt(e[1:] * e[:-1]), 0.5 * (o[1:] + o[:-1])
    rate = np.exp(table(tuple(np.meshgrid(np.log(energy), offset, indexing="ij")))) * 1e6
    solid_angle = 2 * np.pi * -np.diff(np.cos(np.deg2rad(o)))
    counts = rate * np.diff(e)[:, np.newaxis] * solid_angle * ontime
    shape = (len(energy_bins) - 1, fine, len(offset_bins) - 1, fine)
    return counts.reshape(shape).sum(axis=(1, 3))


def test_background_follows_its_table(empty_run):
    energy_bins, offset_bins = np.geomspace(0.2, 100, 13), np.linspace(0, 3, 11)
    ontime = empty_run.attrs["ONTIME"]
    expected = background_grid(empty_run["bkg"], ontime, energy_bins, offset_bins)
    events = empty_run["events"]
    observed, _, _ = np.histogram2d(
        events.energy, offsets(events, POINTING), [energy_bins, offset_bins]
    )
    assert observed.sum() == events.sizes["event"]
    assert abs(observed.sum() - expected.sum()) < 3 * np.sqrt(expected.sum())
    assert chi2_probability(observed, expected) > 0.01


def test_background_counts_ontime_not_livetime():
    half = simulate_observation(POINTING, None, livetime="1 h", dead_time=0.5, seed=4)
    expected = background_grid(half["bkg"], 7200, np.array([0.2, 100]), np.array([0, 3.0]), 400)
    assert abs(half["events"].sizes["event"] - expected.sum()) < 3 * np.sqrt(expected.sum())


def test_background_in_the_field_of_view():
    irfs = simulated_irfs("3d", gradient=0.3)
    obs = simulate_observation((10.0, 60.0), None, irfs=irfs, livetime="3 h", seed=5)
    events, bkg = obs["events"], obs["bkg"]
    vectors = lonlat_to_vector(events.ra.values, events.dec.values)
    east, north = offset_coordinates(vectors, offset_basis(10.0, 60.0))
    # A power law in energy, and symmetric in the other coordinate: the profile is left.
    fine = np.linspace(-3, 3, 1201)
    center = 0.5 * (fine[1:] + fine[:-1])
    profile = np.interp(center, bkg.detx, np.log(bkg.bkg.values[0].max(axis=0).astype(float)))
    edge = np.abs(center) > bkg.detx.values[-1]
    slope = np.gradient(np.log(bkg.bkg.values[0].max(axis=0).astype(float)), bkg.detx.values)
    profile[edge] += (center[edge] - np.sign(center[edge]) * bkg.detx.values[-1]) * np.where(
        center[edge] > 0, slope[-1], slope[0]
    )
    expected = np.exp(profile).reshape(30, 40).sum(axis=1)
    observed, _ = np.histogram(-east, np.linspace(-3, 3, 31))
    assert chi2_probability(observed, expected * observed.sum() / expected.sum()) > 0.01
    assert abs(np.mean(north)) < 3 * np.std(north) / np.sqrt(north.size) + 1e-3
    # DETX grows to the west.
    assert np.mean(east) < -0.3


@pytest.mark.parametrize(
    ("archive", "obs_id"), [("hess-dl3-dr1", 23523), ("cta-1dc/index/gps", 110380)]
)
def test_responses_of_a_real_run(data, archive, obs_id):
    real = open_store(data / archive)[obs_id]
    obs = simulate_observation((10.0, 20.5), (10.0, 20.0), irfs=real, livetime="20 min", seed=6)
    assert obs["aeff"].attrs == real["aeff"].attrs
    events = obs["events"].to_dataset()
    inner = events.isel(event=(events.mc_id.values == 1) & (events.energy.values > 1))
    assert inner.sizes["event"] > 50
    # Of 68 % containment radii of these arrays at 1 TeV none is larger.
    assert np.quantile(offsets(inner, (10.0, 20.0)), 0.68) < 0.15
    assert events.isel(event=events.mc_id.values == 0).sizes["event"] > 500


def test_king_and_table_profiles():
    """Another class of PSF gives the distribution of its own formula."""
    irfs = simulated_irfs("none")
    flat = irfs["psf"].sigma_1 * 0
    king = xr.Dataset(
        {
            "gamma": (flat + 1.8).assign_attrs(units=""),
            "sigma": (flat + 0.05).assign_attrs(units="deg"),
        },
        attrs={"HDUCLAS4": "PSF_KING"},
    )
    rad = xr.Dataset(coords=coords_from_edges(np.linspace(0, 0.5, 51), "rad", "deg", "lin"))
    table = flat * 0 + np.exp(-0.5 * (rad.rad / 0.1) ** 2)
    gauss = table.assign_attrs(units="sr-1").to_dataset(name="psf").assign_coords(rad.coords)
    gauss.attrs["HDUCLAS4"] = "PSF_TABLE"

    def king_cdf(r):
        return 1 - (1 + r**2 / (2 * 1.8 * 0.05**2)) ** (1 - 1.8)

    def gauss_cdf(r):
        return np.expm1(-0.5 * (r / 0.1) ** 2) / np.expm1(-0.5 * 25)

    for psf, cdf in ((king, king_cdf), (gauss, gauss_cdf)):
        obs = simulate_observation(POINTING, irfs={**irfs, "psf": psf}, livetime="3 h", seed=1)
        assert stats.kstest(offsets(obs["events"], CRAB)[:3000], cdf).pvalue > 0.01


def test_gaussian_source():
    source = SimulatedSource(CRAB, sigma="0.3 deg", index=2.0)
    obs = simulate_observation(CRAB, source, livetime="5 h", background="none", seed=6)
    radius = offsets(obs["events"], CRAB)
    # Quadratic sum of source and point spread, and a little less: the area falls outwards.
    assert 0.29 * np.sqrt(2) < np.sqrt(np.mean(radius**2)) < 0.34 * np.sqrt(2)


def test_photons_outside_the_field_are_not_seen():
    obs = simulate_observation((83.63, 26.0), CRAB, livetime="10 h", background="none")
    assert obs["events"].sizes["event"] == 0


def test_one_seed_gives_one_result():
    first = simulate_observation(POINTING, livetime="3 min", seed=7)
    assert first.identical(simulate_observation(POINTING, livetime="3 min", seed=7))
    other = simulate_observation(POINTING, livetime="3 min", seed=8)
    assert not np.array_equal(first["events"].time, other["events"].time)


def test_default_pointing_is_the_first_wobble_position():
    obs = simulate_observation(events=False)
    assert (obs.attrs["RA_PNT"], obs.attrs["DEC_PNT"]) == wobble_pointings(CRAB)[0]
    assert_allclose(wobble_pointings(CRAB)[0], POINTING)


def test_background_does_not_depend_on_sources():
    both = simulate_observation(POINTING, livetime="3 min", seed=7)["events"].to_dataset()
    only = simulate_observation(POINTING, None, target=CRAB, livetime="3 min", seed=7)["events"]
    background = both.isel(event=both.mc_id.values == 0)
    for name in ("time", "ra", "dec", "energy"):
        assert_array_equal(background[name], only[name])


def test_several_sources():
    sources = [SimulatedSource(CRAB), SimulatedSource((83.63, 22.7), "1e-11 cm-2 s-1 TeV-1")]
    events = simulate_observation(POINTING, sources, seed=7)["events"]
    assert set(events.mc_id.values) == {0, 1, 2}
    second = events.to_dataset().isel(event=events.mc_id.values == 2)
    assert np.median(offsets(second, (83.63, 22.7))) < 0.2


def test_times_lie_in_the_intervals_and_ascend():
    obs = simulate_observation(POINTING, livetime="5 min", n_gti=3, seed=9)
    time, start, stop = obs["events"].time.values, obs["gti"].start.values, obs["gti"].stop.values
    assert np.all(np.diff(time) > 0)
    assert np.all(((time[:, None] >= start) & (time[:, None] <= stop)).sum(axis=1) == 1)
    assert_allclose(np.sum(stop - start) * obs.attrs["DEADC"], 300)
    assert_allclose(obs.attrs["TSTOP"], stop[-1])
    parts = np.histogram(time, np.append(start, stop[-1]))[0]
    assert stats.chisquare(parts).pvalue > 0.01


def test_altitude_and_azimuth():
    from astropy.coordinates import AltAz, EarthLocation, SkyCoord
    from astropy.time import Time

    attrs = simulate_observation(POINTING, events=False).attrs
    middle = 0.5 * (attrs["TSTART"] + attrs["TSTOP"])
    time = Time(attrs["MJDREFI"], attrs["MJDREFF"] + middle / 86400, format="mjd", scale="tt")
    site = EarthLocation(attrs["GEOLON"], attrs["GEOLAT"], attrs["ALTITUDE"])
    there = SkyCoord(*POINTING, unit="deg").transform_to(AltAz(obstime=time, location=site))
    assert_allclose([attrs["ALT_PNT"], attrs["AZ_PNT"]], [there.alt.deg, there.az.deg], atol=0.05)
    assert altaz(*POINTING, middle) == (attrs["ALT_PNT"], attrs["AZ_PNT"])
    start = Time(f"{attrs['DATE-OBS']}T{attrs['TIME-OBS']}", scale="utc")
    assert abs((start.tt.mjd - time.mjd) * 86400 + 0.5 * attrs["ONTIME"]) < 0.01


def test_wobble_pointings():
    for place in wobble_pointings(CRAB, "0.7 deg"):
        assert_allclose(separation(lonlat_to_vector(*place), lonlat_to_vector(*CRAB)), 0.7)


def test_store_opens_in_the_peer(tmp_path, gammapy):
    from astropy.time import Time
    from gammapy.data import DataStore

    store = simulate_store(tmp_path, livetime="2 min", seed=3)
    archive = DataStore.from_dir(store)
    # Its check of events fails on its own event lists, whatever lies in the file.
    assert not list(archive.check(["obs_table", "hdu_table", "consistency"]))
    peers = archive.get_observations(required_irf="full-enclosure")
    assert [p.obs_id for p in peers] == [1, 2, 3, 4]
    ours = simulate_observation(wobble_pointings(CRAB)[1], CRAB, number=1, livetime="2 min", seed=3)
    peer = peers[1]
    assert_array_equal(peer.events.energy.value, ours["events"].energy)
    assert_allclose(peer.events.radec.ra.deg, ours["events"].ra, rtol=1e-15)
    assert_allclose(peer.observation_live_time_duration.to_value("s"), 120)
    assert_allclose(peer.get_pointing_icrs(peer.tmid).dec.deg, ours.attrs["DEC_PNT"])
    reference = Time(ours.attrs["MJDREFI"], ours.attrs["MJDREFF"], format="mjd", scale="tt")
    met = (peer.events.time - reference).to_value("s")
    assert_allclose(met, ours["events"].time, rtol=0, atol=1e-5)


def test_peer_evaluates_the_same_responses(tmp_path, gammapy):
    import astropy.units as u
    from gammapy.data import DataStore

    store = simulate_store(tmp_path, n_runs=1, events=False)
    peer = DataStore.from_dir(store).obs(1)
    irfs = simulated_irfs()
    aeff = irfs["aeff"].aeff
    energy, offset = aeff.energy_true.values * u.TeV, aeff.offset.values * u.deg
    value = peer.aeff.evaluate(energy_true=energy[:, None], offset=offset).to_value("m2")
    assert_allclose(value, aeff, rtol=1e-6)
    value = peer.bkg.evaluate(energy=irfs["bkg"].energy.values[:, None] * u.TeV, offset=offset)
    assert_allclose(value.to_value("MeV-1 s-1 sr-1"), irfs["bkg"].bkg, rtol=1e-5)
    assert_allclose(peer.edisp.data, irfs["edisp"].edisp.transpose(*peer.edisp.axes.names))
    psf = irfs["psf"].isel(energy_true=20, offset=1)
    sigma = np.array([float(psf[f"sigma_{n}"]) for n in (1, 2, 3)])
    share = np.array([1, float(psf.ampl_2), float(psf.ampl_3)]) * sigma**2
    for radius in (0.05, 0.2):
        inside = np.sum(share * -np.expm1(-0.5 * (radius / sigma) ** 2)) / share.sum()
        value = peer.psf.containment(
            radius * u.deg,
            energy_true=float(psf.energy_true) * u.TeV,
            offset=float(psf.offset) * u.deg,
        )
        assert_allclose(value, inside, rtol=1e-5)
    assert peer.aeff.meta["LO_THRES"] == 0.3


def test_first_runs_do_not_depend_on_the_number_of_runs(tmp_path):
    few = simulate_store(tmp_path / "few", n_runs=1, livetime="1 min")
    many = simulate_store(tmp_path / "many", n_runs=3, livetime="1 min")
    name = "data/obs_000001.fits.gz"
    assert (few / name).read_bytes() == (many / name).read_bytes()


def test_runs_do_not_overlap(tmp_path):
    for livetime in ("28 min", "10 h", "30 h"):
        starts = [
            simulate_observation(POINTING, number=n, livetime=livetime, events=False).attrs
            for n in range(12)
        ]
        for one, after in itertools.pairwise(starts):
            assert after["TSTART"] > one["TSTOP"]


def test_pointings_are_used_in_turn(tmp_path):
    from astropy.io import fits

    pointings = ["10d 20d", (11.0, 21.0)]
    store = simulate_store(tmp_path, pointings=pointings, source=None, n_runs=3, events=False)
    table = fits.getdata(store / "obs-index.fits.gz")
    assert_allclose(table["RA_PNT"], [10, 11, 10])
    assert set(table["OBJECT"]) == {"Empty field"}


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda: simulated_irfs("4d"), XGammaError, "background='4d' is not recognised"),
        (lambda: simulated_irfs(gradient=1.0), XGammaError, "use background='3d'"),
        (lambda: simulate_observation("nonsense"), XGammaError, "nonsense"),
        (lambda: simulate_observation(POINTING, livetime="3 deg"), UnitError, "livetime"),
        (lambda: simulate_observation(POINTING, livetime=0), XGammaError, "above 0 s"),
        (lambda: simulate_observation(POINTING, dead_time=1.0), XGammaError, "dead_time=1.0"),
        (lambda: simulate_observation(POINTING, amplitude="1 m"), UnitError, "amplitude"),
        (lambda: simulate_observation(POINTING, sigma=-1), XGammaError, "sigma is -1"),
        (lambda: simulate_observation(POINTING, [CRAB]), XGammaError, "a SimulatedSource for each"),
        (lambda: simulate_observation(POINTING, irfs={}), MissingDataError, "response 'aeff'"),
        (lambda: simulate_store("x", n_runs=0), XGammaError, "at least one run"),
        (lambda: simulate_store("x", obs_id=3), XGammaError, "omit 'obs_id'"),
    ],
)
def test_refusals(call, error, sentence):
    with pytest.raises(error, match=sentence):
        call()


def test_responses_of_other_classes_are_refused():
    irfs = simulated_irfs()
    other = irfs["psf"].assign_attrs(HDUCLAS4="PSF_5GAUSS")
    with pytest.raises(XGammaError, match=r"unsupported kind \(HDUCLAS4='PSF_5GAUSS'\)"):
        simulate_observation(POINTING, irfs={**irfs, "psf": other})
    bkg = irfs["bkg"].assign_attrs(FOVALIGN="ALTAZ")
    with pytest.raises(XGammaError, match="FOVALIGN=RADEC only"):
        simulate_observation(POINTING, irfs={**irfs, "bkg": bkg})


def test_inputs_stay_as_they_were():
    irfs = simulated_irfs()
    before = {name: irf.copy(deep=True) for name, irf in irfs.items()}
    simulate_observation(POINTING, irfs=irfs, livetime="1 min")
    for name, irf in irfs.items():
        xr.testing.assert_identical(irf, before[name])
