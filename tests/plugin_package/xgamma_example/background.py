"""A background method: the instrument's, scaled to the counts far from the pointing."""

from astropy.units import Quantity

import xgamma as xg


def outer_background(ds, obs, *, radius="1 deg"):
    """Scale each energy bin to the counts beyond a radius around the pointing."""
    far = ds.gamma.separation(obs.gamma.pointing) > Quantity(radius).to_value("deg")
    use = far & ds.mask_safe if "mask_safe" in ds else far
    norm = ds.counts.where(use).sum(["y", "x"]) / ds.background.where(use).sum(["y", "x"])
    scaled = (ds.background * norm).assign_attrs(ds.background.attrs)
    return ds.assign(background=scaled.fillna(0.0))


OUTER = xg.BackgroundRecord(
    "outer",
    "Scaled to the counts far from the pointing.",
    outer_background,
    kinds=("map",),
    needs_run=True,
    safe_only=True,  # it looks where mask_safe is True only
)
