"""Exposure, PSF, dispersion and a sum again, from the FITS tables with NumPy and astropy only.

Nothing of xgamma is used on the right-hand side: tables are read by `astropy.io.fits`, pixels placed by
`astropy.wcs`, and responses interpolated point by point. Maps are kept in single precision, whose
rounding (6e-8) grows to some 1e-6 through products and sums of four neighbours: hence 1e-5.
"""

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
        empty.gamma.fill(store[i], select=["counts", "exposure", "edisp", "psf"]) for i in files
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


def test_dispersion(case):
    """Cumulative distributions of single precision are differenced: 1e-5 of a probability of one."""
    parts, files, wcs = case
    for ds, (path, irf, _, name) in zip(parts, files, strict=True):
        table = Table(irf, name, "MATRIX")
        rng = np.random.default_rng(3)
        iy, ix = (rng.integers(0, ds.sizes[d], N) for d in ("y_irf", "x_irf"))
        off = offsets(wcs, path, ds.x_irf.values[ix], ds.y_irf.values[iy])
        edges = np.append(ds.energy_lo, ds.energy_hi[-1])
        got = ds.edisp.transpose("energy_true", "energy", "y_irf", "x_irf").values
        for k, e in enumerate(np.sqrt(ds.energy_true_lo * ds.energy_true_hi).values):
            for n in np.flatnonzero(off < 2.4)[:40]:
                density = np.maximum(table.at(e, off[n]), 0)
                total = np.cumsum(np.append(0, density * np.diff(table.migra)))
                if not total[-1] > 0:
                    continue
                want = np.diff(np.interp(edges / e, table.migra, total / total[-1]))
                np.testing.assert_allclose(got[k, :, iy[n], ix[n]], want, atol=1e-5)


def profile(irf, energy, offset, rad, hess):
    """Return the PSF at angles from the source: a table, or three Gaussians, in any unit."""
    if hess:
        with fits.open(irf) as hdus:
            row = hdus["PSF"].data[0]
            nodes = centres(*(np.asarray(row[f"RAD_{e}"], float) for e in ("LO", "HI")), False)
        table = Table(irf, "PSF", "RPSF")
        table.values = np.moveaxis(table.values, 1, 0)  # (rad, theta, energy) to theta first
        values = table.at(energy, offset)
        # The outer half bins continue the line of the two nearest nodes.
        i = np.clip(np.searchsorted(nodes, rad) - 1, 0, nodes.size - 2)
        part = (rad - nodes[i]) / (nodes[i + 1] - nodes[i])
        return np.maximum((1 - part) * values[i] + part * values[i + 1], 0)
    name = "POINT SPREAD FUNCTION"
    get = {c: Table(irf, name, c).at(energy, offset) for c in PARTS}
    widths = [get[f"SIGMA_{k}"] for k in (1, 2, 3)]
    heights = [1.0, get["AMPL_2"], get["AMPL_3"]]
    return sum(
        h * np.exp(-0.5 * (rad / w) ** 2) for h, w in zip(heights, widths, strict=True) if w > 0
    )


PARTS = ("SIGMA_1", "AMPL_2", "SIGMA_2", "AMPL_3", "SIGMA_3")


def test_psf(case):
    """At the middle of each ring, scaled to one over all rings; 1e-4 of the largest value."""
    parts, files, wcs = case
    for ds, (path, irf, _, _) in zip(parts, files, strict=True):
        rng = np.random.default_rng(4)
        iy, ix = (rng.integers(0, ds.sizes[d], N) for d in ("y_irf", "x_irf"))
        off = offsets(wcs, path, ds.x_irf.values[ix], ds.y_irf.values[iy])
        edges = np.radians(np.append(ds.rad_lo, ds.rad_hi[-1]))
        ring = np.pi * np.diff(edges**2)
        got = ds.psf.transpose("energy_true", "rad", "y_irf", "x_irf").values
        for k, e in list(enumerate(np.sqrt(ds.energy_true_lo * ds.energy_true_hi).values))[2:7]:
            for n in np.flatnonzero(off < 2.0)[:20]:
                want = profile(irf, e, off[n], ds.rad.values, path == irf)
                want = want / np.sum(want * ring)
                np.testing.assert_allclose(
                    got[k, :, iy[n], ix[n]], want, rtol=1e-4, atol=1e-4 * want.max()
                )
