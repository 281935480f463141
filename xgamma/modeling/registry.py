"""Kinds of models, found by name: those of xgamma, of a record, and of other packages.

A kind of model is a class that is known by its `tag` (its name in YAML) and its `short` name. To
add one, describe a function by a `ModelRecord` and register it, or let a package name the record
(or a class of its own) by an entry point of the group ``xgamma.spectral_models``,
``xgamma.spatial_models`` or ``xgamma.temporal_models``; it is then found on first use.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np

from xgamma.core.registry import Registry
from xgamma.core.units import parse_unit
from xgamma.errors import XGammaError
from xgamma.modeling.parameter import Component, Parameter, Spec
from xgamma.modeling.radial_shape import RadialShape
from xgamma.modeling.spatial import LAT, LON
from xgamma.modeling.spatial_base import Shape
from xgamma.modeling.spectrum_base import FLUX, Spectrum
from xgamma.modeling.time_profile import TimeProfile

__all__ = ["GROUPS", "ROLES", "ModelRecord", "find_model", "list_models", "register_model"]

Role = Literal["spectral", "spatial", "temporal"]
ROLES: dict[Role, type[Component]] = {
    "spectral": Spectrum,
    "spatial": Shape,
    "temporal": TimeProfile,
}
GROUPS = {role: f"xgamma.{role}_models" for role in ROLES}
# Parameters of these kinds reach the function in these units; others as they are declared.
STANDARD = {"spectral": ("TeV", FLUX), "spatial": ("deg",), "temporal": ("d",)}
# Where a function is tried before it becomes a model.
TRIED = {"spectral": [0.1, 1.0, 10.0], "spatial": [0.0, 0.01, 0.1], "temporal": [59000.0, 59000.5]}


@dataclass(frozen=True)
class ModelRecord:
    """A kind of model: a function of plain arrays, and the definitions of its parameters.

    Parameters
    ----------
    role : {"spectral", "spatial", "temporal"}
        Kind of model.
    name : str
        Name of the class, and of the model in YAML.
    function : callable
        Called with an array and the parameters in their declared order; returns an array of the
        same shape. spectral: the differential flux in cm-2 s-1 TeV-1 (or a factor, see `unit`) at
        energies in TeV; spatial: the brightness, on any scale, at separations in degrees from the
        position, which need not be among the parameters; temporal: the factor at MJDs. Parameters
        are passed in TeV (energies), cm-2 s-1 TeV-1 (fluxes), degrees (angles) or days (times), and
        otherwise in the unit in which they are declared.
    parameters : tuple of Parameter
        Names, defaults, units, bounds and whether they are frozen.
    short : str
        Short name for YAML; by default, `name`.
    unit : str, optional
        Unit of a spectrum: by default that of a differential flux, "" for a factor that multiplies
        another spectrum.
    integral : callable, optional
        Exact integral: of a spectrum ``integral(emin, emax, power, *parameters)`` of ``E^power``
        times the flux, of a profile ``integral(start, stop, *parameters)``. Computed numerically by
        default.
    extent : callable, optional
        Required for a spatial model: the radius in degrees beyond which it is zero, as a function
        of the parameters. The shape is normalised to one within it.

    Examples
    --------
    >>> import numpy as np
    >>> import xgamma as xg
    >>> def curved(energy, index, amplitude, scale):
    ...     return amplitude * energy**-index * np.exp(-np.sqrt(energy / scale))
    >>> record = ModelRecord(
    ...     "spectral",
    ...     "RootCutoffExample",
    ...     curved,
    ...     (
    ...         xg.Parameter("index", 2.0),
    ...         xg.Parameter("amplitude", 1e-12, "cm-2 s-1 TeV-1"),
    ...         xg.Parameter("scale", 10.0, "TeV", min=0),
    ...     ),
    ... )
    >>> RootCutoff = xg.register_model(record)
    >>> RootCutoff(scale="1000 GeV")("1 TeV")
    <Quantity 3.67879441e-13 1 / (TeV s cm2)>
    """

    role: Role
    name: str
    function: Callable[..., np.ndarray]
    parameters: tuple[Parameter, ...] = ()
    short: str = ""
    unit: str = FLUX
    integral: Callable[..., np.ndarray] | None = None
    extent: Callable[..., float] | None = None

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise XGammaError(
                f"role={self.role!r} is not recognised: use one of {', '.join(ROLES)}."
            )
        if not self.name.isidentifier():
            raise XGammaError(
                f"name={self.name!r} is not a valid class name: use for example 'MyModel'."
            )
        if self.role == "spatial" and self.extent is None:
            raise XGammaError(
                f"The shape {self.name!r} requires extent=, the radius in degrees beyond which it is zero."
            )
        if self.unit not in {FLUX, ""}:
            raise XGammaError(
                f"unit={self.unit!r} of {self.name!r} must be {FLUX!r}, or '' for a dimensionless factor."
            )


def register_model(record: ModelRecord) -> Any:
    """Register a kind of model, also for YAML, and return its class.

    Parameters
    ----------
    record : ModelRecord
        Function, parameters and names.

    Returns
    -------
    cls : type
        A subclass of `Spectrum`, `Shape` or `TimeProfile`, called with parameters by name.

    Raises
    ------
    XGammaError
        If the name is taken, or the function does not return one number per input value.

    Examples
    --------
    >>> import xgamma as xg
    >>> record = xg.ModelRecord("temporal", "HalfExample", lambda mjd: 0.5 + 0 * mjd)
    >>> float(xg.register_model(record)()("2020-01-01T00:00:00"))
    0.5
    """
    known: Any = REGISTRIES[record.role].own().get(record.name)
    if known is not None and known.__dict__.get("record") == record:
        return known
    _try(record)
    return type(record.name, (_BASES[record.role],), _BODIES[record.role](record))


def find_model(role: str, name: str) -> Any:
    """Return the class of a kind of model.

    Parameters
    ----------
    role : {"spectral", "spatial", "temporal"}
        Kind of model.
    name : str
        Its name in YAML, or its short name.

    Returns
    -------
    cls : type
        The class; those of other packages are found by their entry points.

    Raises
    ------
    XGammaError
        If there is none.

    Examples
    --------
    >>> import xgamma as xg
    >>> xg.find_model("spectral", "pl") is xg.PowerLaw
    True
    """
    if role not in ROLES:
        raise XGammaError(f"role={role!r} is not recognised: use one of {', '.join(ROLES)}.")
    return REGISTRIES[role].find(name)


def list_models() -> dict[str, list[str]]:
    """Return the names of all kinds of models, including those of other packages.

    Returns
    -------
    names : dict
        Sorted names in YAML, by role.

    Examples
    --------
    >>> import xgamma as xg
    >>> "GaussianTemporalModel" in xg.list_models()["temporal"]
    True
    """
    return {role: list(registry.records()) for role, registry in REGISTRIES.items()}


def _registry(role: Role, base: type[Component]) -> Registry[type[Component]]:
    def accepted(thing: Any) -> type[Component] | None:
        if isinstance(thing, ModelRecord) and thing.role == role:
            return cast(type[Component], register_model(thing))
        found = isinstance(thing, type) and issubclass(thing, base) and thing.__dict__.get("tag")
        return thing if found else None

    return Registry(
        f"{role} model",
        accepted,
        GROUPS[role],
        package="xgamma.modeling",
        expected=f"a ModelRecord of the role {role!r}, or a subclass of {base.__name__} with a tag",
        names=lambda cls: (cls.tag, cls.short),
        listing="xg.list_models()",
        records=base.registry,
    )


# Classes enter the dict of their base when they are defined.
REGISTRIES = {role: _registry(role, base) for role, base in ROLES.items()}


def _specs(record: ModelRecord) -> dict[str, Spec]:
    specs = {}
    for p in record.parameters:
        unit = parse_unit(p.unit)
        inside = next((s for s in STANDARD[record.role] if unit.is_equivalent(parse_unit(s))), "")
        specs[p.name] = Spec(p.value, p.unit, p.min, p.max, p.frozen, p.log, kernel_unit=inside)
    return specs


def _try(record: ModelRecord) -> None:
    """Raise unless the function returns a number for each it is given, at the defaults."""
    at = np.array(TRIED[record.role])
    specs = _specs(record)
    values = [p.to_value(specs[p.name].kernel_unit or p.unit) for p in record.parameters]
    try:
        result = np.asarray(record.function(at, *values), dtype=float)
    except Exception as error:
        raise XGammaError(
            f"The function of {record.name!r} fails with its default parameters {values}: {error}."
        ) from error
    if result.shape != at.shape:
        raise XGammaError(
            f"The function of {record.name!r} returns the shape {result.shape} for {at.shape}: "
            "it must return one value for each."
        )


def _common(record: ModelRecord) -> dict[str, Any]:
    return {
        "tag": record.name,
        "short": record.short or record.name,
        "specs": _specs(record),
        "record": record,
        "evaluate": staticmethod(record.function),
        "__doc__": record.function.__doc__ or f"The {record.role} model {record.name!r}.",
        "__module__": record.function.__module__ or "__main__",
    }


def _spectrum(record: ModelRecord) -> dict[str, Any]:
    body = {**_common(record), "unit": record.unit}
    if record.integral is not None:
        exact = record.integral

        def kernel_integral(
            self: Spectrum, emin: np.ndarray, emax: np.ndarray, power: int = 0
        ) -> np.ndarray:
            """See `Spectrum.kernel_integral`."""
            return exact(emin, emax, power, *self.kernel_values())

        body["kernel_integral"] = kernel_integral
    return body


def _shape(record: ModelRecord) -> dict[str, Any]:
    body = _common(record)
    body["specs"] = {"lon_0": LON, "lat_0": LAT, **body["specs"]}
    assert record.extent is not None
    return {**body, "radius": staticmethod(record.extent)}


def _profile(record: ModelRecord) -> dict[str, Any]:
    body = _common(record)
    if record.integral is not None:
        exact = record.integral

        def kernel_integral(self: TimeProfile, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
            """See `TimeProfile.kernel_integral`."""
            return exact(start, stop, *self.kernel_values())

        body["kernel_integral"] = kernel_integral
    return body


_BASES: dict[str, type[Component]] = {
    "spectral": Spectrum,
    "spatial": RadialShape,
    "temporal": TimeProfile,
}
_BODIES = {"spectral": _spectrum, "spatial": _shape, "temporal": _profile}
