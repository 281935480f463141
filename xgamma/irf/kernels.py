"""The point spread function as a kernel of pixels."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xgamma.core.arguments import number, scalar
from xgamma.errors import FrameError, MissingDataError, XGammaError
from xgamma.irf.queries import at_position
from xgamma.model import sky
from xgamma.model.axes import axis_coords, edges_in
from xgamma.model.operation import operation
from xgamma.model.schema import require
from xgamma.numerics.psf_kernels import CONTAINMENT, KernelPlan, kernel_half
from xgamma.numerics.radial import containment_radius
from xgamma.numerics.spectra import power_law_moment
from xgamma.typing import AngleLike, PositionLike

__all__ = ["psf_kernel"]


@operation
def psf_kernel(
    ds: xr.Dataset,
    position: PositionLike | None = None,
    max_radius: AngleLike | None = None,
    spectrum: object = None,
    *,
    binsz: AngleLike | None = None,
    containment: float = CONTAINMENT,
    precision_factor: float = 12.0,
) -> xr.DataArray:
    """Return the point spread function at a position as a kernel of pixels.

    Each pixel is the mean of the PSF over points inside it: those of the true energies whose
    PSF is narrow beside a pixel are sampled more finely (up to 10 x 10 points a pixel).

    Parameters
    ----------
    ds : Dataset
        Map with ``psf``; a spectrum with one, if `binsz` is given.
    position : SkyCoord, str or (lon, lat), optional
        Position; by default, the centre of the map. Between the nodes of the coarse grid that hold
        exposure the PSF is interpolated.
    max_radius : Quantity, str or float, optional
        Radius that the kernel reaches, as Quantity or number in degrees. By default, that of the
        widest `containment`.
    spectrum : Spectrum or float, optional
        Spectrum (or index of a power law) over which the kernels are averaged to one image,
        with the exposure at the position.
    binsz : Quantity, str or float, optional
        Size of a pixel, as Quantity or number in degrees. By default, that of the map.
    containment : float
        Each energy's kernel ends at the radius that contains this fraction of its PSF.
    precision_factor : float
        Points that are sampled over the diameter of the 68 % containment, at least.

    Returns
    -------
    kernel : DataArray
        Dims ``(energy_true, y, x)``, or ``(y, x)`` with a spectrum; the sum over pixels is one
        (zero where the PSF is). ``y`` and ``x`` are offsets from the middle in degrees, in the
        direction of the map's pixels. Only the nodes around the position are read of a
        dask-backed PSF.

    Raises
    ------
    MissingDataError
        If there is no PSF, or no exposure to weight it with a spectrum.
    FrameError
        If the position lies outside the map, or a dataset without pixels has no `binsz`.
    XGammaError
        If a radius or a fraction makes no sense.

    Notes
    -----
    ``K_p = Σ_i PSF(r_i) / Σ_pi PSF(r_pi)`` over the points ``i`` of pixel ``p``, with the PSF
    linear between the centres of its rings.

    Examples
    --------
    >>> import numpy as np, xgamma as xg
    >>> from xgamma.dl3 import simulate_observation
    >>> empty = xg.create_map("83.63d 22.01d", "1 deg", "0.02 deg", xg.energy_axis(1, 10, 2))
    >>> ds = empty.gamma.fill(simulate_observation(events=False), select=["psf"])
    >>> kernel = psf_kernel(ds, max_radius="0.2 deg")
    >>> kernel.sizes["x"], bool(np.allclose(kernel.sum(("y", "x")), 1))
    (21, True)
    """
    require(ds, "psf")
    if not 0 < number(containment, "containment") <= 1:
        raise XGammaError(f"containment={containment!r} must be a fraction between 0 and 1.")
    if not number(precision_factor, "precision_factor") > 0:
        raise XGammaError(f"precision_factor={precision_factor!r} must be positive.")
    scale = _scale(ds, binsz)
    profile = _profile(ds, position)
    rad = edges_in(ds, "rad", "deg")
    wide = containment_radius(profile, rad, containment)
    core = containment_radius(profile, rad, 0.68)
    half = None
    if max_radius is not None:
        limit = scalar(max_radius, "deg", "max_radius")
        if not 0 < limit < 180:
            raise XGammaError(f"max_radius={max_radius!r} must be an angle between 0 and 180 deg.")
        wide, half = np.minimum(wide, limit), int(kernel_half(np.array(limit), min(scale)))
    core = np.where(core > 0, core, np.inf)
    plan = KernelPlan(wide, core, scale, rad, points=precision_factor / 2, half=half)
    values = plan.kernels(profile)
    coords = axis_coords(ds, "energy_true") | {
        dim: (dim, step * np.arange(-plan.half, plan.half + 1), {"units": "deg"})
        for dim, step in zip(("y", "x"), scale, strict=True)
    }
    attrs = {"units": "", "long_name": "PSF kernel"}
    kernel = xr.DataArray(values, coords, ("energy_true", "y", "x"), "psf_kernel", attrs)
    return kernel if spectrum is None else _averaged(ds, kernel, spectrum, position)


def _scale(ds: xr.Dataset, binsz: AngleLike) -> tuple[float, float]:
    """Return the size (y, x) of the kernel's pixels in degrees."""
    if binsz is not None:
        size = sky.parse_width(binsz, "binsz")
        if min(size) <= 0:
            raise XGammaError(f"binsz={binsz!r} must be a positive angle.")
        return size[1], size[0]
    if "x" not in ds.dims:
        raise FrameError("A dataset without pixels requires binsz=, the pixel size of the kernel.")
    sx, sy = sky.pixel_scale(ds)
    return sy, sx


def _profile(ds: xr.Dataset, position: PositionLike) -> np.ndarray:
    """Return the PSF at a position, shape (energy_true, rad), never negative."""
    psf = at_position(ds, "psf", position, method="linear").transpose("energy_true", "rad")
    return np.asarray(np.maximum(np.nan_to_num(np.asarray(psf.values, dtype=float)), 0.0))


def _averaged(
    ds: xr.Dataset, kernel: xr.DataArray, spectrum: object, position: PositionLike
) -> xr.DataArray:
    """Return the mean of kernels over a spectrum times exposure."""
    edges = edges_in(ds, "energy_true", "TeV")
    if hasattr(spectrum, "kernel_integral"):
        flux = np.asarray(spectrum.kernel_integral(edges[:-1], edges[1:]))
    else:
        flux = power_law_moment(edges[:-1], edges[1:], 0, number(spectrum, "spectrum"), 1.0, 1.0)
    name = next((n for n in ("psf_exposure", "exposure") if n in ds), None)
    if name is None:
        raise MissingDataError(
            "There is no exposure with which to weight the PSF by the spectrum: fill it, or omit spectrum=."
        )
    exposure = at_position(ds, name, position, method="linear")
    # An energy without a PSF has no kernel to bring in.
    weights = flux * np.nan_to_num(exposure.values) * (kernel.values.sum(axis=(1, 2)) > 0)
    total = weights.sum()
    mean = np.tensordot(weights, kernel.values, axes=1) / (total if total > 0 else 1.0)
    coords = {dim: kernel.coords[dim] for dim in ("y", "x")}
    return xr.DataArray(mean, coords, ("y", "x"), kernel.name, kernel.attrs)
