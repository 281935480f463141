"""Draw the events of one run through its response tables."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from xgamma.errors import MissingDataError, XGammaError
from xgamma.irf.kind import BackgroundKind, PSFKind
from xgamma.irf.kinds.edisp_2d import draw_migra
from xgamma.irf.registry import kind_of
from xgamma.irf.sampling import lin_nodes, log_nodes, on_nodes, outer_edges, table_of
from xgamma.numerics import sampling
from xgamma.numerics.sphere import lonlat_to_vector, separation
from xgamma.simulate.simulated_source import SimulatedSource

__all__ = ["draw_background_events", "draw_source_events"]


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
    psf = kind_of(irfs["psf"], PSFKind)
    energy, ra, dec, offset = _draw_photons(rng, source, irfs["aeff"], pointing, livetime)
    migra = draw_migra(rng, irfs["edisp"], energy, offset)
    radius = psf.draw_radius(rng, irfs["psf"], energy, offset)
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
        log_nodes(aeff, "energy_true"),
        lin_nodes(aeff, "offset"),
    )
    table = table_of(aeff, "aeff", ("energy_true", "offset"), "cm2")
    # The largest area at each energy; a multilinear form has its maxima on its nodes.
    most = on_nodes([e_center, o_center], table, [e_nodes, o_nodes]).max(axis=1)
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
    area[offset > outer_edges(aeff, "offset", "deg")[1]] = 0.0
    keep = rng.random(len(cell)) * bound[cell] < area
    return energy[keep], ra[keep], dec[keep], offset[keep]


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
    return kind_of(bkg, BackgroundKind).draw(rng, bkg, pointing, ontime)
