"""A spectral model."""

import numpy as np

import xgamma as xg


def rooted(energy, index, amplitude, reference, scale):
    """Power law with a cutoff in the root of the energy."""
    return amplitude * (energy / reference) ** -index * np.exp(-np.sqrt(energy / scale))


ROOTED = xg.ModelRecord(
    "spectral",
    "RootedSpectralModel",
    rooted,
    (
        xg.Parameter("index", 2.0),
        xg.Parameter("amplitude", 1e-12, "cm-2 s-1 TeV-1", log=True),
        xg.Parameter("reference", 1.0, "TeV", frozen=True),
        xg.Parameter("scale", 5.0, "TeV", min=0),
    ),
    short="rooted",
)
