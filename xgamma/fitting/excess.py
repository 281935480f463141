"""Counts against a prediction in bins, or in discs around pixels: summed first, compared then."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from xgamma.core.arguments import scalar
from xgamma.errors import XGammaError
from xgamma.fitting.compiled import Compiled
from xgamma.fitting.likelihood import Likelihood, WStatLikelihood
from xgamma.numerics import limits
from xgamma.numerics import statistics as stats
from xgamma.numerics.convolve import convolve_same
from xgamma.typing import AngleLike

__all__ = ["Excess", "tophat"]


def tophat(radius: AngleLike, data: Compiled) -> np.ndarray:
    """Return a disk (k, k) of ones, its pixels those whose centre lies within a radius."""
    size = float(np.radians(scalar(radius, "deg", "correlation_radius")))
    if not 0 < size < np.pi:
        raise XGammaError(f"correlation_radius={radius!r} must be an angle between 0 and 180 deg.")
    sy, sx = data.scale
    # A radius of whole pixels may miss the last of them by rounding.
    ny, nx = int(size / sy * (1 + 1e-9)), int(size / sx * (1 + 1e-9))
    dy, dx = np.arange(-ny, ny + 1) * sy, np.arange(-nx, nx + 1) * sx
    values: np.ndarray = (np.hypot(dy[:, None], dx[None, :]) <= size * (1 + 1e-9)).astype(float)
    return values


def around(values: np.ndarray, disk: np.ndarray) -> np.ndarray:
    """Sum (energy, y, x) over a disk around each pixel, without the rounding of a transform."""
    summed = convolve_same(values, disk)
    # Rounding of the transform is far below a count: what is smaller is nothing.
    return np.where(np.abs(summed) < 1e-9 * max(float(np.abs(values).sum()), 1e-300), 0.0, summed)


def is_whole(values: np.ndarray) -> bool:
    """Return whether all counts are whole numbers, as those of data are."""
    return bool(np.all(values == np.rint(values)))


class Excess:
    """Counts and prediction of the bins to fit, summed, and what their difference is worth.

    All arrays have the shape (energy or 1, y, x), NaN where no bin to fit is in reach, or a bin
    to fit has no number.

    Parameters
    ----------
    likelihood : Likelihood
        Of a dataset and its models, up to date.
    radius : Quantity, str or float, optional
        Radius of the disk around each pixel, as Quantity or number in degrees. By default,
        each pixel by itself.
    sum_energy : bool
        Whether to sum over energy first.
    pixels : ndarray of bool, optional
        Pixels (y, x) to use. By default, all.
    sum_pixels : bool
        Whether to add the pixels up: the shape is then (energy or 1, 1, 1).
    """

    def __init__(
        self,
        likelihood: Likelihood,
        radius: AngleLike | None = None,
        sum_energy: bool = False,
        pixels: np.ndarray | None = None,
        sum_pixels: bool = False,
    ) -> None:
        data = likelihood.data
        if radius is not None and not data.is_map:
            raise XGammaError("A spectrum has no pixels to correlate: omit correlation_radius.")
        self.likelihood, self.sum_energy = likelihood, sum_energy
        self.added = (0,) * sum_energy + (1, 2) * sum_pixels
        self.disk = None if radius is None else tophat(radius, data)
        self.mask = data.mask if pixels is None else data.mask & pixels
        self.unknown = self.mask & data.unknown
        self.onoff = isinstance(likelihood, WStatLikelihood)

    def image(self, values: np.ndarray) -> np.ndarray:
        """Return values of the bins to fit, over energy and pixels if that is asked for."""
        found: np.ndarray = np.where(self.mask & ~self.unknown, values, 0.0).sum(
            self.added, keepdims=True
        )
        return found

    def summed(self, values: np.ndarray) -> np.ndarray:
        """Return values summed over energy and disks as asked for."""
        image = self.image(values)
        if self.disk is None:
            return image
        total = around(image, self.disk)
        return np.rint(total) if is_whole(image) else total

    @cached_property
    def covered(self) -> np.ndarray:
        """Where a bin to fit is in reach, and none without a number."""
        ones = np.ones(self.mask.shape)
        reached = self.summed(ones) > 0.5
        if not self.unknown.any():
            return reached
        bad = self.unknown.any(self.added, keepdims=True)
        touched = bad if self.disk is None else around(bad.astype(float), self.disk) > 0.5
        return reached & ~touched

    def known(self, values: np.ndarray) -> np.ndarray:
        """Return values, NaN where they are not covered."""
        return np.where(self.covered, values, np.nan)

    @cached_property
    def counts(self) -> np.ndarray:
        """Counts."""
        return self.summed(self.likelihood.data.counts)

    @cached_property
    def signal(self) -> np.ndarray:
        """Counts predicted of the sources."""
        return self.summed(self.likelihood.npred_signal())

    @cached_property
    def npred(self) -> np.ndarray:
        """Expected counts: sources, and background as known or as the off counts say."""
        if self.onoff:
            values: np.ndarray = self.expected_background + self.signal
            return values
        values = np.maximum(self.summed(self.likelihood.npred()), 0.0)
        return values

    @cached_property
    def expected_background(self) -> np.ndarray:
        """Alpha times the off counts."""
        assert isinstance(self.likelihood, WStatLikelihood)
        values: np.ndarray = np.maximum(
            self.summed(self.likelihood.alpha * self.likelihood.n_off), 0.0
        )
        return values

    @cached_property
    def off_and_alpha(self) -> tuple[np.ndarray, np.ndarray]:
        """Off counts, and the on-off ratio that turns them into the background expected."""
        likelihood = self.likelihood
        assert isinstance(likelihood, WStatLikelihood)
        data = likelihood.data
        # Off counts of a ring are sums already, nearly the same for all pixels of the disk:
        # adding them up again would count each event hundreds of times.
        correlated = bool(data.ds["counts_off"].attrs.get("correlated", 0))
        collect = self.image if correlated else self.summed
        acceptance = data.array("acceptance")
        on = self.summed(np.ones(data.shape) if acceptance is None else acceptance.astype(float))
        whole = collect(np.nan_to_num(data.required("acceptance_off").astype(float)))
        off = np.maximum(collect(likelihood.n_off), 0.0)
        plain = np.where(whole > 0, on / np.where(whole > 0, whole, 1.0), 0.0)
        return off, np.where(off > 0, self.expected_background / np.where(off > 0, off, 1.0), plain)

    @property
    def excess(self) -> np.ndarray:
        """Counts minus prediction."""
        values: np.ndarray = self.counts - self.npred
        return values

    @cached_property
    def ts(self) -> np.ndarray:
        """Statistic of the prediction minus that of the best excess."""
        if not self.onoff:
            values: np.ndarray = np.maximum(stats.cstat(self.counts, self.npred), 0.0)
            return values
        off, alpha = self.off_and_alpha
        null = stats.wstat(self.counts, off, alpha, np.maximum(self.signal, 0.0))
        best = stats.wstat(self.counts, off, alpha, self.counts - alpha * off)
        return np.where(alpha > 0, np.maximum(null - best, 0.0), np.nan)

    @property
    def sqrt_ts(self) -> np.ndarray:
        """Significance, with the sign of the excess."""
        values: np.ndarray = np.sign(self.excess) * np.sqrt(self.ts)
        return values

    def errors(self, n_sigma: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the lower and upper error of the excess."""
        if not self.onoff:
            return limits.cash_excess_error(self.counts, self.npred, n_sigma)
        off, alpha = self.off_and_alpha
        return limits.wstat_excess_error(self.counts, off, np.where(alpha > 0, alpha, 1.0), n_sigma)

    def limit(self, n_sigma: float) -> np.ndarray:
        """Return the upper limit of the excess over the prediction."""
        if not self.onoff:
            return limits.cash_excess_limit(self.counts, self.npred, n_sigma)
        off, alpha = self.off_and_alpha
        ratio = np.where(alpha > 0, alpha, 1.0)
        signal = np.maximum(self.signal, 0.0)
        return limits.wstat_excess_limit(self.counts, off, ratio, n_sigma, signal)
