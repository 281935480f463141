"""Running sums that an on-off stack needs, so that its background is the sum of backgrounds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

__all__ = ["OnOffSum"]

PARTS = ("acceptance", "acceptance_off", "alpha_off")


class OnOffSum:
    """Sums of acceptances and of ``alpha x off counts`` under the masks.

    The off acceptance of a stack is ``acceptance x Σ off / Σ (alpha off)``, which makes
    ``alpha x off`` of the stack the sum of those of the runs. Where there are no off counts
    any finite value does that; the mean alpha of the whole stack is taken (as gammapy does),
    or, when there are no off counts at all, the ratio of the summed acceptances.
    """

    def __init__(self) -> None:
        self.acceptance: np.ndarray = np.zeros(0)
        self.acceptance_off: np.ndarray = np.zeros(0)
        self.alpha_off: np.ndarray = np.zeros(0)
        self.used = False
        # Off counts over alpha x off counts of a larger whole, of which this sum is a part.
        self.mean_ratio: float | None = None

    def add(
        self,
        parts: dict[str, np.ndarray | None],
        mask: np.ndarray,
        where: tuple[slice, ...],
        shape: tuple[int, ...],
    ) -> None:
        """Add one dataset.

        Parameters
        ----------
        parts : dict of ndarray or None
            ``counts_off``, ``acceptance`` and ``acceptance_off``, in the order of the mosaic.
        mask : ndarray of bool
            Safe bins.
        where : tuple of slice
            Where the dataset lies.
        shape : tuple of int
            Of the mosaic.
        """
        if not self.used:
            self.acceptance, self.acceptance_off, self.alpha_off = (np.zeros(shape) for _ in "abc")
            self.used = True
        on, off, counts = (
            np.zeros(mask.shape) if parts[n] is None else np.asarray(parts[n], dtype=float)
            for n in ("acceptance", "acceptance_off", "counts_off")
        )
        good = mask & np.isfinite(on) & np.isfinite(off) & np.isfinite(counts)
        alpha = np.zeros(mask.shape)
        np.divide(on, off, out=alpha, where=good & (off > 0))
        for total, values in (
            (self.acceptance, on),
            (self.acceptance_off, off),
            (self.alpha_off, alpha * np.where(good, counts, 0.0)),
        ):
            np.add(total[where], values, out=total[where], where=good)

    def merge(self, other: OnOffSum) -> None:
        """Add another sum on the same mosaic; it stays as it was."""
        if not other.used:
            return
        if not self.used:
            self.used = True
            self.acceptance = other.acceptance.copy()
            self.acceptance_off = other.acceptance_off.copy()
            self.alpha_off = other.alpha_off.copy()
            return
        self.acceptance = self.acceptance + other.acceptance
        self.acceptance_off = self.acceptance_off + other.acceptance_off
        self.alpha_off = self.alpha_off + other.alpha_off

    def parts(self) -> dict[str, np.ndarray]:
        """Return the sums by name; they are not copied."""
        return {name: getattr(self, name) for name in PARTS}

    def put_parts(self, parts: Mapping[str, np.ndarray]) -> None:
        """Take sums that `parts` returned in the place of one's own."""
        self.used = True
        for name in PARTS:
            setattr(self, name, parts[name])

    def acceptances(self, counts_off: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return acceptance and off acceptance of the stack.

        Parameters
        ----------
        counts_off : ndarray
            Summed off counts.

        Returns
        -------
        acceptance, acceptance_off : ndarray
            Finite everywhere.
        """
        total = float(self.alpha_off.sum())
        inverse_alpha = self.mean_ratio
        if inverse_alpha is None:
            inverse_alpha = float(counts_off.sum()) / total if total > 0 else 0.0
        if inverse_alpha > 0:
            fallback = self.acceptance * inverse_alpha
        else:
            fallback = self.acceptance_off.copy()
        off = fallback
        np.divide(self.acceptance * counts_off, self.alpha_off, out=off, where=self.alpha_off > 0)
        return self.acceptance.copy(), off
