"""What several functions take where nothing is given, each stated once."""

from __future__ import annotations

__all__ = [
    "AEFF_PERCENT",
    "AMPLITUDE",
    "ANGLE_INCREMENT",
    "BACKEND",
    "BACKGROUND_KIND",
    "BIAS_PERCENT",
    "CORRELATION_RADIUS",
    "ENERGY_POWER",
    "FRAME",
    "INDEX",
    "INTERPOLATION",
    "IRFS",
    "LIVETIME",
    "MAX_REGION_NUMBER",
    "MEMORY",
    "MIN_DISTANCE",
    "MIN_DISTANCE_INPUT",
    "N_SIGMA_UL",
    "OFFSET",
    "OUTSIDE",
    "QUANTITY",
    "REDSHIFT",
    "REFERENCE",
    "REFERENCE_TIME",
    "REPROJECTION",
    "RESIDUAL",
    "SAFE_OFFSET",
    "SCHEME",
    "SCHEMES",
    "TIME_SCALE",
]

# Labels: the frame of positions without one, and the zero of times without one (TT).
FRAME = "icrs"
REFERENCE_TIME = "2000-01-01"
TIME_SCALE = "utc"

# How predictions are made: as exactly as the responses allow, or as gammapy makes them.
SCHEMES = ("exact", "gammapy")
SCHEME = "exact"

# Safe masks: of what share of the largest effective area, up to which bias, how far off axis,
# and whether by the responses of the run (DL3) or the maps (DL4).
AEFF_PERCENT = 10.0
BIAS_PERCENT = 10.0
SAFE_OFFSET = "3 deg"
IRFS = "DL4"

# Reflected regions.
ANGLE_INCREMENT = "0.1 rad"
MIN_DISTANCE = "0 rad"
MIN_DISTANCE_INPUT = "0.1 rad"
MAX_REGION_NUMBER = 10000

# Fits and estimates.
BACKEND = "minuit"
N_SIGMA_UL = 2.0
CORRELATION_RADIUS = "0.1 deg"
RESIDUAL = "significance"
ENERGY_POWER = 2
QUANTITY = "flux"

# Models: tables of several axes, and the absorption on the way.
INTERPOLATION = "cubic"
OUTSIDE = "zero"
REDSHIFT = 0.1

# Reprojection of maps, and the memory of a reduction.
REPROJECTION = "exact"
MEMORY = "2 GB"

# Axes of the field of view.
ALIGNMENT = "RADEC"

# Simulated runs: a source like the Crab nebula, seen for a run of H.E.S.S.
AMPLITUDE = "3.45e-11 cm-2 s-1 TeV-1"
INDEX = 2.63
REFERENCE = "1 TeV"
LIVETIME = "28 min"
OFFSET = "0.5 deg"
BACKGROUND_KIND = "2d"
