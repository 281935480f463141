"""A significance map and its peaks."""

import matplotlib.pyplot as plt
from scene import point, sky

ds = sky(
    point("first", 4e-12),
    point("second", 3e-12, 84.1, 22.4),
    point("third", 2e-12, 83.0, 21.6),
    binsz="0.05 deg",
)
maps = ds.gamma.with_models([]).gamma.excess_map("0.1 deg")
image = maps.sqrt_ts.squeeze(drop=True)
peaks = image.gamma.find_peaks(threshold=5, min_distance="0.3 deg")

figure = plt.figure(figsize=(4.6, 3.6))
ax = image.gamma.plot(ax=figure.add_subplot(projection=image.gamma.wcs))
ax.plot(peaks.lon, peaks.lat, "+", ms=10, color="k", transform=ax.get_transform("icrs"))
ax.set_title("Significance and its peaks")
