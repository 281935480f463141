"""Counts, exposure, background, PSF, dispersion and their sums again, from the FITS tables with NumPy and astropy only.

Nothing of xgamma is used on the right-hand side: tables are read by `astropy.io.fits`, pixels placed by
`astropy.wcs`, and responses interpolated point by point. Maps are kept in single precision, whose
rounding (6e-8) grows to some 1e-6 through products and sums of four neighbours: hence 1e-5.
"""

from functools import cache

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

import xgamma as xg

CTA = "cta-1dc/caldb/data/cta/1dc/bcf/South_z20_50h/irf_file.fits"
CASES = {
    "hess": ("hess-dl3-dr1", "Crab Nebula", (83.63, 22.01), 0.5, 50.0),
    "cta": ("cta-1dc/index/gps", None, (266.4, -29.0), 0.1, 50.0),
}
NPIX, BINSZ, N = 120, 0.05, 200


def centres(low, high, log):
    return np.sqrt(low * high) if log else 0.5 * (low + high)


def bracket(nodes, at):
    """Return the lower neighbour of a value on a grid and its distance from it."""
    i = int(np.clip(np.searchsorted(nodes, at) - 1, 0, nodes.size - 2))
    return i, (at - nodes[i]) / (nodes[i + 1] - nodes[i])


class Table:
    """A response of a run as its FITS file has it."""

    def __init__(self, path, name, column):
        with fits.open(path) as hdus:
            row = next(h for h in hdus if h.header.get("EXTNAME") == name).data[0]
            get = {c: np.asarray(row[c], float) for c in row.array.names}
        first = "ENERG" if "ENERG_LO" in get else "ETRUE"
        self.energy = np.log(centres(get[f"{first}_LO"], get[f"{first}_HI"], True))
        self.theta = centres(get["THETA_LO"], get["THETA_HI"], False)
        self.values = get[column]
        if "MIGRA_LO" in get:
            self.migra = np.append(get["MIGRA_LO"], get["MIGRA_HI"][-1])

    def at(self, energy, offset):
        """Return the value, or the row of values, at an energy in TeV and an offset in degrees."""
        (i, s), (j, t) = bracket(self.energy, np.log(energy)), bracket(self.theta, offset)
        v = self.values
        low = (1 - t) * v[j, ..., i] + t * v[j + 1, ..., i]
        return (1 - s) * low + s * ((1 - t) * v[j, ..., i + 1] + t * v[j + 1, ..., i + 1])


@pytest.fixture(scope="module", params=CASES)
def case(request, data):
    """Two runs of an instrument reduced, with their files and the sky of the map."""
    folder, target, centre, low, high = CASES[request.param]
    store = xg.open_store(data / folder)
    store = store if target is None else store.select(target=target)
    empty = xg.create_map(
        centre,
        npix=NPIX,
        binsz=BINSZ,
        proj="TAN",
        energy=xg.energy_axis(low, high, 6),
        energy_true=xg.energy_axis(low, high, 9, name="energy_true"),
    )
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval = ["RA---TAN", "DEC--TAN"], centre
    wcs.wcs.cdelt, wcs.wcs.crpix = [-BINSZ, BINSZ], [(NPIX + 1) / 2] * 2
    files = {}
    for obs_id in store.obs_ids[:2]:
        if request.param == "hess":
            path = data / folder / "data" / f"hess_dl3_dr1_obs_id_{int(obs_id):06d}.fits.gz"
            files[obs_id] = (path, path, "AEFF", "EDISP")
        else:
            path = data / "cta-1dc" / "data" / "gps" / f"gps_baseline_{int(obs_id):06d}.fits"
            if not path.exists():
                path = next((data / "cta-1dc").rglob(f"*{int(obs_id):06d}.fits*"))
            files[obs_id] = (path, data / CTA, "EFFECTIVE AREA", "ENERGY DISPERSION")
    parts = [
        empty.gamma.fill(store[i], select=["counts", "exposure", "background", "edisp", "psf"])
        for i in files
    ]
    return parts, list(files.values()), wcs


def run_of(path):
    """Return pointing and livetime from the header and the good time intervals."""
    with fits.open(path) as hdus:
        header, gti = hdus["EVENTS"].header, hdus["GTI"].data
        pointing = SkyCoord(header["RA_PNT"], header["DEC_PNT"], unit="deg")
        return pointing, float(np.sum(gti["STOP"] - gti["START"])) * header["DEADC"]


def offsets(wcs, path, x, y):
    places = SkyCoord(*wcs.pixel_to_world_values(x, y), unit=u.deg)
    return places.separation(run_of(path)[0]).deg


def pixels(seed):
    rng = np.random.default_rng(seed)
    return rng.integers(0, NPIX, N), rng.integers(0, NPIX, N)


def exposures(ds, file, wcs, x, y):
    path, irf, name, _ = file
    area = Table(irf, name, "EFFAREA")
    livetime, energies = run_of(path)[1], np.sqrt(ds.energy_true_lo * ds.energy_true_hi).values
    off = offsets(wcs, path, x, y)
    return np.array([[livetime * max(area.at(e, o), 0) for o in off] for e in energies]), off


def test_exposure(case):
    parts, files, wcs = case
    for ds, file in zip(parts, files, strict=True):
        x, y = pixels(1)
        want, off = exposures(ds, file, wcs, x, y)
        inside = off < 2.4
        got = ds.exposure.transpose("energy_true", "y", "x").values[:, y, x]
        np.testing.assert_allclose(got[:, inside], want[:, inside], rtol=1e-5)
        assert inside.sum() > 50


def test_stack(case):
    """The sum of two runs is the sum of what each gives."""
    parts, files, wcs = case
    x, y = pixels(2)
    both = [exposures(ds, f, wcs, x, y) for ds, f in zip(parts, files, strict=True)]
    inside = (both[0][1] < 2.4) & (both[1][1] < 2.4)
    got = xg.stack(parts).exposure.transpose("energy_true", "y", "x").values[:, y, x]
    np.testing.assert_allclose(got[:, inside], (both[0][0] + both[1][0])[:, inside], rtol=1e-5)


def test_stacked_counts(case):
    """Events of both files in the bins of the map: every bin, since most of 200 would be empty."""
    parts, files, wcs = case
    edges = [np.arange(NPIX + 1) - 0.5] * 2
    energies = np.append(parts[0].energy_lo, parts[0].energy_hi[-1])
    want = 0
    for path, *_ in files:
        with fits.open(path) as hdus:
            events = hdus["EVENTS"].data
            y, x = wcs.world_to_pixel_values(events["RA"], events["DEC"])[::-1]
            # Files state TeV; energies are compared in the precision of the file.
            table = np.stack([np.asarray(events["ENERGY"], float), y, x], axis=1)
        want = want + np.histogramdd(table, [energies, *edges])[0]
    got = xg.stack(parts).counts.transpose("energy", "y", "x").values
    np.testing.assert_array_equal(got, want)
    assert got.sum() > 1000


def background(ds, file, wcs, x, y):
    """Return the counts (energy, n) of a background response, and where all of its nodes are known.

    The logarithm of the rate is linear in position and in the logarithm of energy; between the edges
    of a bin the rate is a power law. In H.E.S.S. DL3 DR1 DETX grows to the east and comes before
    DETY: its off events decide so (tests/makers/test_hess_alignment.py).
    """
    path, irf, name, _ = file
    with fits.open(irf) as hdus:
        hdu = hdus["BKG" if name == "AEFF" else "BACKGROUND"]
        row = {c: np.asarray(hdu.data[0][c], float) for c in hdu.columns.names}
    with np.errstate(divide="ignore"):
        log_rate = np.log(row["BKG" if name == "AEFF" else "BGD"] * 1e6)  # per MeV to per TeV
    if name == "AEFF":
        log_rate = log_rate.swapaxes(1, 2)
    pointing, _ = run_of(path)
    with fits.open(path) as hdus:
        ontime = float(np.sum(hdus["GTI"].data["STOP"] - hdus["GTI"].data["START"]))
    places = SkyCoord(*wcs.pixel_to_world_values(x, y), unit=u.deg)
    offset = places.transform_to(pointing.skyoffset_frame())
    east = offset.lon.wrap_at("180d").deg
    detector = (offset.lat.deg, east if name == "AEFF" else -east)
    nodes = [centres(row[f"DET{k}_LO"], row[f"DET{k}_HI"], False) for k in "YX"]
    log_e = np.log(centres(row["ENERG_LO"], row["ENERG_HI"], True))
    edges = np.append(ds.energy_lo, ds.energy_hi[-1])
    # A tangential pixel at an angle from the centre of the map.
    angle = places.separation(SkyCoord(*wcs.wcs.crval, unit="deg")).rad
    omega = np.radians(BINSZ) ** 2 * np.cos(angle) ** 3
    rate = np.empty((edges.size, x.size))
    for n in range(x.size):
        (j, t), (i, s) = (bracket(c, at[n]) for c, at in zip(nodes, detector, strict=True))
        for k, edge in enumerate(np.log(edges)):
            m, r = bracket(log_e, edge)
            cell = log_rate[m : m + 2, j : j + 2, i : i + 2]
            weights = np.einsum("a,b,c", [1 - r, r], [1 - t, t], [1 - s, s])
            rate[k, n] = np.exp(np.sum(cell * weights)) if np.isfinite(cell).all() else np.nan
    low, high = edges[:-1, None], edges[1:, None]
    slope = np.log(rate[1:] / rate[:-1]) / np.log(high / low)
    integral = rate[:-1] * low / (slope + 1) * ((high / low) ** (slope + 1) - 1)
    reach = min(np.abs(c).max() for c in nodes)
    inside = (np.abs(detector[0]) < reach) & (np.abs(detector[1]) < reach)
    return integral * omega * ontime, np.isfinite(integral) & inside


def test_background(case):
    parts, files, wcs = case
    for ds, file in zip(parts, files, strict=True):
        x, y = pixels(5)
        want, known = background(ds, file, wcs, x, y)
        got = ds.background.transpose("energy", "y", "x").values[:, y, x]
        np.testing.assert_allclose(got[known], want[known], rtol=1e-5)
        assert known.sum() > 200


def test_stacked_background(case):
    parts, files, wcs = case
    x, y = pixels(6)
    both = [background(ds, file, wcs, x, y) for ds, file in zip(parts, files, strict=True)]
    known = both[0][1] & both[1][1]
    got = xg.stack(parts).background.transpose("energy", "y", "x").values[:, y, x]
    np.testing.assert_allclose(got[known], (both[0][0] + both[1][0])[known], rtol=1e-5)
    assert known.sum() > 200


def nodes(ds, seed):
    """Return indices and pixels of random nodes of the coarse grid."""
    rng = np.random.default_rng(seed)
    iy, ix = (rng.integers(0, ds.sizes[d], N) for d in ("y_irf", "x_irf"))
    return iy, ix, ds.x_irf.values[ix], ds.y_irf.values[iy]


def true_energies(ds):
    return np.sqrt(ds.energy_true_lo * ds.energy_true_hi).values


def dispersion(ds, table, energy, offset):
    """Return the probabilities of the reconstructed bins; zero where the table knows nothing."""
    edges = np.append(ds.energy_lo, ds.energy_hi[-1])
    density = np.maximum(table.at(energy, offset), 0)
    total = np.cumsum(np.append(0, density * np.diff(table.migra)))
    if not total[-1] > 0:
        return np.zeros(edges.size - 1)
    return np.diff(np.interp(edges / energy, table.migra, total / total[-1]))


def test_dispersion(case):
    """Cumulative distributions of single precision are differenced: 1e-5 of a probability of one."""
    parts, files, wcs = case
    for ds, (path, irf, _, name) in zip(parts, files, strict=True):
        table = Table(irf, name, "MATRIX")
        iy, ix, x, y = nodes(ds, 3)
        off = offsets(wcs, path, x, y)
        got = ds.edisp.transpose("energy_true", "energy", "y_irf", "x_irf").values
        for k, e in enumerate(true_energies(ds)):
            for n in np.flatnonzero(off < 2.4)[:40]:
                want = dispersion(ds, table, e, off[n])
                np.testing.assert_allclose(got[k, :, iy[n], ix[n]], want, atol=1e-5)


def weighted(responses, weights):
    """Return the mean of responses of runs, weighted with their exposures."""
    return sum(r * w for r, w in zip(responses, weights, strict=True)) / sum(weights)


def test_stacked_dispersion(case):
    parts, files, wcs = case
    stacked = xg.stack(parts).edisp.transpose("energy_true", "energy", "y_irf", "x_irf").values
    iy, ix, x, y = nodes(parts[0], 7)
    both = [exposures(ds, f, wcs, x, y) for ds, f in zip(parts, files, strict=True)]
    tables = [Table(f[1], f[3], "MATRIX") for f in files]
    inside = np.flatnonzero((both[0][1] < 2.4) & (both[1][1] < 2.4))[:40]
    for k, e in enumerate(true_energies(parts[0])):
        for n in inside:
            weights = [exposure[k, n] for exposure, _ in both]
            rows = [
                dispersion(parts[0], t, e, off[n]) for t, (_, off) in zip(tables, both, strict=True)
            ]
            np.testing.assert_allclose(
                stacked[k, :, iy[n], ix[n]], weighted(rows, weights), atol=1e-5
            )
    assert inside.size >= 10


@cache
def psf_table(irf, column):
    """Return a PSF as `Table`, or one of its Gaussians' parts, and the rings of a tabulated one."""
    if column != "RPSF":
        return Table(irf, "POINT SPREAD FUNCTION", column), None
    with fits.open(irf) as hdus:
        row = hdus["PSF"].data[0]
        rings = centres(*(np.asarray(row[f"RAD_{e}"], float) for e in ("LO", "HI")), False)
    table = Table(irf, "PSF", "RPSF")
    table.values = np.moveaxis(table.values, 1, 0)  # (rad, theta, energy) to theta first
    return table, rings


def profile(irf, energy, offset, rad, hess):
    """Return the PSF at angles from the source: a table, or three Gaussians, in any unit."""
    if hess:
        table, rings = psf_table(irf, "RPSF")
        values = table.at(energy, offset)
        # The outer half bins continue the line of the two nearest nodes.
        i = np.clip(np.searchsorted(rings, rad) - 1, 0, rings.size - 2)
        part = (rad - rings[i]) / (rings[i + 1] - rings[i])
        return np.maximum((1 - part) * values[i] + part * values[i + 1], 0)
    get = {c: psf_table(irf, c)[0].at(energy, offset) for c in PARTS}
    widths = [get[f"SIGMA_{k}"] for k in (1, 2, 3)]
    heights = [1.0, get["AMPL_2"], get["AMPL_3"]]
    return sum(
        h * np.exp(-0.5 * (rad / w) ** 2) for h, w in zip(heights, widths, strict=True) if w > 0
    )


PARTS = ("SIGMA_1", "AMPL_2", "SIGMA_2", "AMPL_3", "SIGMA_3")


def normalised(ds, file, energy, offset):
    """Return the PSF at the middle of each ring, scaled to one over all rings."""
    path, irf, *_ = file
    edges = np.radians(np.append(ds.rad_lo, ds.rad_hi[-1]))
    values = profile(irf, energy, offset, ds.rad.values, path == irf)
    return values / np.sum(values * np.pi * np.diff(edges**2))


def test_psf(case):
    """At the middle of each ring, scaled to one over all rings; 1e-4 of the largest value."""
    parts, files, wcs = case
    for ds, file in zip(parts, files, strict=True):
        iy, ix, x, y = nodes(ds, 4)
        off = offsets(wcs, file[0], x, y)
        got = ds.psf.transpose("energy_true", "rad", "y_irf", "x_irf").values
        for k, e in list(enumerate(true_energies(ds)))[2:7]:
            for n in np.flatnonzero(off < 2.0)[:20]:
                want = normalised(ds, file, e, off[n])
                np.testing.assert_allclose(
                    got[k, :, iy[n], ix[n]], want, rtol=1e-4, atol=1e-4 * want.max()
                )


def test_stacked_psf(case):
    parts, files, wcs = case
    stacked = xg.stack(parts).psf.transpose("energy_true", "rad", "y_irf", "x_irf").values
    iy, ix, x, y = nodes(parts[0], 8)
    both = [exposures(ds, f, wcs, x, y) for ds, f in zip(parts, files, strict=True)]
    inside = np.flatnonzero((both[0][1] < 2.0) & (both[1][1] < 2.0))[:20]
    for k, e in list(enumerate(true_energies(parts[0])))[2:7]:
        for n in inside:
            rows = [
                normalised(parts[0], f, e, off[n]) for f, (_, off) in zip(files, both, strict=True)
            ]
            want = weighted(rows, [exposure[k, n] for exposure, _ in both])
            np.testing.assert_allclose(
                stacked[k, :, iy[n], ix[n]], want, rtol=1e-4, atol=1e-4 * want.max()
            )
    assert inside.size >= 10


MAGIC = "magic/rad_max/data/20131004_05029747_DL3_CrabNebula-W0.40+035.fits"


@pytest.fixture(scope="module")
def magic(data):
    """A point-like run in a spectrum: its responses hold at one offset, that of its source."""
    path = data / MAGIC
    empty = xg.create_spectrum(
        "icrs;point(83.63, 22.01)",
        energy=xg.energy_axis(0.1, 10, 8),
        energy_true=xg.energy_axis(0.05, 20, 14, name="energy_true"),
    )
    obs = xg.open_store(path.parents[1])[5029747]
    return xg.fill(empty, obs, ["exposure", "edisp"]), path


def only_row(path, name):
    """Return a response of one offset bin: its columns without that axis."""
    with fits.open(path) as hdus:
        row = hdus[name].data[0]
        return {c: np.squeeze(np.asarray(row[c], float)) for c in hdus[name].columns.names}


def test_magic_exposure(magic):
    ds, path = magic
    table = only_row(path, "EFFECTIVE AREA")
    log_e = np.log(centres(table["ENERG_LO"], table["ENERG_HI"], True))
    area = np.interp(np.log(true_energies(ds)), log_e, table["EFFAREA"])
    np.testing.assert_allclose(ds.exposure.values, area * run_of(path)[1], rtol=1e-5)
    assert (area > 0).all()


def test_magic_dispersion(magic):
    ds, path = magic
    table = only_row(path, "ENERGY DISPERSION")
    log_e = np.log(centres(table["ENERG_LO"], table["ENERG_HI"], True))
    migra = np.append(table["MIGRA_LO"], table["MIGRA_HI"][-1])
    edges = np.append(ds.energy_lo, ds.energy_hi[-1])
    got = ds.edisp.transpose("energy_true", "energy").values
    for k, e in enumerate(true_energies(ds)):
        i, s = bracket(log_e, np.log(e))
        density = (1 - s) * table["MATRIX"][:, i] + s * table["MATRIX"][:, i + 1]
        total = np.cumsum(np.append(0, density * np.diff(migra)))
        want = np.diff(np.interp(edges / e, migra, total / total[-1]))
        np.testing.assert_allclose(got[k], want, atol=1e-5)
