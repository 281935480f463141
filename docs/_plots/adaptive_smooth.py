"""Counts, the adaptively smoothed flux, and the scale of the kernel."""

import matplotlib.pyplot as plt
from scene import gaussian, point, sky

ds = sky(
    gaussian("nebula", 0.2, 2.4, 6e-12, 83.95, 22.2),
    point("star", 4e-12, 83.2, 21.7),
    binsz="0.04 deg",
)
maps = ds.gamma.adaptive_smooth(["0.05 deg", "0.1 deg", "0.2 deg", "0.4 deg"], threshold=4)

shown = {"Counts": ds.counts.sum("energy"), "Flux": maps.flux, "Scale [deg]": maps.scale}
figure = plt.figure(figsize=(11, 3))
for place, (title, image) in enumerate(shown.items(), 1):
    image = image.squeeze(drop=True)
    ax = figure.add_subplot(1, 3, place, projection=image.gamma.wcs)
    image.gamma.plot(ax=ax, title=title)
    ax.coords[0].set_ticks(number=3)
    if place > 1:
        ax.coords[1].set_axislabel(" ")
