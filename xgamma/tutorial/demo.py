"""The demonstration: simulate an archive, reduce it, show what came out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from xgamma.core.atomic import atomic_path
from xgamma.core.extras import require_package
from xgamma.core.folders import filled_folder
from xgamma.core.paths import file_path
from xgamma.dl3.opening import open_store
from xgamma.dl3.store import Store
from xgamma.io.storage import to_netcdf
from xgamma.model import sky
from xgamma.model.create import create_map
from xgamma.model.frame import wcs_of
from xgamma.model.make_axes import energy_axis
from xgamma.numerics.convolve import convolve_same
from xgamma.numerics.statistics import cash_significance
from xgamma.reduction.front import reduce
from xgamma.simulate.observations import simulate_store

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["demo_dataset", "draw", "run_demo", "significance_image", "summary"]

CENTER = "83.63d 22.01d"
OFFSET_MAX = "2.5 deg"
# About the 68 % radius of the simulated point spread function at 1 TeV.
RADIUS = 0.1


def run_demo(out: str | os.PathLike[str], seed: int = 0, quiet: bool = False) -> xr.Dataset:
    """Simulate four runs on a Crab-like source, reduce and draw them.

    Parameters
    ----------
    out : path-like
        Folder for the results, made if need be: ``store`` (the simulated archive),
        ``demo.nc`` (the reduced dataset) and ``demo.png``. Older ones are replaced.
    seed : int
        Seed of the simulation.
    quiet : bool
        Whether to print nothing.

    Returns
    -------
    ds : Dataset
        The stacked map dataset.

    Raises
    ------
    MissingDataError
        If matplotlib is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ds = run_demo(folder, quiet=True)
    ...     sorted(p.name for p in Path(folder).iterdir())
    ['demo.nc', 'demo.png', 'store']
    """
    require_package("matplotlib", "The picture of the demo", "plot")
    folder = file_path(out, "out")
    with filled_folder(folder):
        runs = simulate_store(folder / "store", source=CENTER, seed=seed, overwrite=True)
        ds = demo_dataset(open_store(runs))
        to_netcdf(ds, folder / "demo.nc", overwrite=True)
        with atomic_path(folder / "demo.png") as temporary:
            draw(ds).savefig(temporary, dpi=120)
    if not quiet:
        print(summary(ds))
        print(f"\nWritten: {folder / 'demo.nc'}, {folder / 'demo.png'}, {folder / 'store'}")
    return ds


def demo_dataset(store: Store) -> xr.Dataset:
    """Reduce the runs of a store to a map of 5 x 5 degrees around the simulated source.

    Parameters
    ----------
    store : Store
        The archive.

    Returns
    -------
    ds : Dataset
        Counts, background, exposure, PSF and energy dispersion, stacked under the safe masks.
    """
    template = create_map(
        CENTER,
        width="5 deg",
        binsz="0.02 deg",
        energy=energy_axis("0.3 TeV", "30 TeV", nbin=12),
        energy_true=energy_axis("0.1 TeV", "100 TeV", nbin=24, name="energy_true"),
        name="demo",
    )
    ds: xr.Dataset = reduce(store, into=template, offset_max=OFFSET_MAX, safe_mask=["aeff-default"])
    return ds


def summary(ds: xr.Dataset) -> str:
    """Return what a dataset holds, in a few lines.

    Parameters
    ----------
    ds : Dataset
        A stacked map dataset with counts and background.

    Returns
    -------
    text : str
        One line a figure.
    """
    counts, background = float(ds.counts.sum()), float(ds.background.sum())
    safe = int(ds.mask_safe.sum()) if "mask_safe" in ds else ds.counts.size
    peak = significance_image(ds)
    at = peak.argmax(("y", "x"))
    place = sky.pix_to_world(ds, float(ds.x[at["x"]]), float(ds.y[at["y"]]))
    livetime = float(ds.livetime.sum()) / 60.0
    lines = {
        "dataset": f"{ds.attrs.get('name', '')} ({dict(ds.counts.sizes)})",
        "runs": f"{ds.sizes['obs']}, livetime {livetime:.1f} min",
        "counts": f"{counts:.0f}",
        "background": f"{background:.1f}",
        "excess": f"{counts - background:.1f}",
        "safe bins": f"{safe} of {ds.counts.size}",
        "largest exposure": f"{float(ds.exposure.max()):.4g} m2 s",
        "peak significance": f"{float(peak.max()):.1f} at {place.to_string('decimal')} (ICRS)",
    }
    return "\n".join(f"{name:>18}  {value}" for name, value in lines.items())


def significance_image(ds: xr.Dataset, radius: float = RADIUS) -> xr.DataArray:
    """Return the significance of the excess around each pixel, summed over energy.

    Counts and background are summed in a circle around the pixel under the safe mask; the
    significance is that of Cash for a known background (Li & Ma 1983, eq. 17, in the limit
    of a large off region).

    Parameters
    ----------
    ds : Dataset
        With ``counts`` and ``background``.
    radius : float
        Radius of the circle in degrees.

    Returns
    -------
    significance : DataArray
        Dims ``y, x``, in standard deviations; NaN where no background is expected.
    """
    step = float(np.mean(np.abs(sky.pixel_scale(ds))))
    reach = int(np.ceil(radius / step))
    axis = np.arange(-reach, reach + 1) * step
    disk = (np.hypot(axis, axis[:, np.newaxis]) <= radius).astype(float)

    def around(name: str) -> np.ndarray:
        image = ds[name] if "mask_safe" not in ds else ds[name].where(ds.mask_safe, 0)
        values = image.sum("energy").transpose("y", "x").values.astype(float)
        found: np.ndarray = convolve_same(values, disk)
        return found

    counts, background = np.rint(around("counts")), around("background")
    # What the Fourier transform leaves of a zero is not a background.
    good = background > 1e-6 * background.max()
    values = np.where(good, cash_significance(counts, np.where(good, background, 1.0)), np.nan)
    labels = ds.counts.isel(energy=0, drop=True).transpose("y", "x")
    significance: xr.DataArray = labels.copy(data=values).assign_attrs(
        long_name="significance", units=""
    )
    return significance


def draw(ds: xr.Dataset) -> Figure:
    """Draw the counts and the significance of the excess, side by side on the sky.

    Parameters
    ----------
    ds : Dataset
        A map dataset with counts and background that covers its frame.

    Returns
    -------
    figure : Figure
        Two panels with world coordinates; it belongs to no window.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 5), layout="constrained")
    FigureCanvasAgg(figure)
    panels = {
        "counts": (ds.counts.sum("energy").transpose("y", "x"), "inferno", "counts per pixel"),
        "significance": (significance_image(ds), "coolwarm", f"significance, {RADIUS} deg circle"),
    }
    for number, (name, (image, colors, label)) in enumerate(panels.items(), start=1):
        axes = figure.add_subplot(1, 2, number, projection=wcs_of(ds))
        limit = float(np.nanmax(np.abs(image.values)))
        low = -min(limit, 10.0) if name == "significance" else 0.0
        high = min(limit, 10.0) if name == "significance" else max(limit / 4.0, 1.0)
        shown = axes.imshow(image.values, origin="lower", cmap=colors, vmin=low, vmax=high)
        figure.colorbar(shown, ax=axes, label=label, shrink=0.8)
        axes.set_xlabel("Right ascension")
        axes.set_ylabel("Declination")
        axes.set_title(f"{ds.attrs.get('name', 'dataset')}: {name}")
    return figure
