"""Flux profiles: flux points in one region of the sky after another."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from xgamma.core.defaults import N_SIGMA_UL, SCHEME
from xgamma.datasets.collapse import to_spectrum
from xgamma.datasets.onoff import is_onoff
from xgamma.errors import XGammaError
from xgamma.estimators.bands import shared_edges
from xgamma.estimators.flux_points import flux_points
from xgamma.fitting.attached import chosen_models, datasets_of, with_models
from xgamma.fitting.predict import npred
from xgamma.model.operation import DatasetsLike, operation
from xgamma.model.regions import parse_regions, region_center, region_text
from xgamma.model.schema import require
from xgamma.modeling.model_base import ModelsLike
from xgamma.modeling.models import Models
from xgamma.modeling.sky_model import SkyModel
from xgamma.modeling.spectral import PowerLaw
from xgamma.modeling.spectrum_base import Spectrum
from xgamma.typing import ArrayLike, EnergiesLike, RegionsLike

__all__ = ["flux_profile"]

NAME = "profile"


@operation
def flux_profile(
    data: DatasetsLike,
    regions: RegionsLike,
    energy_edges: EnergiesLike | None = None,
    spectrum: Spectrum | None = None,
    models: ModelsLike | None = None,
    n_sigma: float = 1.0,
    n_sigma_ul: float = N_SIGMA_UL,
    norm_values: ArrayLike | None = None,
    scheme: str = SCHEME,
) -> xr.Dataset:
    """Compute the flux in each of several regions, in excess of known sources.

    Parameters
    ----------
    data : Dataset, DataTree, or iterable or mapping of Dataset
        Maps, on-off or not; several are fitted jointly.
    regions : list of SkyRegion or str
        Regions, as `xgamma.ring_regions` and `xgamma.slice_regions` make, or DS9 text.
    energy_edges : Quantity, list of str or array_like, optional
        As for `xgamma.flux_points`, as Quantity or number in TeV; by default, a single band of all
        energies.
    spectrum : Spectrum, optional
        Spectral shape; by default, a power law of index 2.
    models : Model or iterable of Model, optional
        Known sources, which the flux excludes, in addition to the background; by default, the
        models attached to the datasets.
    n_sigma, n_sigma_ul, norm_values, scheme
        See `xgamma.flux_points`.

    Returns
    -------
    profile : Dataset
        As `xgamma.flux_points`, with a dim ``region`` before the others: its coordinate is DS9
        text; ``distance`` (deg) is the mean radius of a ring, else the angle from the middle of the first
        region; ``lon`` and ``lat`` (deg, ICRS) are the middle. ``counts``, ``npred`` and
        ``npred_excess`` are summed over datasets.

    Raises
    ------
    XGammaError
        If there are no regions, or models are given for on-off maps.
    FrameError
        If a region holds no pixel of a map.

    Notes
    -----
    The flux is the one reconstructed in the region, with the mean exposure there: leakage over its
    edge by the PSF is not corrected.

    Examples
    --------
    >>> import xgamma as xg
    >>> from xgamma.tutorial import example_map
    >>> rings = xg.ring_regions("83.63d 22.01d", [0, 0.2, 0.4, 0.6])
    >>> profile = flux_profile(example_map(), rings)
    >>> profile.flux.dims, int(profile.flux.argmax("region")[0])
    (('region', 'energy'), 0)
    """
    parsed = parse_regions(regions)
    if not parsed:
        raise XGammaError("regions= is empty: give regions, for example from xg.ring_regions.")
    datasets = {
        name: over_models(ds, chosen_models(data, models), scheme)
        for name, ds in datasets_of(data).items()
    }
    if energy_edges is None:
        energy_edges = shared_edges(datasets)[[0, -1]]
    source = SkyModel(PowerLaw(index=2.0) if spectrum is None else spectrum, name=NAME)
    found = []
    for region in parsed:
        spectra = {name: to_spectrum(ds, region) for name, ds in datasets.items()}
        points = flux_points(
            spectra,
            NAME,
            energy_edges,
            models=source,
            n_sigma=n_sigma,
            n_sigma_ul=n_sigma_ul,
            norm_values=norm_values,
            scheme=scheme,
        )
        summed = points[["counts", "npred", "npred_excess"]].sum("dataset", min_count=1)
        found.append(points.drop_dims("dataset").merge(summed))
    profile = xr.concat(found, "region", data_vars="all", combine_attrs="override")
    return profile.assign_coords(places(parsed)).assign_attrs(name=NAME, source=NAME)


def over_models(ds: xr.Dataset, models: Models, scheme: str) -> xr.Dataset:
    """Return a map whose background is all that is predicted."""
    require(ds, "counts")
    if "x" not in ds.dims:
        raise XGammaError(
            f"The dataset {ds.attrs.get('name')!r} is a spectrum of a single region: give maps."
        )
    chosen = models.select(ds.attrs.get("name"))
    if is_onoff(ds):
        if chosen:
            raise XGammaError(
                f"The dataset {ds.attrs.get('name')!r} is on-off, whose background does not use "
                "models: pass models=[], or convert it with ds.gamma.to_map()."
            )
        return with_models(ds, None)
    if chosen:
        predicted = npred(ds, chosen, scheme)
        ds = ds.assign(background=predicted.assign_attrs(ds["background"].attrs))
    return with_models(ds, None)


def places(regions: list[Any]) -> dict[str, Any]:
    """Return the coordinates of regions."""
    first = region_center(regions[0])
    centers = [region_center(region) for region in regions]
    distance = [
        0.5 * (region.inner_radius + region.outer_radius).to_value("deg")
        if hasattr(region, "inner_radius")
        else float(first.separation(center).deg)
        for region, center in zip(regions, centers, strict=True)
    ]
    degrees = {"units": "deg"}
    return {
        "region": ("region", np.array([region_text(r) for r in regions], dtype=np.str_)),
        "distance": ("region", distance, {**degrees, "long_name": "distance"}),
        "lon": ("region", [float(c.icrs.ra.deg) for c in centers], degrees),
        "lat": ("region", [float(c.icrs.dec.deg) for c in centers], degrees),
    }
