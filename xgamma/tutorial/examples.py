"""Data to learn with: real where you have it, simulated where not.

The notebooks and the examples in docstrings use these functions. Real data are looked for in
the folder that the environment variable ``XGAMMA_DATA`` names; only `fetch` and `open_dataset`
download.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import xarray as xr

from xgamma.dl3.opening import open_store
from xgamma.io.fits import read_fits
from xgamma.makers.fill import fill
from xgamma.model.create import create_map, create_spectrum
from xgamma.model.make_axes import energy_axis
from xgamma.modeling.sky_model import SkyModel
from xgamma.modeling.spatial import PointSource
from xgamma.modeling.spectral import PowerLaw
from xgamma.reduction.front import reduce
from xgamma.simulate.observations import simulate_observation, simulate_store
from xgamma.simulate.simulated_source import SimulatedSource

__all__ = [
    "CRAB",
    "crab_runs",
    "example_map",
    "example_model",
    "example_spectrum",
    "galactic_centre",
    "real_data",
]

CRAB = "83.63d 22.01d"


def real_data(name: str) -> Path | None:
    """Return the path of a file or folder of real data, or None if it is not available.

    Parameters
    ----------
    name : str
        Path below the folder that ``XGAMMA_DATA`` names, as ``"hess-dl3-dr1"``.

    Returns
    -------
    path : Path or None
        Where it is.

    Examples
    --------
    >>> real_data("no-such-telescope") is None
    True
    """
    folder = os.environ.get("XGAMMA_DATA")
    path = Path(folder) / name if folder else None
    return path if path is not None and path.exists() else None


@cache
def _simulated(name: str) -> tuple[Path, TemporaryDirectory[str]]:
    """Simulate an archive once in a process; it goes when the process ends."""
    folder = TemporaryDirectory(prefix="xgamma-tutorial-")
    options: dict[str, Any] = {"source": CRAB}
    if name == "galactic-centre":
        # Sagittarius A*, a shell-like remnant beside it and a soft extended source.
        options = {
            "source": [
                SimulatedSource("266.415d -29.006d", "3e-12 cm-2 s-1 TeV-1", 2.2),
                SimulatedSource("266.85d -28.15d", "1.2e-12 cm-2 s-1 TeV-1", 2.4),
                SimulatedSource("266.6d -29.9d", "5e-12 cm-2 s-1 TeV-1", 2.7, sigma="0.25 deg"),
            ],
            "target": "266.415d -29.006d",
            "offset": "0.7 deg",
        }
    path = simulate_store(Path(folder.name) / name, n_runs=4, seed=0, **options)
    return path, folder


def crab_runs() -> Any:
    """Open four runs on the Crab nebula: those of H.E.S.S. DL3 DR1, or simulated ones.

    Returns
    -------
    store : `~xgamma.dl3.store.Store`
        Four runs of 28 minutes, wobbled around the source.

    Examples
    --------
    >>> len(crab_runs())
    4
    """
    real = real_data("hess-dl3-dr1")
    if real is not None:
        return open_store(real).select(target="Crab Nebula")
    return open_store(_simulated("crab")[0])


def galactic_centre() -> xr.Dataset:
    """Return a map dataset of the Galactic Centre: CTA's first data challenge, or simulated.

    Returns
    -------
    ds : Dataset
        Counts, background, exposure, PSF, energy dispersion and safe mask in galactic
        coordinates, named ``"gc"``.

    Examples
    --------
    >>> galactic_centre().gamma.frame
    'galactic'
    """
    real = real_data("dl4/cta-1dc-gc.fits.gz")
    if real is not None:
        ds: xr.Dataset = read_fits(real).assign_attrs(name="gc")
        return ds
    template = create_map(
        (0.0, 0.0),
        width="5 deg",
        binsz="0.05 deg",
        frame="galactic",
        energy=energy_axis("0.5 TeV", "50 TeV", nbin=10),
        energy_true=energy_axis("0.3 TeV", "100 TeV", nbin=14, name="energy_true"),
    )
    runs = open_store(_simulated("galactic-centre")[0])
    ds = reduce(runs, into=template, offset_max="2 deg", name="gc", progress=False)
    return ds


def example_map() -> xr.Dataset:
    """Return a small map dataset: one simulated run on a Crab-like source, all variables filled.

    Returns
    -------
    ds : Dataset
        2 degrees around the source, pixels of 0.1 degrees, 4 energy bins from 1 to 10 TeV,
        named ``"example"``.

    Examples
    --------
    >>> dict(example_map().counts.sizes)
    {'energy': 4, 'y': 20, 'x': 20}
    """
    return _filled("map").copy(deep=True)


def example_model() -> Any:
    """Return the source of `example_map`: a point source with the spectrum of the Crab nebula.

    Returns
    -------
    model : `~xgamma.SkyModel`
        Named ``"crab"``.

    Examples
    --------
    >>> example_model().spectral.index.value
    2.63
    """
    spectrum = PowerLaw(index=2.63, amplitude="3.45e-11 cm-2 s-1 TeV-1", reference="1 TeV")
    return SkyModel(spectrum, PointSource(lon=83.63, lat=22.01), name="crab")


def example_spectrum() -> xr.Dataset:
    """Return a small on-off spectrum: one simulated run on a Crab-like source.

    Returns
    -------
    ds : Dataset
        A circle of 0.1 degrees around the source, 6 energy bins from 1 to 10 TeV, off
        counts from reflected regions, named ``"example"``.

    Examples
    --------
    >>> example_spectrum().gamma.kind
    'spectrum_onoff'
    """
    return _filled("spectrum").copy(deep=True)


@cache
def _filled(kind: str) -> xr.Dataset:
    obs = simulate_observation("83.63d 22.51d", CRAB, seed=0)
    if kind == "map":
        empty = create_map(CRAB, "2 deg", "0.1 deg", energy_axis("1 TeV", "10 TeV", 4))
        found: xr.Dataset = fill(empty, obs, name="example")
        return found
    spectrum = create_spectrum("icrs;circle(83.63, 22.01, 0.1)", energy_axis("1 TeV", "10 TeV", 6))
    options: dict[str, Any] = {"containment_correction": True, "name": "example"}
    filled = fill(spectrum, obs, ["counts", "exposure", "edisp"], **options)
    found = filled.gamma.reflected_background(obs)
    return found
