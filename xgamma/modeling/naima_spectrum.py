"""Spectra of particles that radiate, computed by the package Naima."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
from astropy.constants import c
from astropy.units import Quantity, dimensionless_unscaled
from scipy.interpolate import CubicSpline

from xgamma.core.extras import require_package
from xgamma.core.private_apis import naima_table
from xgamma.core.units import to_value
from xgamma.errors import XGammaError, shown
from xgamma.modeling.parameter import Spec, Value
from xgamma.modeling.spectral_table import table_quantity
from xgamma.modeling.spectrum_base import FLUX, Spectrum
from xgamma.numerics.spectra import integrate_log_energy

__all__ = ["NaimaSpectrum"]

# What can be written to YAML and made again from it.
RADIATIVE = ("InverseCompton", "Synchrotron", "Bremsstrahlung", "PionDecay")
PARTICLES = (
    "PowerLaw",
    "ExponentialCutoffPowerLaw",
    "BrokenPowerLaw",
    "ExponentialCutoffBrokenPowerLaw",
    "LogParabola",
    "TableModel",
)
# Points at which a spectrum is computed to be integrated; a cubic between them is exact to 1e-7.
POINTS_PER_DECADE = 30
FROZEN = ("e_0", "radius")
SSC = "SSC"
# Energies (eV) of the synchrotron photons that their electrons scatter, and the mean of 1/r^2 in a
# sphere of uniform emissivity over 1/R^2 (Atoyan & Aharonian 1996, MNRAS 278, 525, section 4.1).
SSC_ENERGIES = np.logspace(-7, 9, 100)
SSC_DENSITY = 2.24


class NaimaSpectrum(Spectrum):
    """Radiation of a distribution of particles, by Naima (Zabalza 2015, PoS ICRC2015 922).

    Its parameters are those of the particle distribution (`e_0` frozen; of a table, the amplitude),
    the magnetic field `B` of synchrotron radiation, and the frozen `radius` of a synchrotron
    self-Compton source. Needs the package naima (``pip install 'xgamma[naima]'``).

    Parameters
    ----------
    radiative_model : naima.models.InverseCompton, Synchrotron, Bremsstrahlung or PionDecay
        Radiative model with a particle distribution from ``naima.models``; it is copied.
    distance : Quantity, str or float
        Distance of the source, as Quantity or number in kpc.
    seed : str or list of str, optional
        Seed photon fields of an `InverseCompton` to include; by default, all.
    nested_models : dict, optional
        ``{"SSC": {"B": field, "radius": radius}}``: the electrons of an `InverseCompton` radiate in a
        magnetic field too, and scatter those photons in a sphere of this radius, uniformly bright.
        The flux is that of both.

    Examples
    --------
    >>> import naima  # doctest: +SKIP
    >>> electrons = naima.models.PowerLaw("1e36 eV-1", "1 TeV", 2.5)  # doctest: +SKIP
    >>> xg.NaimaSpectrum(naima.models.InverseCompton(electrons), "2 kpc")  # doctest: +SKIP
    """

    tag, short = "NaimaSpectralModel", "naima"

    def __init__(
        self,
        radiative_model: Any,
        distance: Value = "1 kpc",
        seed: Any = None,
        nested_models: dict[str, Any] | None = None,
    ) -> None:
        require_package("naima", "A spectrum by Naima", "naima")
        kind = type(radiative_model).__name__
        particles: Any = getattr(radiative_model, "particle_distribution", None)
        if kind not in RADIATIVE or type(particles).__name__ not in PARTICLES:
            raise XGammaError(
                f"radiative_model={kind} of {type(particles).__name__} is not recognised: use one of "
                f"{', '.join(RADIATIVE)} with {', '.join(PARTICLES)} of naima.models."
            )
        model = deepcopy(radiative_model)
        model._memoize = False
        names = getattr(particles, "param_names", ["amplitude"])
        values = {name: getattr(model.particle_distribution, name) for name in names}
        if "B" in model.param_names:
            values["B"] = model.B
        values |= self_compton(kind, nested_models or {})
        object.__setattr__(self, "specs", {n: spec_of(n, v) for n, v in values.items()})
        super().__init__()
        self.radiative_model = model
        self.distance = float(to_value(distance, "kpc", "distance"))
        if not 0 < self.distance < np.inf:
            raise XGammaError(
                f"distance={distance} must be a length above zero, for example '2 kpc'."
            )
        self.seed = seed
        fields = [*getattr(model, "seed_photon_fields", {}), *([SSC] if nested_models else [])]
        unknown = [s for s in ([seed] if isinstance(seed, str) else seed or []) if s not in fields]
        if unknown:
            raise XGammaError(
                f"seed={unknown[0]!r} is not a seed photon field of the model: it has "
                f"{', '.join(fields) or 'none'}."
            )

    def kernel(self, energy: np.ndarray) -> np.ndarray:
        """See `Spectrum.kernel`."""
        model = self.radiative_model
        for name, parameter in self.named_parameters():
            value = parameter.quantity
            plain = value.unit == dimensionless_unscaled
            if name in model.particle_distribution.__dict__:
                setattr(model.particle_distribution, name, value.value if plain else value)
            elif name in model.param_names:
                setattr(model, name, value)
        points = Quantity(np.ravel(energy).astype(float), "TeV")
        options = {} if self.seed is None else {"seed": self.seed}
        distance = Quantity(self.distance, "kpc")
        synchrotron = self._scatter_own_photons() if "radius" in self._parameters else None
        flux = model.flux(points, distance=distance, **options)
        if synchrotron is not None:
            flux = flux + synchrotron.flux(points, distance=distance)
        return np.asarray(flux.to_value(FLUX)).reshape(np.shape(energy))

    def _scatter_own_photons(self) -> Any:
        """Give the model its own synchrotron photons as a seed field; return what radiates them."""
        model = self.radiative_model
        naima: Any = require_package("naima.models", "A spectrum by Naima", "naima")
        made = naima.Synchrotron(
            model.particle_distribution, B=self.B.quantity, Eemin=model.Eemin, Eemax=model.Eemax
        )
        made._memoize = False
        energy = Quantity(SSC_ENERGIES, "eV")
        luminosity = made.flux(energy, distance=Quantity(0, "cm"))
        density = SSC_DENSITY * luminosity / (4 * np.pi * self.radius.quantity**2 * c)
        model.seed_photon_fields[SSC] = {
            "isotropic": True,
            "type": "array",
            "energy": energy,
            "photon_density": density.to("eV-1 cm-3"),
        }
        return made

    def kernel_integral(self, emin: np.ndarray, emax: np.ndarray, power: int = 0) -> np.ndarray:
        """See `Spectrum.kernel_integral`; of a cubic through logarithms at near points."""
        low, high = float(np.min(emin)), float(np.max(emax))
        if not 0 < low < high:
            return super().kernel_integral(emin, emax, power)
        number = max(int(POINTS_PER_DECADE * np.log10(high / low)), 4) + 1
        log_energy = np.linspace(np.log(low), np.log(high), number)
        flux = self.kernel(np.exp(log_energy))
        if not np.all(flux > 0):
            return super().kernel_integral(emin, emax, power)
        curve = CubicSpline(log_energy, np.log(flux))
        return integrate_log_energy(lambda e: np.exp(curve(np.log(e))), emin, emax, power)

    def extra(self) -> dict[str, Any]:
        """Entries of the serialised form other than the parameters."""
        model = self.radiative_model
        names = [n for n in model.param_names if n not in ("B", "seed_photon_fields")]
        data: dict[str, Any] = {
            "radiative_model": type(model).__name__,
            "particle_distribution": type(model.particle_distribution).__name__,
            "distance": {"data": self.distance, "unit": "kpc"},
            "options": {name: plain(getattr(model, name)) for name in names},
        }
        if "seed_photon_fields" in model.param_names:
            fields = model.seed_photon_fields.items()
            data["seed_photon_fields"] = {
                n: {k: plain(v) for k, v in f.items()} for n, f in fields if n != SSC
            }
        if "radius" in self._parameters:
            data["nested_models"] = [SSC]
        if data["particle_distribution"] == "TableModel":
            energy, values = naima_table(model.particle_distribution)
            data["table"] = {"energy": plain(energy), "values": plain(values)}
        return data if self.seed is None else {**data, "seed": self.seed}

    @classmethod
    def from_extra(cls, data: dict[str, Any]) -> NaimaSpectrum:
        """Make the component from its serialised form."""
        naima = require_package("naima.models", "A spectrum by Naima", "naima")
        kind, particles = data.get("radiative_model"), data.get("particle_distribution")
        if kind not in RADIATIVE or particles not in PARTICLES:
            raise XGammaError(
                "The Naima spectrum does not specify its radiative model and particles, which "
                "gammapy does not write to YAML: create it with "
                "xg.NaimaSpectrum(radiative_model)."
            )
        values = {
            p["name"]: made({"data": p["value"], "unit": p.get("unit", "")})
            for p in data["parameters"]
        }
        nested = (
            {SSC: {n: values.pop(n) for n in ("B", "radius")}} if "nested_models" in data else None
        )
        field = {"B": values.pop("B")} if "B" in values else {}
        table = {n: made(v) for n, v in data.get("table", {}).items()}
        model = getattr(naima, kind)(getattr(naima, particles)(**table, **values), **field)
        for name, value in data.get("options", {}).items():
            setattr(model, name, made(value))
        if "seed_photon_fields" in data:
            model.seed_photon_fields = {
                name: {key: made(value) for key, value in entry.items()}
                for name, entry in data["seed_photon_fields"].items()
            }
        return cls(model, table_quantity(data["distance"]), data.get("seed"), nested)

    def __repr__(self) -> str:
        model = self.radiative_model
        return f"{super().__repr__()[:-1]}, {type(model).__name__}, {self.distance:g} kpc)"


def self_compton(kind: str, nested: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of a synchrotron self-Compton source, if it is one."""
    if not nested:
        return {}
    entry = nested.get(SSC)
    if set(nested) != {SSC} or not isinstance(entry, dict) or set(entry) != {"B", "radius"}:
        raise XGammaError(
            f"nested_models={shown(nested)} is not recognised: write {{'SSC': {{'B': '100 uG', 'radius': '2 pc'}}}}."
        )
    if kind != "InverseCompton":
        raise XGammaError(f"nested_models= requires an InverseCompton model, not {kind}.")
    made = {}
    for name, unit in (("B", "G"), ("radius", "pc")):
        value = to_value(entry[name], unit, name)
        if not 0 < value < np.inf:
            raise XGammaError(
                f"{name}={entry[name]} of the self-Compton source must be above zero."
            )
        stated = isinstance(entry[name], (str, Quantity))
        made[name] = Quantity(entry[name]) if stated else Quantity(value, unit)
    return made


def spec_of(name: str, value: Any) -> Spec:
    """Return how a parameter of Naima is declared here."""
    unit = getattr(value, "unit", None)
    number = float(getattr(value, "value", value))
    text = "" if unit is None else unit.to_string()
    return Spec(number, text, frozen=name in FROZEN, log=name == "amplitude")


def plain(value: Any) -> Any:
    """Return an option of a Naima model in the form stored in YAML."""
    if hasattr(value, "unit"):
        return {"data": np.asarray(value.value).tolist(), "unit": value.unit.to_string()}
    return value.item() if isinstance(value, np.generic) else value


def made(value: object) -> Any:
    """Return an option from `plain` again; numbers without a unit are plain."""
    if not isinstance(value, dict):
        return value
    found = table_quantity(value)
    return found if value.get("unit") else found.value.item()
