"""The flux along slices through an extended source."""

import matplotlib.pyplot as plt
from scene import gaussian, sky

import xgamma as xg

ds = sky(gaussian("nebula", 0.25, 2.4, 2e-11), binsz="0.05 deg")
slices = xg.slice_regions("82.74d 22.01d", "84.52d 22.01d", width="0.5 deg", n=11)
profile = ds.gamma.flux_profile(slices, energy_edges=[1, 20], models=[]).isel(energy=0)

figure = plt.figure(figsize=(8.4, 3.4))
grid = figure.add_gridspec(1, 2, width_ratios=[1, 1.1])
image = ds.counts.sum("energy")
left = image.gamma.plot(ax=figure.add_subplot(grid[0], projection=image.gamma.wcs), regions=slices)
left.set_title("Counts")
right = figure.add_subplot(grid[1])
right.errorbar(profile.distance, profile.flux, profile.flux_err, fmt="o")
right.axhline(0, color="0.6", lw=1)
right.set(xlabel="Distance from the first region [deg]", ylabel=f"Flux [{profile.flux.units}]")
