"""A dataset made ready for a fit: its arrays taken out once, no labels in the loop."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import xarray as xr

from xgamma.errors import XGammaError
from xgamma.fitting.compiled_arrays import CompiledArrays
from xgamma.model import sky
from xgamma.model.axes import NODE, centers_in, edges_in
from xgamma.model.sanity import issue_of_values
from xgamma.model.schema import has_reco_psf
from xgamma.numerics import convolution, radial
from xgamma.numerics.deposit import spline_coefficients
from xgamma.numerics.psf_kernels import CONTAINMENT, KernelPlan

__all__ = ["Compiled"]

# Parts of pixels are no larger than 1 / FINE sigma of the PSF.
FINE, MOST_PARTS = 1.2, 4
# Beyond a kernel its spline coefficients are followed this far.
SPLINE_TAIL = 4

# Rows of a dispersion that is not cut sum to this at least somewhere.
WHOLE = 0.98


class Compiled(CompiledArrays):
    """The arrays of a dataset as plain NumPy, and its responses at any pixel.

    Arrays are (energy, y, x) and a spectrum is a map of one pixel, as in
    `xgamma.fitting.compiled_arrays`.

    Parameters
    ----------
    ds : Dataset
        Any kind of dataset.
    scheme : {"exact", "gammapy"}
        "exact" interpolates the energy dispersion at a source between the nodes of the
        coarse grid; `xgamma.fitting.likelihood` chooses the terms that predict.
        "gammapy" takes the dispersion of the nearest node, and predicts as gammapy 2.1 in
        every part; see `xgamma.fitting.gammapy_scheme`.

    Raises
    ------
    XGammaError
        If exposure, PSF or background hold NaN where they would be used.
    """

    @cached_property
    def padding(self) -> int:
        """Pixels beyond each border from which the PSF can bring counts into the map."""
        return self.kernel_half + 1

    @cached_property
    def _padded(self) -> xr.Dataset:
        pad = self.padding
        (y0, x0), (dy, dx) = self.origin, self.label_step
        labels = {
            "y": y0 + dy * (np.arange(self.shape[1] + 2 * pad) - pad),
            "x": x0 + dx * (np.arange(self.shape[2] + 2 * pad) - pad),
        }
        coords = {
            d: (d, v, {"step": s}) for (d, v), s in zip(labels.items(), (dy, dx), strict=True)
        }
        return xr.Dataset(coords={**coords, "wcs": self.ds.coords["wcs"].variable})

    @cached_property
    def vectors(self) -> np.ndarray:
        """Unit vectors (3, y, x) of the pixel centres, `padding` pixels beyond the map included."""
        return sky.pixel_vectors(self._padded)

    @cached_property
    def solid_angle(self) -> np.ndarray:
        """Solid angle (y, x) of the pixels, padded alike, sr."""
        values: np.ndarray = np.nan_to_num(sky.solid_angle(self._padded).values)
        return values

    def exposure_on(self, ys: slice, xs: slice) -> np.ndarray:
        """Exposure (energy_true, y, x) on a box of padded pixels; beyond the map that of the border."""
        rows, columns = (
            np.clip(np.arange(s.start, s.stop) - self.padding, 0, n - 1)
            for s, n in zip((ys, xs), self.shape[1:], strict=True)
        )
        return self.exposure[:, rows[:, None], columns]

    # --- responses ----------------------------------------------------------------------
    def _require_sound_response(self, name: str, values: np.ndarray) -> None:
        """Raise if a response (energy_true, …, y_irf, x_irf) is not sound where there is exposure."""
        used = None
        if f"{name}_exposure" in self.ds and issue_of_values(name, values) is not None:
            weight = self.ds[f"{name}_exposure"].variable
            dims = [d for d in (self.true_name, "y_irf", "x_irf") if d in weight.dims]
            shape = (values.shape[0], 1, *(values.shape[2:] or (1, 1)))
            used = np.asarray(weight.transpose(*dims).data).reshape(shape) > 0
        self._require_sound(name, values, used)

    @cached_property
    def psf(self) -> np.ndarray | None:
        """PSF (energy_true, rad, y_irf, x_irf), or None."""
        if "psf" not in self.ds:
            return None
        if has_reco_psf(self.ds) and self.true_name != "energy":
            raise XGammaError(
                f"The PSF of {self.name!r} is defined over reconstructed energy, which is supported for maps only: drop it with ds.drop_vars('psf')."
            )
        dims = [d for d in (self.true_name, "rad", "y_irf", "x_irf") if d in self.ds["psf"].dims]
        values = np.asarray(self.ds["psf"].variable.transpose(*dims).data, dtype=float)
        values = values.reshape(*values.shape[:2], *(values.shape[2:] or (1, 1)))
        self._require_sound_response("psf", values)
        found: np.ndarray = np.nan_to_num(values)
        return found

    @cached_property
    def without_psf(self) -> Compiled:
        """The dataset without its PSF."""
        return Compiled(self.ds.drop_vars("psf"), self.scheme)

    @cached_property
    def reco_psf(self) -> Compiled | None:
        """A PSF in reconstructed energy on its map, as a dataset that has no other energy; or None."""
        if not (self.is_map and self.true_name != "energy" and has_reco_psf(self.ds)):
            return None
        names = [n for n in self.ds.data_vars if n != "psf"]
        true = [f"energy_true{end}" for end in ("", "_lo", "_hi")]
        return Compiled(self.ds.drop_vars([*names, *true], errors="ignore"), self.scheme)

    @cached_property
    def rad_edges(self) -> np.ndarray:
        """Edges of the PSF's rings, radians."""
        values: np.ndarray = np.radians(edges_in(self.ds, "rad", "deg"))
        return values

    @cached_property
    def rad_centers(self) -> np.ndarray:
        """Radii of the PSF's values, radians."""
        values: np.ndarray = np.radians(centers_in(self.ds, "rad", "deg"))
        return values

    @property
    def rad_is_nodes(self) -> bool:
        """Whether the PSF is given at radii, not in rings."""
        return bool(self.ds["rad"].attrs.get("node_type") == NODE)

    @property
    def gammapy_radii(self) -> np.ndarray | None:
        """Radii (radians) at which gammapy cuts a PSF that was read on energies of its own.

        gammapy 2.1 cuts the kernel of the i-th energy of the exposure where the PSF of the i-th
        energy of its own ends.
        """
        attrs = self.ds["psf"].attrs
        if attrs.get("interpolated_to") != self.true_energy.size:
            return None
        values: np.ndarray = np.radians(np.atleast_1d(attrs["gammapy_radii"]))
        return values

    @cached_property
    def irf_labels(self) -> tuple[np.ndarray, np.ndarray]:
        """Labels (y, x) of the coarse grid; one node at zero if there is none."""
        if "y_irf" not in self.ds.coords:
            return np.zeros(1), np.zeros(1)
        return self.ds.y_irf.values.astype(float), self.ds.x_irf.values.astype(float)

    def irf_valid(self, name: str) -> np.ndarray | None:
        """Return which nodes of the coarse grid have exposure; None where all count.

        Files of Fermi-LAT hold exposures of zero throughout, which say nothing.
        """
        if name not in self.ds or "y_irf" not in self.ds[name].dims:
            return None
        values = self.ds[name].transpose(..., "y_irf", "x_irf").values
        found: np.ndarray = np.any(np.nan_to_num(values) > 0, axis=0)
        return found if found.any() else None

    @cached_property
    def valid(self) -> dict[str, np.ndarray | None]:
        """Which nodes hold exposure, for the PSF and for the dispersion."""
        return {name: self.irf_valid(f"{name}_exposure") for name in ("psf", "edisp")}

    def at_position(self, irf: np.ndarray, name: str, y: float, x: float) -> np.ndarray:
        """Return a response at a pixel, interpolated between the nodes that hold exposure."""
        if irf.shape[-2:] == (1, 1):
            return irf[..., 0, 0]
        ly, lx = self.label(y, x)
        iy, ix, weights = convolution.bilinear(
            ly, lx, *self.irf_labels, self.valid[name], self.nearest[name]
        )
        values: np.ndarray = irf[..., iy, ix] @ weights
        return values

    @cached_property
    def _kernel_plan(self) -> KernelPlan:
        """How fine and how far the kernel of each energy is sampled."""
        psf = self.psf
        assert psf is not None
        valid = self.valid["psf"]
        profiles = psf.reshape(*psf.shape[:2], -1)
        if valid is not None and valid.any():
            profiles = profiles[..., valid.ravel()]
        profiles = np.moveaxis(profiles, 1, -1)
        # The widest and the narrowest PSF of the map: one plan serves every position.
        wide = radial.containment_radius(profiles, self.rad_edges, CONTAINMENT).max(axis=1)
        core = radial.containment_radius(profiles, self.rad_edges, 0.68)
        core = np.where(core > 0, core, np.inf).min(axis=1)
        return KernelPlan(wide, core, self.scale, self.rad_edges, smooth=self.scheme == "exact")

    @property
    def resolution(self) -> float:
        """Three 68 % radii of the PSF at middle energies and three pixels, radians."""
        if self.reco_psf is not None:
            return self.reco_psf.resolution
        core = self._kernel_plan.core if self.psf is not None else np.zeros(1)
        seen = core[np.isfinite(core)]
        return 3 * (max(self.scale) + (float(np.median(seen)) if seen.size else 0.0))

    @property
    def kernel_half(self) -> int:
        """Half width of the PSF kernel in pixels."""
        if self.reco_psf is not None:
            return self.reco_psf.kernel_half
        return self._kernel_plan.half if self.psf is not None and self.is_map else 0

    def psf_kernels(self, y: float, x: float) -> np.ndarray:
        """Return PSF kernels at a pixel, shape (energy_true, k, k), each summing to one."""
        n = self.true_energy.size
        if self.psf is None:
            return np.ones((n, 1, 1))
        profile = np.maximum(self.at_position(self.psf, "psf", y, x), 0.0)
        return self._kernel_plan.kernels(profile)

    @cached_property
    def fine(self) -> int:
        """Parts a side of each pixel on which extended shapes meet the PSF of middle energies."""
        core = self._kernel_plan.core
        seen = core[np.isfinite(core)]
        width = float(np.median(seen)) / np.sqrt(-2 * np.log(0.32)) if seen.size else np.inf
        return int(np.clip(np.ceil(FINE * max(self.scale) / width), 1, MOST_PARTS))

    @cached_property
    def _fine_plan(self) -> KernelPlan:
        plan, fine = self._kernel_plan, self.fine
        outer = (plan.halves + 1.5) * min(self.scale)
        scale = (self.scale[0] / fine, self.scale[1] / fine)
        return KernelPlan(outer, plan.core, scale, self.rad_edges, smooth=True)

    def fine_kernels(self, y: float, x: float) -> np.ndarray:
        """Return PSF kernels at a pixel on parts of pixels, which fade out as a point's image does.

        As coefficients of splines, for images from `xgamma.numerics.deposit.spline_deposit`.
        """
        assert self.psf is not None
        profile = np.maximum(self.at_position(self.psf, "psf", y, x), 0.0)
        kernels = self._fine_plan.kernels(profile * self._kernel_plan.fade)
        around = ((0, 0), (SPLINE_TAIL, SPLINE_TAIL), (SPLINE_TAIL, SPLINE_TAIL))
        return spline_coefficients(np.pad(kernels, around))

    def point_image(self, y: float, x: float) -> np.ndarray:
        """Return the PSF of a source at a pixel averaged over the pixels around it.

        Shape (energy_true, k + 3, k + 3), each energy summing to one, its first pixel
        ``kernel_half + 1`` before the one that the position is in or just behind.
        """
        assert self.psf is not None
        profile = np.maximum(self.at_position(self.psf, "psf", y, x), 0.0)
        return self._kernel_plan.point_image(profile, y % 1.0, x % 1.0)

    def containment(self, radius: float) -> np.ndarray:
        """Return the fraction of the PSF within a radius (radians) of the centre, per energy."""
        psf = self.psf
        assert psf is not None
        rings = np.maximum(psf.reshape(*psf.shape[:2], -1)[..., 0], 0) * np.diff(self.rad_edges**2)
        inside = np.concatenate([np.zeros((rings.shape[0], 1)), np.cumsum(np.pi * rings, 1)], 1)
        return np.array([np.interp(radius**2, self.rad_edges**2, row) for row in inside])

    @cached_property
    def edisp(self) -> np.ndarray:
        """Energy dispersion kernel (energy_true, energy, y_irf, x_irf)."""
        if "edisp" not in self.ds:
            return self._diagonal[..., None, None]
        da = self.ds["edisp"]
        order = (self.true_name, "migra" if "migra" in da.dims else "energy", "y_irf", "x_irf")
        values = da.transpose(*[d for d in order if d in da.dims]).values.astype(float)
        values = values.reshape(*values.shape[:2], *(values.shape[2:] or (1, 1)))
        self._require_sound_response("edisp", values)
        values = np.nan_to_num(values)
        return self._from_migra(values) if "migra" in da.dims else values

    def _from_migra(self, values: np.ndarray) -> np.ndarray:
        """Integrate a density in migration over the bins of reconstructed energy."""
        edges = edges_in(self.ds, "migra", "")
        width = np.diff(edges)[None, :, None, None]
        zero = np.zeros((values.shape[0], 1, *values.shape[2:]))
        cumulative = np.concatenate([zero, np.cumsum(values * width, axis=1)], axis=1)
        wanted = self.energy_edges[None, :] / self.true_energy[:, None]
        i = np.clip(np.searchsorted(edges, wanted, side="right") - 1, 0, edges.size - 2)
        t = np.clip((wanted - edges[i]) / (edges[i + 1] - edges[i]), 0.0, 1.0)[..., None, None]
        rows = np.arange(values.shape[0])[:, None]
        at_edges = (1 - t) * cumulative[rows, i] + t * cumulative[rows, i + 1]
        found: np.ndarray = np.maximum(np.diff(at_edges, axis=1), 0.0)
        return found

    @cached_property
    def _diagonal(self) -> np.ndarray:
        """Share of each bin of true energy that lies in each bin of reconstructed energy."""
        low = np.maximum(self.true_edges[:-1, None], self.energy_edges[None, :-1])
        high = np.minimum(self.true_edges[1:, None], self.energy_edges[None, 1:])
        values: np.ndarray = np.maximum(high - low, 0.0) / np.diff(self.true_edges)[:, None]
        return values

    def edisp_matrix(self, y: float, x: float, apply: bool = True) -> np.ndarray:
        """Return the dispersion matrix (energy_true, energy) at a pixel."""
        if not apply:
            return self._undispersed
        return self.at_position(self.edisp, "edisp", y, x)

    @cached_property
    def _undispersed(self) -> np.ndarray:
        """The matrix without dispersion; refused if it holds what a mask leaves of a region.

        Wherever true energies lie well inside of the reconstructed ones, rows sum to one.
        """
        if "edisp" not in self.ds or "region" not in self.ds.coords:
            return self._diagonal
        largest = float(self.edisp.sum(axis=1).max(initial=0.0))
        if 0.0 < largest < WHOLE:
            raise XGammaError(
                f"The dispersion of {self.name!r} includes the {largest:.0%} of the region that is not masked, so it cannot be ignored: use apply_irf with edisp=True, or a region without masked pixels."
            )
        return self._diagonal

    def check_finite(self, npred: np.ndarray, what: str) -> None:
        """Raise if a prediction is not finite, saying where."""
        if np.all(np.isfinite(npred)):
            return
        bad = np.unique(np.argwhere(~np.isfinite(npred))[:, 0])
        raise XGammaError(
            f"The prediction of {what} for the dataset {self.name!r} is NaN or infinite in "
            f"{np.count_nonzero(~np.isfinite(npred))} bins (energy bins {bad.min()} to "
            f"{bad.max()}): check the parameters of the model and the exposure there."
        )
