"""What GADF says of all its HDUs: the keywords of the format, and the columns of axes.

"Data formats for gamma-ray astronomy" (GADF) 0.2 and 0.3:
https://gamma-astro-data-formats.readthedocs.io.
"""

from __future__ import annotations

__all__ = ["AXIS_COLUMNS", "ENCLOSURES", "GADF_KEYWORDS", "axis_column"]

GADF_KEYWORDS = {
    "HDUCLASS": "GADF",
    "HDUDOC": "https://github.com/open-gamma-ray-astro/gamma-astro-data-formats",
    "HDUVERS": "0.3",
}
# HDUCLAS3: responses of all events, or of those within a cut on the distance from a point.
ENCLOSURES = ("FULL-ENCLOSURE", "POINT-LIKE")
# Prefix of the columns (ENERG_LO, ENERG_HI) to dimension; the first of a dimension is written.
AXIS_COLUMNS = {
    "ENERG": "energy_true",
    "ETRUE": "energy_true",
    "THETA": "offset",
    "MIGRA": "migra",
    "RAD": "rad",
    "DETX": "detx",
    "DETY": "dety",
}


def axis_column(dim: str) -> str:
    """Return the prefix of the columns of a dimension; GADF has one for both energies.

    Examples
    --------
    >>> axis_column("energy"), axis_column("offset")
    ('ENERG', 'THETA')
    """
    name = "energy_true" if dim == "energy" else dim
    return next(prefix for prefix, known in AXIS_COLUMNS.items() if known == name)
