"""The isotropic diffuse emission of Fermi-LAT: text tables of energy and intensity."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from astropy import units as u

from xgamma.core.bounds import read_text
from xgamma.core.paths import file_path
from xgamma.core.reading import reader
from xgamma.errors import MissingFileError, XGammaError
from xgamma.modeling.sky_model import SkyModel
from xgamma.modeling.spatial import ConstantSpatial
from xgamma.modeling.spectral_norms import PowerLawNorm
from xgamma.modeling.spectral_table import TemplateSpectrum
from xgamma.typing import PathLike

__all__ = ["read_isotropic"]

# What the tables hold: https://fermi.gsfc.nasa.gov/ssc/data/access/lat/BackgroundModels.html
ENERGY, INTENSITY = u.MeV, u.Unit("MeV-1 s-1 cm-2")


@reader
def read_isotropic(
    path: PathLike, name: str | None = None, datasets: str | Iterable[str] | None = None
) -> SkyModel:
    """Read an isotropic diffuse model of Fermi-LAT (``iso_P8R3_….txt``).

    Parameters
    ----------
    path : path-like
        Text file: a row an energy in MeV, its intensity in MeV-1 s-1 cm-2 sr-1, and perhaps an
        error; environment variables and ``~`` are expanded.
    name : str, optional
        Name of the model; by default, ``isotropic_`` and the one dataset, else ``fermi-diffuse-iso``.
    datasets : str or list of str, optional
        Names of the datasets that it applies to; by default, all.

    Returns
    -------
    model : SkyModel
        The table, carried on beyond its ends, times a `PowerLawNorm` with a free norm; constant on the
        sky. Exposure applies to it; PSF and dispersion do not, since the tables were fitted to
        counts without them.

    Raises
    ------
    MissingFileError
        If there is no such file.
    XGammaError
        If it is not a table of increasing energies and positive intensities.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = folder + "/iso.txt"
    ...     np.savetxt(path, [[1e3, 1e-8, 1e-10], [1e5, 1e-13, 1e-15]])
    ...     model = read_isotropic(path)
    >>> model.name, model.spectral("10 GeV").to("MeV-1 s-1 cm-2").round(14)
    ('fermi-diffuse-iso', <Quantity 3.162e-11 1 / (MeV s cm2)>)
    """
    found = file_path(path)
    if not found.is_file():
        raise MissingFileError(
            f"The isotropic model {str(path)!r} does not exist: give the path of a text file."
        )
    energy, intensity = _table(read_text(found), str(found))
    table = TemplateSpectrum(energy * ENERGY, intensity * INTENSITY, extrapolate=True)
    names = [datasets] if isinstance(datasets, str) else list(datasets or ())
    default = f"isotropic_{names[0]}" if len(names) == 1 else "fermi-diffuse-iso"
    return SkyModel(
        table * PowerLawNorm(),
        ConstantSpatial(),
        name=name or default,
        datasets=names or None,
        apply_irf={"psf": False, "exposure": True, "edisp": False},
    )


def _table(text: str, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Return energies and intensities in the rows of a text."""
    rows = [line.partition("#")[0].split() for line in text.splitlines()]
    rows = [row for row in rows if row]
    try:
        values = np.array([[float(cell) for cell in row[:2]] for row in rows])
    except ValueError:
        values = np.empty(0)
    if values.ndim != 2 or values.shape[1:] != (2,) or len(values) < 2:
        raise XGammaError(
            f"{where} is not an isotropic model: it must have two rows or more of an energy in MeV, an intensity, and "
            "perhaps an error."
        )
    energy, intensity = values.T
    if not (np.isfinite(values).all() and energy[0] > 0 and np.all(np.diff(energy) > 0)):
        raise XGammaError(f"{where}: its energies must be above 0 and increase from row to row.")
    if not np.all(intensity > 0):
        raise XGammaError(f"{where}: its intensities must be above 0.")
    return energy, intensity
