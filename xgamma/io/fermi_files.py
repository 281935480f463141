"""Files of the Fermi science tools: identified by their HDUs, with defaults for missing keywords.

The layouts are those that gtbin, gtexpcube2, gtpsf and gtdrm write
(https://fermi.gsfc.nasa.gov/ssc/data/analysis/scitools/references.html).
"""

from __future__ import annotations

from xgamma.fits.files import HDU, FitsFile

__all__ = ["HEALPIX_EXPOSURE", "fermi_kind", "stated_unit"]

# The HDU of an exposure that gtexpcube2 makes with hpx.
HEALPIX_EXPOSURE = "HPXEXPOSURES"
# gtexpcube2 writes no unit: its manual says cm2 s.
EXPOSURE_UNIT = "cm2 s"


def fermi_kind(file: FitsFile) -> str | None:
    """Return which tool made a file, or None.

    Parameters
    ----------
    file : FitsFile
        Any FITS file.

    Returns
    -------
    kind : {"gtbin", "gtexpcube2", "gtpsf", "gtdrm"} or None
        Counts cube, exposure, PSF or energy dispersion. A diffuse model is none of them.
    """
    if "DRM" in file:
        return "gtdrm"
    if "PSF" in file and file["PSF"].is_table and "THETA" in file:
        return "gtpsf"
    if HEALPIX_EXPOSURE in file or _is_log_energy(file.hdus[0]):
        return "gtexpcube2"
    if _is_counts_cube(file):
        return "gtbin"
    return None


def _is_log_energy(hdu: HDU) -> bool:
    return hdu.is_image and str(hdu.header.get("CTYPE3", "")).strip().lower() == "log_energy"


def _is_counts_cube(file: FitsFile) -> bool:
    """Return whether the first image holds whole numbers over the bins of EBOUNDS."""
    first = file.hdus[0]
    whole = first.is_image and len(first.shape) == 3 and int(first.header["BITPIX"]) > 0
    return whole and str(first.header.get("CTYPE3", "")).strip().lower() == "energy"


def stated_unit(hdu: HDU) -> str | None:
    """Return the unit of an image; that of the tool where an exposure cube states none."""
    stated = str(hdu.header.get("BUNIT") or "").strip()
    if not stated and (_is_log_energy(hdu) or hdu.name == HEALPIX_EXPOSURE):
        return EXPOSURE_UNIT
    return hdu.header.get("BUNIT")
