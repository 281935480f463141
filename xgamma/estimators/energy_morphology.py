"""Test whether the shape of a source changes with energy."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from xgamma.core.defaults import BACKEND, SCHEME
from xgamma.errors import AxisError, MissingDataError, XGammaError
from xgamma.estimators.bands import band_of, energy_bands
from xgamma.estimators.nested import nested_test
from xgamma.fitting.attached import chosen_models, datasets_of
from xgamma.fitting.fit import fit
from xgamma.model.operation import DatasetsLike, operation
from xgamma.modeling.count_models import FoVBackground
from xgamma.modeling.model_base import Model, ModelsLike
from xgamma.modeling.models import Models
from xgamma.modeling.sky_model import SkyModel
from xgamma.numerics.ratio_test import log_chance, ts_significance
from xgamma.typing import EnergiesLike

__all__ = ["energy_morphology"]


@operation
def energy_morphology(
    data: DatasetsLike,
    source: str,
    energy_edges: EnergiesLike,
    models: ModelsLike | None = None,
    backend: str = BACKEND,
    scheme: str = SCHEME,
    **options: Any,
) -> xr.Dataset:
    """Fit the shape of a source in energy bands, and test it against a common shape.

    All free parameters of all models are fitted independently in each band. Under the null
    hypothesis, the free parameters of the source's shape are common to all bands.

    Parameters
    ----------
    data : Dataset, DataTree, or iterable or mapping of Dataset
        Maps.
    source : str
        Name of the model.
    energy_edges : Quantity, list of str or array_like
        Edges of two bands or more, as for `xgamma.flux_points`, as Quantity or number in TeV.
    models : Model or iterable of Model, optional
        Starting values; by default, the models attached to the datasets. Freeze parameters that
        narrow bands do not constrain, such as spectral indices.
    backend, scheme, **options
        See `xgamma.fit`.

    Returns
    -------
    found : Dataset
        Dim ``energy``: the value and ``..._err`` of each free parameter of the shape (for example
        ``sigma``) in the band, and ``source_ts``, ``source_dof`` and ``source_significance`` of the
        source in it. Scalars: ``..._joint`` and ``..._joint_err`` for one shape; ``ts``, ``dof``,
        ``p_value`` and ``significance`` of a change of the shape; ``success``.

    Raises
    ------
    AxisError
        If there are fewer than two bands, or a band has no bins to fit.
    MissingDataError
        If there is no such model.
    XGammaError
        If the source has no shape with a free parameter, or no free amplitude.

    Notes
    -----
    ``ts`` is the statistic of one shape minus the sum of those of the bands, and follows chi2 with
    ``dof`` = (bands - 1) x free parameters, if the source is detected in every band; check
    ``source_significance``.

    References
    ----------
    Feijen et al. (2025), A&A 701, A4.

    Examples
    --------
    >>> from xgamma.tutorial import example_map, example_model
    >>> model = example_model()
    >>> model.spectral.index.frozen = True
    >>> ds = example_map()
    >>> found = energy_morphology(ds, "crab", ds.gamma.edges("energy")[::2], model)
    >>> int(found.dof), found.lon_0.dims
    (2, ('energy',))
    """
    datasets = datasets_of(data)
    chosen = chosen_models(data, models)
    free, amplitude = free_of(chosen, source)
    bands = energy_bands(datasets, energy_edges)
    if len(bands) < 2:
        raise AxisError("energy_edges define a single band: give two or more to compare shapes.")
    settings = {"backend": backend, "scheme": scheme, **options}
    parts: dict[str, xr.Dataset] = {}
    copies: list[Model] = []
    tests: list[xr.Dataset] = []
    for k, (low, high) in enumerate(bands):
        part = in_band(datasets, k, low, high)
        own = of_band(chosen, list(datasets), list(part), k)
        null = {f"{source}-{k}.spectral.{amplitude}": 0.0}
        tests.append(nested_test(part, null, own, **settings))
        parts |= part
        copies += own
    joint = Models(copies)
    for k in range(1, len(bands)):
        for key in free:
            setattr(joint[f"{source}-{k}"].spatial, key, getattr(joint[f"{source}-0"].spatial, key))
    result = fit(parts, joint, **settings)
    ts = result.total_stat - sum(float(test.stat) for test in tests)
    dof = sum(test.sizes["parameter"] for test in tests) - len(result.names)
    low, high = bands.T
    tev = {"units": "TeV"}
    out = xr.Dataset(
        coords={
            "energy": ("energy", np.sqrt(low * high), {**tev, "interp": "log"}),
            "energy_lo": ("energy", low, tev),
            "energy_hi": ("energy", high, tev),
        },
        attrs={"source": source, "name": f"{source}-morphology"},
    )
    shape = result.models[f"{source}-0"].spatial
    for key in free:
        parameter = getattr(shape, key)
        unit = {"units": parameter.unit}
        rows = [test.sel(parameter=f"{source}-{k}.spatial.{key}") for k, test in enumerate(tests)]
        out[key] = ("energy", [float(row["value"]) for row in rows], unit)
        out[f"{key}_err"] = ("energy", [float(row.error) for row in rows], unit)
        out[f"{key}_joint"] = ((), parameter.value, unit)
        out[f"{key}_joint_err"] = ((), parameter.error, unit)
    for name in ("ts", "dof", "significance"):
        out[f"source_{name}"] = ("energy", [test[name].item() for test in tests])
    good = result.success and all(bool(test.success) for test in tests)
    scalars = {"ts": ts, "dof": dof, "p_value": np.exp(log_chance(ts, dof))}
    return out.assign(scalars | {"significance": ts_significance(ts, dof), "success": good})


def free_of(models: Models, source: str) -> tuple[list[str], str]:
    """Return the free parameters of the source's shape, and its amplitude."""
    if source not in models.names:
        raise MissingDataError(
            f"There is no model {source!r}: choose from {', '.join(models.names) or 'none'}."
        )
    model = models[source]
    for other in models:
        if not isinstance(other, SkyModel | FoVBackground):
            raise XGammaError(
                f"The model {other.name!r} is a {type(other).__name__}, which cannot be "
                "evaluated in bands: add its counts to the background."
            )
    shape = getattr(model, "spatial", None)
    free = [] if shape is None else [n for n, p in shape._parameters.items() if not p.frozen]
    if not free:
        raise XGammaError(f"The source {source!r} has no free spatial parameter: free one.")
    amplitudes = [n for n, p in model.spectral.named_parameters() if p.log and not p.frozen]
    if not amplitudes:
        raise XGammaError(f"The source {source!r} has no free amplitude: free it.")
    return free, amplitudes[0]


def in_band(
    datasets: dict[str, xr.Dataset], k: int, low: float, high: float
) -> dict[str, xr.Dataset]:
    """Return the datasets in one band, named after it."""
    found = {n: band_of(ds, low, high) for n, ds in datasets.items()}
    parts = {f"{n}-{k}": ds for n, ds in found.items() if ds is not None}
    if not parts:
        raise AxisError(f"No bin between {low:g} and {high:g} TeV is inside the masks.")
    return {n: ds.assign_attrs(name=n) for n, ds in parts.items()}


def of_band(models: Models, names: list[str], present: list[str], k: int) -> list[Model]:
    """Return copies of the models that act in one band, named after it."""
    found = []
    for model in models.copy():
        acting = [f"{n}-{k}" for n in names if model.acts_on(n)]
        model.datasets = [n for n in acting if n in present]
        model.name = f"{model.name}-{k}"
        if model.datasets:
            found.append(model)
    return found
