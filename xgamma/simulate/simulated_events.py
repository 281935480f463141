"""Draw the events of one run through its response tables."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from xgamma.core.units import conversion
from xgamma.dl3.finite import check_finite
from xgamma.errors import MissingDataError, XGammaError
from xgamma.model.axes import centers_in, edges_in, units_of
from xgamma.model.responses import sound_coords
from xgamma.numerics import sampling
from xgamma.numerics.sphere import lonlat_to_vector, separation
from xgamma.simulate.simulated_source import SimulatedSource

__all__ = ["draw_background_events", "draw_source_events"]

# Rows of the migration table that are interpolated at once: bounds the memory.
CHUNK = 20_000
PSF_CLASSES = ("PSF_3GAUSS", "PSF_KING", "PSF_TABLE")
# Below this a background rate counts as zero; its logarithm must stay finite.
TINY = float(np.finfo(np.float32).tiny)


def _bounds(irf: xr.Dataset, dim: str, unit: str) -> tuple[float, float]:
    """Return the outer edges of an axis, which archives may give as points without width."""
    sound_coords(irf, dim)
    factor = conversion(units_of(irf, dim), unit)
    return float(irf[f"{dim}_lo"][0]) * factor, float(irf[f"{dim}_hi"][-1]) * factor


def _log_nodes(irf: xr.Dataset, dim: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the logarithms of an energy axis' centres, and those with its outer edges."""
    center = np.log(centers_in(irf, dim, "TeV"))
    return center, sampling.nodes_with_edges(center, *np.log(_bounds(irf, dim, "TeV")))


def _lin_nodes(irf: xr.Dataset, dim: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the centres of an angular axis in degrees, and those with its outer edges."""
    center = centers_in(irf, dim, "deg")
    return center, sampling.nodes_with_edges(center, *_bounds(irf, dim, "deg"))


def _table(irf: xr.Dataset, name: str, dims: tuple[str, ...], unit: str) -> np.ndarray:
    check_finite(irf, name)
    factor = conversion(str(irf[name].attrs.get("units", "")), unit)
    return irf[name].transpose(*dims).values.astype(float) * factor


def _on_nodes(centers: list[np.ndarray], values: np.ndarray, nodes: list[np.ndarray]) -> np.ndarray:
    """Evaluate a table at the nodes that include the outer edges."""
    grid = np.meshgrid(*nodes, indexing="ij")
    flat = sampling.multilinear(centers, values, [g.ravel() for g in grid])
    return flat.reshape(grid[0].shape)


def _log_on_nodes(
    centers: list[np.ndarray], values: np.ndarray, nodes: list[np.ndarray]
) -> np.ndarray:
    """Evaluate a table of logarithms at the nodes, extrapolating by a factor of ten at most.

    Beside an empty cell a straight line in the logarithm would rise without bounds.
    """
    inside = [np.clip(n, c[0], c[-1]) for n, c in zip(nodes, centers, strict=True)]
    nearest = _on_nodes(centers, values, inside)
    found: np.ndarray = np.minimum(_on_nodes(centers, values, nodes), nearest + np.log(10.0))
    return found


def draw_source_events(
    rng: np.random.Generator,
    source: SimulatedSource,
    irfs: Mapping[str, xr.Dataset],
    pointing: tuple[float, float],
    livetime: float,
) -> dict[str, np.ndarray]:
    r"""Draw a source's events in reconstructed quantities.

    The number of photons at true energy :math:`E` from :math:`\vec p` is Poisson with mean
    :math:`\phi(E, \vec p)\,A(E, \theta)\,t`: proposals from the power law in each cell of the
    effective area's table are kept with the probability that interpolation gives. Migration
    and PSF parameters are interpolated to each photon's energy and offset.

    Parameters
    ----------
    rng : `~numpy.random.Generator`
        Source of randomness.
    source : SimulatedSource
        The source; it emits in the true-energy range of the effective area.
    irfs : mapping of str to Dataset
        ``aeff``, ``edisp`` and ``psf``.
    pointing : (float, float)
        ICRS right ascension and declination in degrees.
    livetime : float
        Seconds.

    Returns
    -------
    events : dict of str to ndarray
        ``energy`` (TeV), ``ra``, ``dec`` (deg).

    Raises
    ------
    MissingDataError
        If a response is absent.
    XGammaError
        If the PSF is of no known class.
    """
    for name in ("aeff", "edisp", "psf"):
        if name not in irfs:
            raise MissingDataError(f"There is no response '{name}' to draw a source's events from.")
    if irfs["psf"].attrs.get("HDUCLAS4") not in PSF_CLASSES:
        raise XGammaError(
            f"The response 'psf' has no known HDUCLAS4: set it to one of {', '.join(PSF_CLASSES)}."
        )
    energy, ra, dec, offset = _draw_photons(rng, source, irfs["aeff"], pointing, livetime)
    migra = _draw_migra(rng, irfs["edisp"], energy, offset)
    radius = _draw_radius(rng, irfs["psf"], energy, offset)
    ra, dec = sampling.offset_by(ra, dec, rng.uniform(0, 360, len(ra)), radius)
    # Where a table holds nothing there is no event, as in the cells of an archive without one.
    seen = np.isfinite(migra) & np.isfinite(radius)
    return {"energy": (energy * migra)[seen], "ra": ra[seen], "dec": dec[seen]}


def _draw_photons(
    rng: np.random.Generator,
    source: SimulatedSource,
    aeff: xr.Dataset,
    pointing: tuple[float, float],
    livetime: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Draw true energies (TeV), positions and offsets (deg) of the photons that are detected."""
    (e_center, e_nodes), (o_center, o_nodes) = (
        _log_nodes(aeff, "energy_true"),
        _lin_nodes(aeff, "offset"),
    )
    table = _table(aeff, "aeff", ("energy_true", "offset"), "cm2")
    # The largest area at each energy; a multilinear form has its maxima on its nodes.
    most = _on_nodes([e_center, o_center], table, [e_nodes, o_nodes]).max(axis=1)
    bound = np.maximum(sampling.cell_maxima(most), 0.0)
    low, high = np.exp(e_nodes[:-1]), np.exp(e_nodes[1:])
    photons = source(np.array(1.0)) * sampling.power_law_integral(low, high, source.index)
    (cell,) = sampling.draw_cells(rng, photons * bound * livetime)
    energy = sampling.sample_power_law(rng.random(len(cell)), low[cell], high[cell], source.index)
    radius = sampling.sample_sphere_gaussian(rng, source.sigma, len(cell))
    angle = rng.uniform(0.0, 360.0, len(cell))
    ra, dec = sampling.offset_by(source.lon, source.lat, angle, radius)
    offset = separation(lonlat_to_vector(ra, dec), lonlat_to_vector(*map(np.array, pointing)))
    area = sampling.multilinear([e_center, o_center], table, [np.log(energy), offset])
    area[offset > _bounds(aeff, "offset", "deg")[1]] = 0.0
    keep = rng.random(len(cell)) * bound[cell] < area
    return energy[keep], ra[keep], dec[keep], offset[keep]


def _draw_migra(
    rng: np.random.Generator, edisp: xr.Dataset, energy: np.ndarray, offset: np.ndarray
) -> np.ndarray:
    """Draw reconstructed over true energy from the table's rows, interpolated to each photon."""
    nodes = [_log_nodes(edisp, "energy_true")[0], centers_in(edisp, "offset", "deg")]
    table = _table(edisp, "edisp", ("energy_true", "offset", "migra"), "")
    edges = edges_in(edisp, "migra", "")
    uniform = rng.random(len(energy))
    migra = np.empty(len(energy))
    for start in range(0, len(energy), CHUNK):
        part = slice(start, start + CHUNK)
        rows = sampling.multilinear(nodes, table, [np.log(energy[part]), offset[part]])
        migra[part] = sampling.sample_rows(uniform[part], edges, rows)
    return migra


def _draw_radius(
    rng: np.random.Generator, psf: xr.Dataset, energy: np.ndarray, offset: np.ndarray
) -> np.ndarray:
    """Draw separations from the true position in degrees, whatever the class of the PSF."""
    nodes = [_log_nodes(psf, "energy_true")[0], centers_in(psf, "offset", "deg")]
    points = [np.log(energy), offset]

    def at_photons(name: str, unit: str) -> np.ndarray:
        table = _table(psf, name, ("energy_true", "offset"), unit)
        return sampling.multilinear(nodes, table, points)

    kind = psf.attrs["HDUCLAS4"]
    if kind == "PSF_3GAUSS":
        ones = np.ones_like(energy)
        heights = np.stack([ones, at_photons("ampl_2", ""), at_photons("ampl_3", "")], axis=1)
        widths = np.stack([at_photons(f"sigma_{n}", "deg") for n in (1, 2, 3)], axis=1)
        return sampling.sample_gaussian_mixture(rng, heights, widths)
    if kind == "PSF_KING":
        uniform = rng.random(len(energy))
        return sampling.sample_king(uniform, at_photons("gamma", ""), at_photons("sigma", "deg"))
    return _draw_table_radius(rng, psf, nodes, points)


def _draw_table_radius(
    rng: np.random.Generator, psf: xr.Dataset, nodes: list[np.ndarray], points: list[np.ndarray]
) -> np.ndarray:
    """Draw from PSF_TABLE: a density per solid angle that is constant in each bin of rad."""
    table = _table(psf, "psf", ("energy_true", "offset", "rad"), "sr-1")
    versine = 2.0 * np.sin(0.5 * np.deg2rad(edges_in(psf, "rad", "deg"))) ** 2
    uniform = rng.random(len(points[0]))
    drawn = np.empty(len(uniform))
    for start in range(0, len(uniform), CHUNK):
        part = slice(start, start + CHUNK)
        rows = sampling.multilinear(nodes, table, [p[part] for p in points])
        drawn[part] = sampling.sample_rows(uniform[part], versine, rows)
    return np.rad2deg(2.0 * np.arcsin(np.sqrt(0.5 * drawn)))


def draw_background_events(
    rng: np.random.Generator, bkg: xr.Dataset, pointing: tuple[float, float], ontime: float
) -> dict[str, np.ndarray]:
    r"""Draw background events from a rate table in the field of view.

    The rate is the exponential of its logarithm interpolated multilinearly in
    :math:`\ln E` and the angles. Each cell between nodes is a Poisson process under its
    largest corner, thinned to the interpolated rate: no binning is involved.

    Parameters
    ----------
    rng : `~numpy.random.Generator`
        Source of randomness.
    bkg : Dataset
        BKG_2D, or BKG_3D with ``FOVALIGN="RADEC"``.
    pointing : (float, float)
        ICRS right ascension and declination in degrees.
    ontime : float
        Seconds (rates are per second of ontime).

    Returns
    -------
    events : dict of str to ndarray
        ``energy`` (TeV), ``ra``, ``dec`` (deg).

    Raises
    ------
    XGammaError
        If the field of view of the table is not aligned with right ascension.
    """
    if bkg.attrs.get("FOVALIGN", "RADEC") != "RADEC":
        raise XGammaError("Background events are drawn from tables with FOVALIGN=RADEC only.")
    log_e, e_nodes = _log_nodes(bkg, "energy")
    if "offset" in bkg.dims:
        energy, offset = _draw_radial(rng, bkg, log_e, e_nodes, ontime)
        ra, dec = sampling.offset_by(*pointing, rng.uniform(0.0, 360.0, len(energy)), offset)
    else:
        energy, detx, dety = _draw_field(rng, bkg, log_e, e_nodes, ontime)
        # DETX grows to the west: GADF looks at the camera, not at the sky.
        ra, dec = sampling.offset_frame_to_sky(-detx, dety, *pointing)
    return {"energy": energy, "ra": ra, "dec": dec}


def _log_rate(bkg: xr.Dataset, dims: tuple[str, ...]) -> np.ndarray:
    rate = _table(bkg, "bkg", dims, "TeV-1 s-1 sr-1")
    values: np.ndarray = np.log(np.maximum(rate, TINY))
    return values


def _uniform(rng: np.random.Generator, nodes: np.ndarray, cell: np.ndarray) -> np.ndarray:
    values: np.ndarray = nodes[cell] + rng.random(len(cell)) * (nodes[cell + 1] - nodes[cell])
    return values


def _draw_radial(
    rng: np.random.Generator, bkg: xr.Dataset, log_e: np.ndarray, e_nodes: np.ndarray, time: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draw energies and offsets: uniform in ln E and cos(offset), thinned by E x rate."""
    center, nodes = _lin_nodes(bkg, "offset")
    table = _log_rate(bkg, ("energy", "offset")) + log_e[:, np.newaxis]
    table = _log_on_nodes([log_e, center], table, [e_nodes, nodes])
    most = sampling.cell_maxima(table)
    versine = 2.0 * np.sin(0.5 * np.deg2rad(nodes)) ** 2
    volume = np.outer(np.diff(e_nodes), 2.0 * np.pi * np.diff(versine))
    cells = sampling.draw_cells(rng, np.exp(most) * volume * time)
    energy = _uniform(rng, e_nodes, cells[0])
    offset = np.rad2deg(2.0 * np.arcsin(np.sqrt(0.5 * _uniform(rng, versine, cells[1]))))
    value = sampling.multilinear([e_nodes, nodes], table, [energy, offset])
    keep = rng.random(len(energy)) < np.exp(value - most[cells])
    return np.exp(energy[keep]), offset[keep]


def _draw_field(
    rng: np.random.Generator, bkg: xr.Dataset, log_e: np.ndarray, e_nodes: np.ndarray, time: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw energies and field coordinates: uniform in each, thinned by E x rate x cos(dety)."""
    (y_center, y_nodes), (x_center, x_nodes) = _lin_nodes(bkg, "dety"), _lin_nodes(bkg, "detx")
    table = _log_rate(bkg, ("energy", "dety", "detx")) + log_e[:, np.newaxis, np.newaxis]
    nodes = [e_nodes, y_nodes, x_nodes]
    table = _log_on_nodes([log_e, y_center, x_center], table, nodes)
    most = sampling.cell_maxima(table)
    widths = np.diff(e_nodes), np.deg2rad(np.diff(y_nodes)), np.deg2rad(np.diff(x_nodes))
    volume = np.einsum("i,j,k->ijk", *widths)
    cells = sampling.draw_cells(rng, np.exp(most) * volume * time)
    energy, dety, detx = (_uniform(rng, n, c) for n, c in zip(nodes, cells, strict=True))
    value = sampling.multilinear(nodes, table, [energy, dety, detx])
    keep = rng.random(len(energy)) < np.exp(value - most[cells]) * np.cos(np.deg2rad(dety))
    return np.exp(energy[keep]), detx[keep], dety[keep]
