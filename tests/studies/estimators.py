"""Pulls and coverage of the estimators over toys: ``python -m tests.studies.estimators [toys]``.

A pull is (norm - truth) / error. The interval from ``errn`` to ``errp`` should hold the truth in
68 % of toys, and a limit at 1.645 sigma should lie above it in 95 % (at the default, 2 sigma, in
97.7 %), where the truth is far enough from zero: limits of a deficit are those of no excess,
and hold more.
"""

import sys

import numpy as np
import xarray as xr

import xgamma as xg
from tests.helpers.small_datasets import crab, small_map, small_spectrum

TRUTH = 1.0
ONE_SIDED = 1.645


def summary(norm, err, errn, errp, limit, truth=TRUTH):
    """Return mean and width of pulls, and the coverage (%) of intervals and limits."""
    norm, err, errn, errp, limit = (np.ravel(v) for v in (norm, err, errn, errp, limit))
    pull = (norm - truth) / err
    inside = (norm - errn <= truth) & (truth <= norm + errp)
    return {
        "n": norm.size,
        "mean": float(np.nanmean(pull)),
        "width": float(np.nanstd(pull)),
        "coverage": 100 * float(inside.mean()),
        "limits": 100 * float((limit >= truth).mean()),
    }


def of_points(points, truth=TRUTH):
    """Return the summary of flux points or light curves joined along any dims."""
    names = ("norm", "norm_err", "norm_errn", "norm_errp", "norm_ul")
    return summary(*(points[name].values for name in names), truth)


def spectrum_source(scale=1.0):
    """A source of 4 to 78 counts a bin in `small_spectrum`."""
    amplitude = f"{scale * 1.5e-11} cm-2 s-1 TeV-1"
    return xg.SkyModel(xg.PowerLaw(index=2.0, amplitude=amplitude), name="s")


def flux_points(toys, onoff=False, seed=1):
    """Flux points in three bands of a spectrum."""
    ds, source = small_spectrum(background=20.0, onoff=onoff), spectrum_source()
    bands = ds.gamma.edges("energy")[[0, 3, 5, 8]]
    ds = ds.assign(exposure=ds.exposure * 0.5)
    ds["exposure"].attrs["units"] = "m2 s"
    rng = np.random.default_rng(seed)
    background = ds.counts.copy(data=np.full(8, 20.0)) if onoff else None
    found = []
    for _ in range(toys):
        data = with_off(ds, rng) if onoff else ds
        data = data.gamma.fake(rng, source, background=background)
        found.append(
            data.gamma.flux_points("s", bands, source, n_sigma_ul=ONE_SIDED, norm_values=[1])
        )
    return of_points(xr.concat(found, "toy"))


def with_off(ds, rng):
    """Draw off counts of a background of 20."""
    return ds.assign(counts_off=ds.counts_off.copy(data=rng.poisson(100.0, 8)))


def light_curve(toys, seed=2):
    """Light curves of four runs."""
    source = spectrum_source()
    attrs = small_spectrum().gti_start.attrs
    runs = []
    for day in range(4):
        one = small_spectrum(f"run{day}", background=20.0)
        one["gti_start"] = ("gti", [86400.0 * day], attrs)
        one["gti_stop"] = ("gti", [86400.0 * day + 1800], attrs)
        runs.append(one)
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(toys):
        sets = [run.gamma.fake(rng, source) for run in runs]
        found.append(
            xg.light_curve(sets, "s", models=source, n_sigma_ul=ONE_SIDED, norm_values=[1])
        )
    return of_points(xr.concat(found, "toy"))


def ts_map(toys, seed=3):
    """Norms of a TS map at the pixel of a source."""
    ds, source = small_map(background=1.0), crab(amplitude="5e-13 cm-2 s-1 TeV-1")
    lon, lat = ds.gamma.lonlat
    source.spatial.lon, source.spatial.lat = float(lon[15, 15]), float(lat[15, 15])
    mask = (ds.x == ds.x[15]) & (ds.y == ds.y[15])
    rng = np.random.default_rng(seed)
    names = ("norm", "norm_err", "norm_errn", "norm_errp", "norm_ul")
    rows = []
    for _ in range(toys):
        data = ds.gamma.fake(rng, source)
        maps = xg.ts_map(data, source, models=[], mask=mask, errors=True, n_sigma_ul=ONE_SIDED)
        rows.append([float(maps[name][15, 15]) for name in names])
    return summary(*np.array(rows).T)


def excess_map(toys, onoff=False, seed=4):
    """Excess in discs around a source; discs two apart share nothing."""
    ds, source = small_map(background=1.0), crab(amplitude="3e-13 cm-2 s-1 TeV-1")
    flat = ds.background
    signal = ds.gamma.npred_signal(source).sum("energy").values
    offsets = [(j, i) for j in range(-2, 3) for i in range(-2, 3) if j * j + i * i <= 4]
    truth = sum(signal[15 + j, 15 + i] for j, i in offsets)
    if onoff:
        ds = ds.drop_vars("background").assign(
            acceptance=xr.ones_like(flat), acceptance_off=xr.full_like(flat, 5.0)
        )
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(toys):
        data = ds
        if onoff:
            data = ds.assign(counts_off=flat.copy(data=rng.poisson(5 * flat)))
        data = data.gamma.fake(rng, source, background=flat if onoff else None)
        part = data.isel(y=slice(12, 19), x=slice(12, 19))
        maps = part.gamma.excess_map("0.2 deg", models=[], n_sigma_ul=ONE_SIDED, errors=True)
        here = maps.isel(y=3, x=3)
        names = ("excess", "excess_errn", "excess_errp", "excess_ul")
        rows.append([float(here[name]) for name in names])
    norm, errn, errp, limit = np.array(rows).T
    return summary(norm, 0.5 * (errn + errp), errn, errp, limit, truth)


STUDIES = {
    "flux points": flux_points,
    "flux points, on-off": lambda toys: flux_points(toys, onoff=True),
    "light curve": light_curve,
    "TS map": ts_map,
    "excess map": excess_map,
    "excess map, on-off": lambda toys: excess_map(toys, onoff=True),
}


def main(toys: int) -> None:
    """Print a table of all studies."""
    print("| estimator | values | mean of pulls | width | 68 % intervals hold | 95 % limits hold |")
    print("|---|---|---|---|---|---|")
    for name, study in STUDIES.items():
        found = study(toys)
        print(
            f"| {name} | {found['n']} | {found['mean']:+.2f} | {found['width']:.2f} "
            f"| {found['coverage']:.1f} % | {found['limits']:.1f} % |",
            flush=True,
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
