"""Pulls and limits of a norm with many off counts or few: ``python -m tests.studies.onoff_pulls [toys]``.

The bands of the flux-point study of `tests.studies.estimators`, their statistic minimised for all
toys at once, with a known background and with off regions of 1 to 500 times the on region.
"""

import sys

import numpy as np

from tests.helpers.small_datasets import small_spectrum
from tests.studies.estimators import ONE_SIDED, spectrum_source, summary
from xgamma.numerics.limits import solve_rise
from xgamma.numerics.statistics import cash, wstat

# Bins of the bands from 1 to 3, 3 to 10 and 10 to 30 TeV.
BANDS = (slice(0, 3), slice(3, 5), slice(5, 8))
BACKGROUND = 20.0


def signal():
    """Counts of the source in each bin."""
    ds = small_spectrum(background=BACKGROUND)
    ds = ds.assign(exposure=(0.5 * ds.exposure).assign_attrs(units="m2 s"))
    return ds.gamma.npred_signal(spectrum_source()).values


def minimum(stat, low, high, steps=80):
    """Return where a convex function of arrays is least, by golden sections."""
    ratio = (np.sqrt(5) - 1) / 2
    low, high = np.array(low), np.array(high)
    for _ in range(steps):
        one, two = high - ratio * (high - low), low + ratio * (high - low)
        left = stat(one) < stat(two)
        low, high = np.where(left, low, one), np.where(left, two, high)
    return 0.5 * (low + high)


def study(toys, factor=None, background=BACKGROUND, seed=1):
    """Return the summary of norms with off regions `factor` times the on region, or None."""
    rng, rows = np.random.default_rng(seed), []
    for band in BANDS:
        g = signal()[band]
        n = rng.poisson(g + background, (toys, g.size))
        if factor is None:
            off = np.zeros(n.shape)
            each = lambda k, n=n, g=g: cash(n, np.maximum(background + k[:, None] * g, 1e-9))  # noqa: E731
        else:
            off = rng.poisson(factor * background, n.shape)
            each = lambda k, n=n, g=g, off=off: wstat(n, off, 1 / factor, k[:, None] * g)  # noqa: E731
        stat = lambda k, each=each: each(k).sum(axis=1)  # noqa: E731
        start = (n.sum(1) - background * g.size) / g.sum()
        reach = (
            8
            * (np.sqrt(n.sum(1) + background * g.size * (1 + 1 / (factor or np.inf))) + 4)
            / g.sum()
        )
        least = np.full(toys, -np.inf if factor else -background / g.max())
        best = minimum(stat, np.maximum(start - reach, least), start + reach)
        step = 1e-3 * reach
        curvature = (stat(best + step) - 2 * stat(best) + stat(best - step)) / step**2
        error = np.sqrt(2 / curvature)
        up = solve_rise(stat, best, best + reach, 1.0)
        down = solve_rise(stat, best, np.maximum(best - reach, least), 1.0)
        limit = solve_rise(stat, np.maximum(best, 0), np.maximum(best, 0) + reach, ONE_SIDED**2)
        rows.append([best, error, best - down, up - best, limit])
    return summary(*np.concatenate(rows, axis=1))


def main(toys):
    """Print a table."""
    print("| background | mean of pulls | width | 68 % intervals hold | 95 % limits hold |")
    print("|---|---|---|---|---|")
    for factor in (None, 500, 50, 5, 1):
        found = study(toys, factor)
        name = "known" if factor is None else f"off {factor} times on"
        print(
            f"| {name} | {found['mean']:+.3f} | {found['width']:.3f} "
            f"| {found['coverage']:.1f} % | {found['limits']:.1f} % |",
            flush=True,
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10000)
