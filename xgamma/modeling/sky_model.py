"""Models of sources: a spectrum, a shape and a time profile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from xgamma.errors import UnitError, XGammaError
from xgamma.modeling.model_base import COUNTER, Model, name_list
from xgamma.modeling.spatial_base import Shape
from xgamma.modeling.spectrum_base import FLUX, Spectrum
from xgamma.modeling.time_profile import TimeProfile

__all__ = [
    "SkyModel",
]

# What a model may be told not to apply.
RESPONSES = ("exposure", "psf", "edisp")


class SkyModel(Model):
    """A source: a spectrum, with an optional shape and an optional time profile.

    Parameters
    ----------
    spectral : Spectrum
        Differential flux.
    spatial : Shape, optional
        Surface brightness; not needed for a dataset without sky coordinates (a spectrum of a
        region).
    temporal : TimeProfile, optional
        Factor in time, averaged over the good time intervals of a dataset.
    name : str, optional
        Unique name.
    datasets : str or list of str, optional
        Names of the datasets that it applies to; by default, all.
    apply_irf : dict, optional
        Which of ``exposure``, ``psf`` and ``edisp`` to apply (all by default).

    Raises
    ------
    XGammaError
        If `apply_irf` has another key, or a value that is not a bool.
    UnitError
        If the spectrum is a factor, not a flux.

    Examples
    --------
    >>> from xgamma.modeling.spectral import PowerLaw
    >>> from xgamma.modeling.spatial import PointSource
    >>> crab = SkyModel(PowerLaw(index=2.6), PointSource(lon=83.63, lat=22.01), name="crab")
    >>> crab.spectral.index.value
    2.6
    >>> [name for name, p in crab.named_parameters() if not p.frozen][:2]
    ['crab.spectral.index', 'crab.spectral.amplitude']
    """

    def __init__(
        self,
        spectral: Spectrum,
        spatial: Shape | None = None,
        temporal: TimeProfile | None = None,
        name: str | None = None,
        datasets: str | Iterable[str] | None = None,
        apply_irf: dict[str, bool] | None = None,
    ) -> None:
        for role, component, kind in (
            ("spectral", spectral, Spectrum),
            ("spatial", spatial, Shape),
            ("temporal", temporal, TimeProfile),
        ):
            if component is not None and not isinstance(component, kind):
                raise XGammaError(
                    f"{role}={component!r} of the model {name!r} is not a {kind.__name__}."
                )
        if spatial is not None and not spatial.unit:
            raise UnitError(
                f"{type(spatial).__name__} of the model {name!r} is a dimensionless factor, not "
                "a surface brightness: use it for a background, FoVBackground(dataset, "
                "spatial=...)."
            )
        diffuse = spatial is not None and spatial.unit != "sr-1"
        if diffuse and spectral.unit:
            raise UnitError(
                f"The map of the model {name!r} is already a flux per sr: its spectrum must be "
                "a dimensionless factor, such as PowerLawNorm."
            )
        if spectral.unit != FLUX and not diffuse:
            raise UnitError(
                f"The spectrum of the model {name!r} is a dimensionless factor: multiply it by "
                f"a flux in {FLUX!r}, as in PowerLaw() * PowerLawNorm()."
            )
        self.spectral, self.spatial, self.temporal = spectral, spatial, temporal
        self.name = name or f"source-{next(COUNTER)}"
        self.datasets = name_list(datasets)
        self.apply_irf = irf_switches(apply_irf, self.name)


def irf_switches(given: Mapping[str, bool] | None, name: str) -> dict[str, bool]:
    """Return which responses a model applies, or raise an `XGammaError` if that is not known."""
    switches = dict.fromkeys(RESPONSES, True)
    for key, value in (given or {}).items():
        if key not in switches or not isinstance(value, (bool, np.bool_)):
            raise XGammaError(
                f"apply_irf={dict(given or {})!r} of the model {name!r} must map "
                f"{', '.join(RESPONSES)} to True or False."
            )
        switches[key] = bool(value)
    return switches
