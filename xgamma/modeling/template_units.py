"""Units of template maps, and the energies of their planes."""

from __future__ import annotations

import numpy as np
import xarray as xr
from astropy import units as u

from xgamma.core.units import conversion, parse_unit
from xgamma.errors import UnitError, XGammaError, warn
from xgamma.modeling.spatial import FLUX_PER_SR

__all__ = ["brightness_factor", "nodes_of", "without_photons"]


def nodes_of(map: xr.DataArray) -> np.ndarray:
    """Return the energies of the planes in TeV; nodes may be without edges."""
    unit = str(map["energy_true"].attrs.get("units", "TeV"))
    nodes = np.asarray(map["energy_true"].values, dtype=float) * conversion(unit, "TeV")
    if np.any(np.diff(nodes) <= 0) or nodes[0] <= 0:
        raise XGammaError("The energies of the template map must be positive and increase.")
    return nodes


def brightness_factor(unit: str) -> tuple[float, str]:
    """Return the factor to the unit of kernels, and that unit: per sr, or a flux per sr."""
    if not unit.strip():
        warn(
            "The template map has no unit: assuming sr-1. Set map.attrs['units'], for example "
            "to 'sr-1' or 'cm-2 s-1 MeV-1 sr-1'."
        )
        return 1.0, "sr-1"
    plain = without_photons(unit)
    for wanted in ("sr-1", FLUX_PER_SR):
        try:
            return conversion(plain, wanted), wanted
        except UnitError:
            continue
    raise UnitError(
        f"The template map is in {unit!r}, which is neither a surface brightness per sr nor a flux in {FLUX_PER_SR!r}."
    )


def without_photons(unit: str) -> str:
    """Return a unit without the photons or counts that are counted in it."""
    parsed = parse_unit(unit)
    for base, power in zip(parsed.bases, parsed.powers, strict=True):
        if base in (u.ph, u.ct):
            parsed = parsed / base**power
    return str(parsed.to_string())
