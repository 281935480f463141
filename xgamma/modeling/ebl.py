"""Absorption by the extragalactic background light, from a table given by the user."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from xgamma.core.defaults import REDSHIFT
from xgamma.core.paths import file_path
from xgamma.core.reading import reader
from xgamma.core.units import conversion, to_value
from xgamma.errors import AxisError, MissingDataError, MissingFileError, XGammaError
from xgamma.fits.checks import require_real
from xgamma.fits.files import FitsFile, open_fits
from xgamma.model.sanity import issue_of_bins
from xgamma.modeling.parameter import Spec, Value
from xgamma.modeling.spectral_table import table_quantity
from xgamma.modeling.spectrum_base import Spectrum
from xgamma.typing import ArrayLike, EnergiesLike

__all__ = ["EBLAbsorption", "read_ebl"]


class EBLAbsorption(Spectrum):
    r"""Fraction of gamma rays that survive the way, :math:`e^{-\alpha\,\tau(E, z)}`.

    Interpolation is linear in redshift and log energy, of the logarithm of the table
    (that is, of the optical depth); beyond the table its ends are carried on, and the
    result stays between 0 and 1.

    Parameters
    ----------
    energy : Quantity or array_like
        Nodes, increasing, as Quantity or number in TeV.
    redshifts : array_like
        Nodes, increasing.
    transmission : array_like
        :math:`e^{-\tau}`, shape (redshift, energy).
    redshift : float
        Of the source.
    alpha_norm : float
        Factor that multiplies the optical depth.
    filename : str, optional
        File that the table was read from; YAML then stores this name instead of the table.

    Examples
    --------
    >>> table = EBLAbsorption([0.1, 1, 10], [0.1, 0.2], [[1, 0.5, 0.1], [1, 0.25, 0.01]])
    >>> float(table("1 TeV").round(3))
    0.5
    """

    tag, short = "EBLAbsorptionNormSpectralModel", "ebl-norm"
    unit = ""
    specs: ClassVar[dict[str, Spec]] = {
        "redshift": Spec(0.1, frozen=True),
        "alpha_norm": Spec(1.0, frozen=True),
    }

    def __init__(
        self,
        energy: EnergiesLike,
        redshifts: ArrayLike,
        transmission: ArrayLike,
        redshift: Value = REDSHIFT,
        alpha_norm: Value = 1.0,
        filename: str | None = None,
    ) -> None:
        super().__init__(redshift=redshift, alpha_norm=alpha_norm)
        self.energy = np.asarray(to_value(energy, "TeV", "energy"), dtype=float)
        self.redshifts = np.asarray(redshifts, dtype=float)
        self.transmission = np.asarray(transmission, dtype=float)
        self.filename = filename
        if self.transmission.shape != (self.redshifts.size, self.energy.size):
            raise XGammaError(
                f"The absorption table has the shape {self.transmission.shape}, but "
                f"{self.redshifts.size} redshifts and {self.energy.size} energies were given."
            )
        for what, values in (("energies", self.energy), ("redshifts", self.redshifts)):
            if not np.isfinite(values).all() or (values < 0).any() or (np.diff(values) <= 0).any():
                raise XGammaError(
                    f"The {what} of an absorption table must be finite numbers from 0 up that increase."
                )
        if not np.isfinite(self.transmission).all() or self.transmission.min() < 0:
            raise XGammaError("An absorption table must hold finite numbers from 0 up.")
        if self.transmission.max() > 1 + 1e-3:
            raise XGammaError(
                f"An absorption table holds fractions, not {self.transmission.max():g}: download it again."
            )
        # exp(-100) of the light is none, and keeps the logarithm finite.
        self._depth = -np.log(np.clip(self.transmission, np.exp(-100.0), 1.0))

    def kernel(self, energy: np.ndarray) -> np.ndarray:
        """See `Spectrum.kernel`."""
        redshift, alpha_norm = self.kernel_values()
        z = self.redshifts
        i = int(np.clip(np.searchsorted(z, redshift) - 1, 0, max(z.size - 2, 0)))
        depth = self._depth[i]
        if z.size > 1:
            t = (redshift - z[i]) / (z[i + 1] - z[i])
            depth = (1 - t) * depth + t * self._depth[i + 1]
        nodes, x = np.log(self.energy), np.log(energy)
        j = np.clip(np.searchsorted(nodes, x) - 1, 0, nodes.size - 2)
        s = (x - nodes[j]) / (nodes[j + 1] - nodes[j])
        tau = (1 - s) * depth[j] + s * depth[j + 1]
        values: np.ndarray = np.exp(-alpha_norm * np.maximum(tau, 0.0))
        return values

    def extra(self) -> dict[str, Any]:
        """Entries of the serialised form beside the parameters."""
        if self.filename is not None:
            return {"filename": self.filename}
        return {
            "energy": {"data": self.energy.tolist(), "unit": "TeV"},
            "param": {"data": self.redshifts.tolist(), "unit": ""},
            "values": {"data": self.transmission.tolist(), "unit": ""},
        }

    @classmethod
    def from_extra(cls, data: dict[str, Any]) -> EBLAbsorption:
        """Make the component from its serialised form."""
        if "filename" in data:
            return read_ebl(data["filename"])
        return cls(table_quantity(data["energy"]), data["param"]["data"], data["values"]["data"])

    def __repr__(self) -> str:
        return (
            f"EBLAbsorption(redshift={self.redshift.value:g}, alpha_norm={self.alpha_norm.value:g})"
        )


@reader
def read_ebl(
    path: str | Path, redshift: Value = REDSHIFT, alpha_norm: Value = 1.0
) -> EBLAbsorption:
    """Read an absorption table in XSPEC table-model form (HDUs PARAMETERS, ENERGIES, SPECTRA).

    Parameters
    ----------
    path : str or Path
        FITS file; its energies are in keV, as the form says.
    redshift, alpha_norm : float
        Of the source.

    Returns
    -------
    absorption : EBLAbsorption
        Factor by which to multiply a spectrum.

    Raises
    ------
    MissingDataError
        If the file or one of its HDUs is not there.

    Examples
    --------
    >>> absorption = read_ebl("ebl_dominguez11.fits.gz", redshift=0.116)  # doctest: +SKIP
    >>> absorption("1 TeV")  # doctest: +SKIP
    """
    found = file_path(path)
    if not found.exists():
        raise MissingFileError(
            f"The absorption table {str(path)!r} does not exist: check the path."
        )
    file = open_fits(found)
    missing = [name for name in ("PARAMETERS", "ENERGIES", "SPECTRA") if name not in file]
    if missing:
        raise MissingDataError(f"{str(path)!r} has no HDU {missing[0]}: is it an XSPEC table?")
    # Tables in circulation repeat some redshifts: keep the first of each.
    redshifts, first = np.unique(_numbers(file, "PARAMETERS", "VALUE")[0], return_index=True)
    low, high = (_numbers(file, "ENERGIES", name) for name in ("ENERG_LO", "ENERG_HI"))
    issue = issue_of_bins("energy", low, high, "TeV")
    if issue is not None:
        raise AxisError(f"The energies of {str(path)!r} {issue}: fetch the table again.")
    spectra = _numbers(file, "SPECTRA", "INTPSPEC")
    if "PARAMVAL" in file["SPECTRA"].table.columns:
        stated = _numbers(file, "SPECTRA", "PARAMVAL").reshape(len(spectra), -1)[:, 0]
        if first.max() >= stated.size or not np.allclose(stated[first], redshifts, atol=1e-6):
            raise XGammaError(
                f"The redshifts of the spectra in {str(path)!r} (PARAMVAL) are not those of its HDU PARAMETERS: fetch the table again."
            )
    energy = np.sqrt(low * high)
    return EBLAbsorption(energy, redshifts, spectra[first], redshift, alpha_norm, str(path))


def _numbers(file: FitsFile, hdu: str, name: str) -> np.ndarray:
    """Return a column of an absorption table, energies in TeV."""
    table = file[hdu].table
    require_real(table, name)
    values = np.asarray(table.read(name), dtype=float)
    if not values.size or not np.isfinite(values).all() or (values < 0).any():
        raise XGammaError(
            f"The column {name} of the HDU {hdu} of {file.path} must hold finite numbers from 0 up: fetch the table again."
        )
    unit = table[name].unit or ("keV" if hdu == "ENERGIES" else "")
    return values * conversion(unit, "TeV" if hdu == "ENERGIES" else "")
