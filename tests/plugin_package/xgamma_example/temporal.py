"""A temporal model."""

import xgamma as xg


def on_and_off(mjd, period):
    """On for the first half of each period."""
    return 1.0 * (mjd % period < period / 2)


ON_AND_OFF = xg.ModelRecord(
    "temporal", "OnAndOffModel", on_and_off, (xg.Parameter("period", 10.0, "d"),)
)
