"""Fit models to datasets."""

from __future__ import annotations

from typing import Any

from xgamma.core.defaults import BACKEND, SCHEME
from xgamma.errors import MissingDataError, XGammaError
from xgamma.fitting import optimisers
from xgamma.fitting.attached import chosen_models, datasets_of
from xgamma.fitting.objective import Objective
from xgamma.fitting.reach import warn_of_short_axes
from xgamma.fitting.result import FitResult
from xgamma.model.operation import DatasetsLike, operation
from xgamma.modeling.model_base import ModelsLike

__all__ = ["fit"]


@operation
def fit(
    data: DatasetsLike,
    models: ModelsLike | None = None,
    backend: str = BACKEND,
    progress: bool = False,
    scheme: str = SCHEME,
    **options: Any,
) -> Any:
    """Fit models to one or more datasets jointly.

    Parameters
    ----------
    data : Dataset, DataTree, or iterable or mapping of Dataset
        Datasets of any kind; their fit statistics are summed.
    models : Model or iterable of Model, optional
        Starting values; by default, the models attached to the datasets. They are not modified. The
        spatial parameters of a source that affects no map are held fixed.
    backend : {"minuit", "scipy"}
        MIGRAD and HESSE of iminuit, or `scipy.optimisers.minimize` with a numerical Hessian.
    progress : bool
        Whether to show the statistic during the fit.
    scheme : {"exact", "gammapy"}
        "gammapy" reproduces the prediction of gammapy 2.1, for comparisons; see `Compiled`.
    **options : dict
        For minuit ``strategy`` (1), ``tol`` (0.1) and ``max_calls``; for scipy ``method``
        ("L-BFGS-B") and other arguments of `scipy.optimisers.minimize`.

    Returns
    -------
    result : FitResult
        A printable result: ``.models`` are fitted copies with errors, ``.to_dataset()`` returns a
        Dataset, and ``.minos()``, ``.profile()``, ``.contour()`` explore further.

    Raises
    ------
    XGammaError
        If there is nothing to fit, a start value is out of its range, a parameter has no
        effect, or the statistic is NaN.
    FrameError
        If a source lies outside every map.

    Warns
    -----
    XGammaWarning
        If the fit did not converge or its errors are not reliable, with the reason. If the true
        energies of an energy dispersion that a source uses do not extend beyond the reconstructed
        ones.

    Examples
    --------
    >>> import numpy as np, xarray as xr, xgamma as xg
    >>> ds = xg.create_spectrum(
    ...     "icrs;circle(83.6, 22, 0.1)", xg.energy_axis(1, 10, 5), "reco", name="d"
    ... )
    >>> ds["exposure"] = ("energy_true", np.full(5, 1e10), {"units": "m2 s"})
    >>> ds["background"] = ("energy", np.full(5, 10.0), {"units": ""})
    >>> model = xg.SkyModel(xg.PowerLaw(index=2.5), name="s")
    >>> asimov = ds.assign(counts=ds.gamma.npred(model))
    >>> start = xg.SkyModel(xg.PowerLaw(index=2, amplitude="2e-12 cm-2 s-1 TeV-1"), name="s")
    >>> result = fit(asimov, start)
    >>> round(result.models["s"].spectral.index.value, 2)
    2.5
    """
    if backend not in optimisers.BACKENDS:
        raise XGammaError(
            f"backend={backend!r} is not recognised: use one of {', '.join(optimisers.BACKENDS)}."
        )
    start = chosen_models(data, models)
    if not start:
        raise MissingDataError("There are no models to fit: pass models=, or use with_models.")
    fitted = start.copy()
    datasets = datasets_of(data)
    warn_of_short_axes(datasets.values(), fitted)
    objective = Objective(datasets, fitted, scheme)
    with optimisers.progress_bar(objective, progress):
        minimum = optimisers.BACKENDS[backend](objective, **options)
    return FitResult(objective, minimum, backend)
