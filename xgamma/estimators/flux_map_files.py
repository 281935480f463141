"""Flux maps in FITS, in the layout of gammapy: a map a quantity, and the reference model beside them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from xgamma.core.atomic import refuse_existing, together
from xgamma.core.bounds import read_text
from xgamma.core.paths import file_path
from xgamma.core.reading import reader
from xgamma.core.units import conversion
from xgamma.errors import (
    ArgumentTypeError,
    AxisError,
    FrameError,
    MissingDataError,
    UnitError,
    warn,
)
from xgamma.fits.files import map_fits
from xgamma.io.fits import open_dataset
from xgamma.io.fits_maps import map_path
from xgamma.io.fits_write import write_hdus
from xgamma.io.flux_points_checks import SUFFIXES, UNITS, require_kinds
from xgamma.io.flux_points_table import TYPES
from xgamma.model.make_axes import axis_from_edges
from xgamma.model.operation import operation
from xgamma.modeling.models import Models
from xgamma.modeling.sky_model import SkyModel
from xgamma.modeling.spectrum_base import Spectrum

__all__ = ["read_flux_maps", "write_flux_maps"]

# What gammapy calls what has another name here.
NAMES = {"excess": "npred_excess"}
FLAGS = ("success", "is_ul")
# Moment of the energy that each type of flux integrates over; the others are differential.
POWERS = {"flux": 0, "eflux": 1}
# How maps that are written differ from those that were given.
CHANGES = "flux_maps"


@reader
def read_flux_maps(
    path: str | os.PathLike[str], reference: SkyModel | Spectrum | None = None
) -> xr.Dataset:
    """Read flux maps, with all their quantities, from a FITS file.

    Parameters
    ----------
    path : path-like
        File that `write_flux_maps` or gammapy's ``FluxMaps.write`` has written, of SED type
        ``likelihood``, ``dnde``, ``e2dnde``, ``flux`` or ``eflux``.
    reference : SkyModel or Spectrum, optional
        Model that the norms are of; by default that of the file, or of the YAML file that it names,
        which is looked for beside it first.

    Returns
    -------
    maps : Dataset
        Dims ``(energy, y, x)``: each map of the file under its name in lower case (``norm``,
        ``norm_err``, ``norm_errn``, ``norm_errp``, ``norm_ul``, ``ts``, ``sqrt_ts``, ``npred``,
        ``npred_excess``, ``stat``, ``niter``, ``counts``, ``success``, …), and from the
        reference model ``norm`` and ``flux`` (s-1 cm-2) with their errors where the file has only
        the other. The attributes ``sed_type`` and ``reference_model`` (YAML) say what the file
        holds. Maps written here are as they were.

    Raises
    ------
    MissingDataError
        If there is no such file, or the map of its SED type is absent.
    AxisError, FrameError
        If the maps have different bins or pixels.

    Examples
    --------
    >>> import xgamma as xg
    >>> maps = xg.read_flux_maps("ts_maps.fits")  # doctest: +SKIP
    """
    place = file_path(path)
    ds = open_dataset(place, every=True).load()
    header = map_fits(place).hdus[0].header
    known = "reference_model" in ds.attrs
    if reference is not None:
        model: SkyModel | None = _sky_model(reference)
    elif known:
        model = _first(Models.from_yaml(str(ds.attrs["reference_model"])))
    else:
        model = _model_beside(place, str(header.get("MODEL") or ""))
    if CHANGES in ds.attrs:
        return _as_given(ds)
    sed_type = str(header.get("SED_TYPE") or _guessed(ds))
    main = "norm" if sed_type == "likelihood" else sed_type
    if main not in (*TYPES, "norm") or main not in ds:
        raise MissingDataError(
            f"'{place}' has no map {main.upper()!r}, which flux maps of SED type {sed_type!r} "
            "require: read single maps with xg.read_map(path, hdu=)."
        )
    require_kinds(ds, place, "map")
    if main != "norm" and not ds[main].attrs.get("units"):
        raise UnitError(
            f"The map {main.upper()!r} of '{place}' has no unit: add BUNIT, {UNITS[main]!r}."
        )
    flags = {
        n: ds[n].astype(bool).assign_attrs(long_name=n.replace("_", " ")) for n in FLAGS if n in ds
    }
    for flag in flags.values():
        flag.attrs.pop("units", None)
    ds = ds.assign(flags).assign_attrs(name=place.name.partition(".")[0], sed_type=sed_type)
    if model is None:
        return ds
    ds.attrs["reference_model"] = Models([model]).to_yaml()
    return _with_both(ds, main, model.spectral)


def _guessed(ds: xr.Dataset) -> str:
    return next((t for t in TYPES if t in ds and "norm" not in ds), "likelihood")


def _sky_model(reference: object) -> SkyModel:
    if isinstance(reference, Spectrum):
        return SkyModel(reference, name="reference")
    if not isinstance(reference, SkyModel):
        raise ArgumentTypeError(
            f"reference={reference!r} must be a SkyModel or a spectrum, that the norms are of."
        )
    return reference


def _first(models: Models) -> SkyModel:
    found = next((m for m in models if isinstance(m, SkyModel)), None)
    if found is None:
        raise MissingDataError("The reference model of the flux maps contains no SkyModel.")
    return found


def _model_beside(place: Path, named: str) -> SkyModel | None:
    """Return the model of the file that a header names: beside the maps, or where it says."""
    if named:
        for path in (place.parent / Path(named).name, place.parent / named, Path(named)):
            if path.is_file():
                return _first(Models.from_yaml(read_text(path)))
    where = (
        f"its file {Path(named).name!r} is not in the same folder" if named else "it refers to none"
    )
    warn(
        f"'{place}' comes without its reference model ({where}): its norms become no fluxes; give "
        "the model, reference=."
    )
    return None


def _with_both(ds: xr.Dataset, main: str, spectrum: Spectrum) -> xr.Dataset:
    """Add norms to fluxes, and fluxes to norms."""
    energy, low, high = (
        xr.DataArray(
            ds[name].values * conversion(str(ds[name].attrs["units"]), "TeV"), dims="energy"
        )
        for name in ("energy", "energy_lo", "energy_hi")
    )

    def of(sed_type: str) -> xr.DataArray:
        if sed_type in POWERS:
            found = spectrum.kernel_integral(low.values, high.values, POWERS[sed_type])
        else:
            found = spectrum.kernel(energy.values) * (
                energy.values**2 if sed_type == "e2dnde" else 1
            )
        return xr.DataArray(np.asarray(found), dims="energy")

    target, factor, unit = (
        ("flux", of("flux"), "") if main == "norm" else ("norm", 1 / of(main), UNITS[main])
    )
    new = {}
    for suffix in SUFFIXES:
        source, name = f"{main}{suffix}", f"{target}{suffix}"
        if source in ds and name not in ds:
            scale = conversion(str(ds[source].attrs.get("units", "")), unit)
            values = (ds[source] * scale * factor).transpose(*ds[source].dims)
            attrs = {"units": UNITS.get(target, ""), "long_name": name.replace("_", " ")}
            new[name] = values.assign_attrs(attrs)
    return ds.assign(new)


def _as_given(ds: xr.Dataset) -> xr.Dataset:
    """Return maps that were written here as they were."""
    changes = ds.attrs.pop(CHANGES)
    ds = ds.rename({theirs: ours for theirs, ours in changes["names"].items() if theirs in ds})
    if changes["summed"]:
        ds = ds.isel(energy=0, drop=True)
    for key in changes["added"]:
        ds.attrs.pop(key, None)
    return ds


@operation
def write_flux_maps(
    maps: xr.Dataset,
    path: str | os.PathLike[str],
    reference: SkyModel | Spectrum | None = None,
    overwrite: bool = False,
) -> None:
    """Write flux maps to a FITS file that gammapy's ``FluxMaps.read`` reads.

    Parameters
    ----------
    maps : Dataset
        From `ts_map` or `read_flux_maps`: the map ``norm``, and any others on its pixels. Maps that
        are summed over energy become one bin, of the attributes ``energy_min`` and ``energy_max``
        (TeV).
    path : path-like
        FITS file, also gzipped. The reference model goes to ``<name>_model.yaml`` beside it.
    reference : SkyModel or Spectrum, optional
        Model that the norms are of; by default that of the attribute ``reference_model``.
    overwrite : bool
        Whether existing files may be replaced.

    Raises
    ------
    MissingDataError
        If there are no norms, or no reference model.
    AxisError
        If the energies are not known.
    XGammaError
        If a file exists and `overwrite` is False.

    Examples
    --------
    >>> import tempfile, xgamma as xg
    >>> from xgamma.tutorial import example_map, example_model
    >>> maps = xg.ts_map(example_map(), example_model())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     xg.write_flux_maps(maps, Path(folder) / "ts.fits")
    ...     xg.read_flux_maps(Path(folder) / "ts.fits").identical(maps)
    True
    """
    target = map_path(path)
    if "norm" not in maps:
        raise MissingDataError(
            "Flux maps require the map 'norm', as returned by xg.ts_map: write other maps with ds.gamma.to_fits."
        )
    if not {"y", "x"} <= set(maps["norm"].dims):
        raise FrameError(
            "Flux maps lie on the sky, with y and x: write others with xg.write_flux_points."
        )
    out, summed = _on_energies(maps)
    names = {n: t for n, t in NAMES.items() if n in maps and t not in maps}
    added = [] if "reference_model" in maps.attrs else ["reference_model"]
    if reference is not None:
        text = Models([_sky_model(reference)]).to_yaml()
    elif not added:
        text = str(maps.attrs["reference_model"])
    else:
        raise MissingDataError(
            "The flux maps do not say what their norms are of: give the model, reference=."
        )
    beside = target.with_name(f"{target.name.removesuffix('.gz').removesuffix('.fits')}_model.yaml")
    for place in (target, beside):
        if not overwrite:
            refuse_existing(place)
    changes: dict[str, Any] = {
        "names": {t: n for n, t in names.items()},
        "summed": summed,
        "added": added,
    }
    out = out.rename(names).assign_attrs({"reference_model": text, CHANGES: changes})
    # gammapy opens the model by this name, from wherever it runs.
    cards = [("SED_TYPE", "likelihood"), ("MODEL", beside.absolute().as_posix())]
    with together():
        Models.from_yaml(text).write(beside, overwrite)
        write_hdus(out, target, overwrite, cards=cards)


def _on_energies(maps: xr.Dataset) -> tuple[xr.Dataset, bool]:
    """Return maps with their energies, of one bin where they were summed; and whether they were."""
    if "energy" in maps.dims:
        odd = [n for n, v in maps.data_vars.items() if "y" in v.dims and "energy" not in v.dims]
        if odd:
            raise AxisError(
                f"The map {odd[0]!r} has no energies, but 'norm' has: the flux maps of one file share "
                "their axes, so write it apart."
            )
        return maps, False
    if not {"energy_min", "energy_max"} <= set(maps.attrs):
        raise AxisError(
            "The flux maps do not say what energies they are of: set their attributes energy_min and "
            "energy_max, in TeV."
        )
    limits = [float(maps.attrs[n]) for n in ("energy_min", "energy_max")]
    axis = axis_from_edges(limits, "energy", "TeV", "log")
    images = {n: v.expand_dims(energy=1) for n, v in maps.data_vars.items() if "y" in v.dims}
    return maps.assign(images).assign_coords(axis.coords), True
