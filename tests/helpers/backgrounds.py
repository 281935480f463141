"""Runs whose background varies over the field, and what gammapy makes of them."""

import astropy.units as u
import numpy as np
import xarray as xr
from astropy.coordinates import AltAz, SkyCoord

from tests.helpers.runs import responses, simulated

RATE = 1e-4  # MeV-1 s-1 sr-1


def three_d(profile, align="RADEC", index=2.7):
    """A BKG_3D whose shape in detx, dety is given."""
    irfs = responses(
        "3d", bkg=lambda energy, dety, detx: RATE * energy**-index * profile(detx, dety)
    )
    irfs["bkg"] = irfs["bkg"].assign_attrs(FOVALIGN=align)
    return irfs


def gradient(detx, dety):
    return np.exp(0.3 * detx + 0.1 * dety)


def with_intervals(irfs, intervals):
    """A run whose good time is these seconds after its start."""
    run = simulated(irfs, livetime="10 min", dead_time=0.0)
    zero = float(run["gti"]["start"].values[0])
    spans = zero + np.array(intervals, dtype=float).T
    gti = xr.Dataset(
        {n: ("gti", v, {"units": "s"}) for n, v in zip(("start", "stop"), spans, strict=True)},
        attrs=run["gti"].attrs,
    )
    groups = {"/": run.to_dataset()} | {n: t.to_dataset() for n, t in run.children.items()}
    return xr.DataTree.from_dict({**groups, "gti": gti}, name=run.name)


def direct_mean(ds, obs, intervals, step=30.0):
    """The gradient at the pixels, averaged over good time with a midpoint every half minute."""
    lon, lat = ds.gamma.lonlat
    sky = SkyCoord(lon, lat, unit="deg")
    total, weight = 0.0, 0.0
    for start, stop in intervals:
        n = int(np.ceil((stop - start) / step))
        for k in range(n):
            seconds = start + (k + 0.5) * (stop - start) / n
            time = obs.gamma.tstart + seconds * u.s
            frame = AltAz(obstime=time, location=obs.gamma.location)
            pointing = obs.gamma.pointing.transform_to(frame)
            at = sky.transform_to(frame).transform_to(pointing.skyoffset_frame())
            part = gradient(-at.lon.wrap_at("180d").deg, at.lat.deg)
            total, weight = total + part * (stop - start) / n, weight + (stop - start) / n
    return total / weight


def gammapy_background(run):
    """The BKG_3D of a run as gammapy's `Background3D`."""
    from gammapy.irf import Background3D, FoVAlignment
    from gammapy.maps import MapAxis

    bkg = run["bkg"].to_dataset()
    energy = np.append(bkg.energy_lo, bkg.energy_hi[-1]) * u.TeV
    fov = [
        MapAxis.from_edges(
            np.append(bkg[f"{dim}_lo"], bkg[f"{dim}_hi"][-1]), unit="deg", name=f"fov_{name}"
        )
        for dim, name in (("detx", "lon"), ("dety", "lat"))
    ]
    return Background3D(
        axes=[MapAxis.from_energy_edges(energy), *fov],
        data=bkg.bkg.transpose("energy", "detx", "dety").values,
        unit="MeV-1 s-1 sr-1",
        fov_alignment=FoVAlignment(bkg.attrs["FOVALIGN"]),
    )
