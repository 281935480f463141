"""A kind of response: a point spread function that is one Gaussian."""

import numpy as np

from xgamma.irf.kind import Column, PSFKind
from xgamma.irf.response import evaluate
from xgamma.irf.sampling import parameter_at
from xgamma.model.sanity import ValueRule


def width(ds, energy, offset):
    """Return the width in degrees, shape (n_offset, n_energy)."""
    found = evaluate(ds, "width", energy_true=energy, offset=offset)
    return found.transpose("offset", "energy_true").values


def profiles(ds, energy, rad, offset):
    """Return the density at separations, shape (n_offset, n_energy, n_rad)."""
    return np.exp(-0.5 * (rad / width(ds, energy, offset)[..., np.newaxis]) ** 2)


def containment(ds, energy, radius, offset):
    """Return the part within a radius."""
    return 1.0 - np.exp(-0.5 * (radius / width(ds, energy, offset)[0]) ** 2)


def draw_radius(rng, ds, energy, offset):
    """Draw a separation for each photon."""
    return parameter_at(ds, "width", "deg", energy, offset) * rng.rayleigh(size=len(energy))


PSF_GAUSS = PSFKind(
    name="PSF_GAUSS",
    summary="A Gaussian whose width depends on true energy and offset.",
    dims=("energy_true", "offset"),
    columns=(Column("width", ("WIDTH",), "deg", ValueRule(not_all_zero=True)),),
    marks=frozenset({"WIDTH"}),
    profiles=profiles,
    containment=containment,
    draw_radius=draw_radius,
)
