"""The main pictures, drawn from data without chance.

``python -m tests.plot.pictures`` draws the baselines anew: look at each before you commit it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import xgamma as xg

BASELINE = Path(__file__).with_name("baseline")
DPI = 40
MAP = ("energy", "y", "x")


def map_dataset() -> xr.Dataset:
    """A point-like and an extended source over a background that falls outwards."""
    ds = xg.create_map(
        (0, 0),
        ("2.4 deg", "1.6 deg"),
        "0.04 deg",
        xg.energy_axis("0.1 TeV", "10 TeV", 4),
        energy_true=xg.energy_axis("0.1 TeV", "10 TeV", 6, name="energy_true"),
        rad=None,
        frame="galactic",
        name="drawn",
    )
    near = np.exp(-0.5 * (ds.gamma.separation((0.4, 0.2)) / 0.08) ** 2)
    wide = np.exp(-0.5 * (ds.gamma.separation((-0.5, -0.2)) / 0.3) ** 2)
    field = np.exp(-0.5 * (ds.gamma.separation((0, 0)) / 0.8) ** 2)
    falling = xr.DataArray([8.0, 4.0, 2.0, 1.0], dims="energy")
    background = (falling * field).transpose(*MAP)
    counts = np.floor(background + falling * (5 * near + 1.5 * wide)).transpose(*MAP)
    exposure = field * xr.DataArray(np.geomspace(1e9, 1e10, 6), dims="energy_true")
    matrix = np.eye(6, 4, dtype=float) * 0.7 + np.eye(6, 4, -1) * 0.3
    grid = np.ones((ds.sizes["y_irf"], ds.sizes["x_irf"]))
    return ds.assign(
        counts=counts.astype(int).assign_attrs(units="", long_name="counts"),
        background=background.assign_attrs(units="", long_name="background counts"),
        exposure=exposure.transpose("energy_true", "y", "x").assign_attrs(
            units="m2 s", long_name="exposure"
        ),
        edisp=(("energy_true", "energy", "y_irf", "x_irf"), matrix[:, :, None, None] * grid),
        mask_safe=(background > 0.5).transpose(*MAP),
    )


def spectrum_dataset() -> xr.Dataset:
    """An on-off spectrum with an exposure and a dispersion."""
    part = map_dataset().gamma.to_spectrum("galactic;circle(0.4, 0.2, 0.2)")
    return part.drop_vars("background").gamma.to_onoff(
        counts_off=np.array([900, 400, 150, 40]), acceptance=1.0, acceptance_off=4.0
    )


def significance() -> Any:
    """Draw the significance of the map, which falls below zero."""
    ds = map_dataset()
    background = ds.background.sum("energy")
    drawn = (ds.counts.sum("energy") - background) / np.sqrt(background)
    drawn.attrs = {"long_name": "significance"}
    return drawn.gamma.plot(title="Significance").figure


def counts_map() -> Any:
    """Draw counts, a region and the outline of the mask."""
    ds = map_dataset()
    return (
        ds.counts.sum("energy")
        .gamma.plot(
            stretch="sqrt",
            title="Counts",
            regions="galactic;circle(0.4, 0.2, 0.2)",
            mask=ds.gamma.mask_image,
        )
        .figure
    )


def model_spectrum() -> Any:
    """Draw a spectral model."""
    from xgamma.plot.spectra import plot_spectrum_model

    spectrum = xg.LogParabola(
        amplitude="3.8e-11 cm-2 s-1 TeV-1", reference="1 TeV", alpha=2.3, beta=0.2
    )
    return plot_spectrum_model(spectrum, ("0.1 TeV", "100 TeV"), power=2).figure


PICTURES: dict[str, Callable[[], Any]] = {
    "map": counts_map,
    "map-log": lambda: map_dataset().counts.sum("energy").gamma.plot(stretch="log").figure,
    "map-signed": significance,
    "grid": lambda: map_dataset().counts.gamma.plot_grid(ncols=2, stretch="sqrt"),
    "grid-masks": lambda: map_dataset().mask_safe.gamma.plot_grid(ncols=4),
    "peek-map": lambda: map_dataset().gamma.peek(),
    "peek-spectrum": lambda: spectrum_dataset().gamma.peek(),
    "counts": lambda: map_dataset().gamma.plot_counts().figure,
    "dispersion": lambda: map_dataset().gamma.plot_edisp().figure,
    "model": model_spectrum,
}


def save(name: str, path: Path) -> None:
    """Draw one picture into a file, in matplotlib's own defaults."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    mpl.use("Agg")
    with mpl.rc_context(mpl.rcParamsDefault):
        PICTURES[name]().savefig(path, dpi=DPI, metadata={"Software": None})
    plt.close("all")


if __name__ == "__main__":
    BASELINE.mkdir(exist_ok=True)
    for picture in PICTURES:
        save(picture, BASELINE / f"{picture}.png")
