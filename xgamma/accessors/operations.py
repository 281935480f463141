"""``ds.gamma``: look at a dataset, cut it, rebin it, collapse it, write it."""

from __future__ import annotations

from typing import Any

import xarray as xr

from xgamma.accessors.shared import Shared
from xgamma.datasets import masks

__all__ = ["OperationMethods"]


class OperationMethods(Shared):
    """Operations on a filled dataset, and its files."""

    # --- datasets (operations) ----------------------------------------------------------
    def info(self) -> Any:
        """Summary that prints. See `xgamma.estimators.info.info`."""
        from xgamma.estimators.info import info

        return info(self._obj)

    def info_dict(self, in_safe_range: bool = True) -> dict[str, Any]:
        """Summary as a dictionary. See `xgamma.estimators.info.info_dict`."""
        from xgamma.estimators.info import info_dict

        return info_dict(self._obj, in_safe_range)

    @property
    def mask(self) -> xr.DataArray | None:
        """What a fit looks at: safe and fit mask. See `xgamma.datasets.masks.mask`."""
        return masks.mask(self._obj)

    @property
    def mask_image(self) -> xr.DataArray | None:
        """Where any energy is used. See `xgamma.datasets.masks.mask_image`."""
        return masks.mask_image(self._obj)

    @property
    def energy_range(self) -> tuple[xr.DataArray, xr.DataArray]:
        """Energies used at each pixel. See `xgamma.datasets.energy_range.energy_range`."""
        from xgamma.datasets.energy_range import energy_range

        return energy_range(self._obj)

    @property
    def energy_range_safe(self) -> tuple[xr.DataArray, xr.DataArray]:
        """Safe energies at each pixel. See `xgamma.datasets.energy_range.energy_range`."""
        from xgamma.datasets.energy_range import energy_range

        return energy_range(self._obj, "mask_safe")

    @property
    def energy_range_fit(self) -> tuple[xr.DataArray, xr.DataArray]:
        """Energies of the fit mask at each pixel. See `xgamma.datasets.energy_range.energy_range`."""
        from xgamma.datasets.energy_range import energy_range

        return energy_range(self._obj, "mask_fit")

    @property
    def energy_range_total(self) -> tuple[xr.DataArray, xr.DataArray]:
        """Energies used anywhere. See `xgamma.datasets.energy_range.energy_range_total`."""
        from xgamma.datasets.energy_range import energy_range_total

        return energy_range_total(self._obj)

    @property
    def energy_range_total_safe(self) -> tuple[xr.DataArray, xr.DataArray]:
        """Safe energies anywhere. See `xgamma.datasets.energy_range.energy_range_total`."""
        from xgamma.datasets.energy_range import energy_range_total

        return energy_range_total(self._obj, "mask_safe")

    @property
    def energy_range_total_fit(self) -> tuple[xr.DataArray, xr.DataArray]:
        """Energies of the fit mask anywhere. See `xgamma.datasets.energy_range.energy_range_total`."""
        from xgamma.datasets.energy_range import energy_range_total

        return energy_range_total(self._obj, "mask_fit")

    def to_masked(self, name: str | None = None) -> xr.Dataset:
        """Zero outside the safe mask. See `xgamma.datasets.masks.to_masked`."""
        return masks.to_masked(self._obj, name)

    def slice_energy(self, min: Any = None, max: Any = None, name: str | None = None) -> xr.Dataset:
        """Bins wholly in a range. See `xgamma.datasets.select.slice_energy`."""
        from xgamma.datasets.select import slice_energy

        return slice_energy(self._obj, min, max, name=name)

    def pad(self, width: int, name: str | None = None) -> xr.Dataset:
        """Add pixels around. See `xgamma.datasets.select.pad`."""
        from xgamma.datasets.select import pad

        return pad(self._obj, width, name)

    def downsample(self, factor: int | None = None, **factors: Any) -> xr.Dataset:
        """Join neighbouring bins. See `xgamma.datasets.resample.downsample`."""
        from xgamma.datasets.resample import downsample

        return downsample(self._obj, factor, **factors)

    def upsample(self, factor: int | None = None, **factors: Any) -> xr.Dataset:
        """Split bins. See `xgamma.datasets.upsample.upsample`."""
        from xgamma.datasets.upsample import upsample

        return upsample(self._obj, factor, **factors)

    def interp_to(self, template: Any, name: str | None = None) -> xr.Dataset:
        """Interpolate onto other pixels. See `xgamma.datasets.regrid.interp_to`."""
        from xgamma.datasets.regrid import interp_to

        return interp_to(self._obj, template, name)

    def reproject_to(
        self, template: Any, method: str = "exact", name: str | None = None
    ) -> xr.Dataset:
        """Reproject onto other pixels. See `xgamma.datasets.regrid.reproject_to`."""
        from xgamma.datasets.regrid import reproject_to

        return reproject_to(self._obj, template, method=method, name=name)

    def resample_energy(self, edges: Any, name: str | None = None) -> xr.Dataset:
        """Join energy bins. See `xgamma.datasets.resample.resample_energy`."""
        from xgamma.datasets.resample import resample_energy

        return resample_energy(self._obj, edges, name)

    def to_image(self, name: str | None = None) -> xr.Dataset:
        """Join all energy bins. See `xgamma.datasets.resample.to_image`."""
        from xgamma.datasets.resample import to_image

        return to_image(self._obj, name)

    def to_spectrum(
        self, region: Any, containment_correction: bool = False, name: str | None = None
    ) -> xr.Dataset:
        """Collapse over an on region. See `xgamma.datasets.collapse.to_spectrum`."""
        from xgamma.datasets.collapse import to_spectrum

        return to_spectrum(
            self._obj, region, containment_correction=containment_correction, name=name
        )

    def to_region(self, region: Any, name: str | None = None) -> xr.Dataset:
        """Collapse over a region, PSF kept. See `xgamma.datasets.collapse.to_region`."""
        from xgamma.datasets.collapse import to_region

        return to_region(self._obj, region, name)

    def to_map(self) -> xr.Dataset:
        """Turn on-off into a map with a background. See `xgamma.datasets.onoff.from_onoff`."""
        from xgamma.datasets.onoff import from_onoff

        return from_onoff(self._obj)

    def at_position(self, name: str, position: Any = None, method: str = "nearest") -> xr.DataArray:
        """Return a map at one position. See `xgamma.irf.queries.at_position`."""
        from xgamma.irf.queries import at_position

        return at_position(self._obj, name, position, method=method)

    def psf_containment_radius(
        self, energy_true: Any = None, fraction: float = 0.68, position: Any = None
    ) -> xr.DataArray:
        """Radius of a containment. See `xgamma.irf.queries.psf_containment_radius`."""
        from xgamma.irf.queries import psf_containment_radius

        return psf_containment_radius(self._obj, energy_true, fraction, position)

    def psf_kernel(
        self,
        position: Any = None,
        *,
        max_radius: Any = None,
        spectrum: Any = None,
        binsz: Any = None,
        containment: float = 0.999,
        precision_factor: float = 12.0,
    ) -> xr.DataArray:
        """PSF as a kernel of pixels. See `xgamma.irf.kernels.psf_kernel`."""
        from xgamma.irf.kernels import psf_kernel

        return psf_kernel(
            self._obj,
            position,
            max_radius=max_radius,
            spectrum=spectrum,
            binsz=binsz,
            containment=containment,
            precision_factor=precision_factor,
        )

    def edisp_kernel(self, position: Any = None) -> xr.DataArray:
        """Dispersion kernel at a position. See `xgamma.irf.queries.edisp_kernel`."""
        from xgamma.irf.queries import edisp_kernel

        return edisp_kernel(self._obj, position)

    def edisp_bias_resolution(self, position: Any = None) -> xr.Dataset:
        """Energy bias and resolution. See `xgamma.irf.queries.edisp_bias_resolution`."""
        from xgamma.irf.queries import edisp_bias_resolution

        return edisp_bias_resolution(self._obj, position)

    def adaptive_smooth(
        self,
        scales: Any = None,
        threshold: float = 5.0,
        kernel: str = "gauss",
        method: str = "lima",
        index: float = 2.0,
    ) -> xr.Dataset:
        """Smooth to a significance. See `xgamma.estimators.adaptive_smooth.adaptive_smooth`."""
        from xgamma.estimators.adaptive_smooth import adaptive_smooth

        return adaptive_smooth(self._obj, scales, threshold, kernel, method, index)

    # --- io -----------------------------------------------------------------------------
    def to_fits(self, path: Any, **kwargs: Any) -> None:
        """Write to FITS. See `xgamma.io.fits_write.write_fits`."""
        from xgamma.io.fits_write import write_fits

        write_fits(self._obj, path, **kwargs)

    def to_ogip(self, path: Any, **kwargs: Any) -> None:
        """Write a spectrum to OGIP. See `xgamma.io.ogip_write.write_ogip`."""
        from xgamma.io.ogip_write import write_ogip

        write_ogip(self._obj, path, **kwargs)

    def to_netcdf(self, path: Any, **kwargs: Any) -> None:
        """Write to NetCDF with CF attributes. See `xgamma.io.storage.to_netcdf`."""
        from xgamma.io.storage import to_netcdf

        to_netcdf(self._obj, path, **kwargs)

    def to_zarr(self, path: Any, **kwargs: Any) -> None:
        """Write to Zarr with CF attributes. See `xgamma.io.storage.to_zarr`."""
        from xgamma.io.storage import to_zarr

        to_zarr(self._obj, path, **kwargs)
