"""The fit statistic against the spectral index, and the test of one value of it."""

import matplotlib.pyplot as plt
import numpy as np
from scene import point, sky

import xgamma as xg

INDEX, NULL = "crab.spectral.index", 2.2
ds = sky(point("crab", 1e-11), livetime="30 min")
test = ds.gamma.nested_test({INDEX: NULL})
scan = xg.fit(ds).profile(INDEX, np.linspace(2.0, 3.2, 13))

figure, ax = plt.subplots()
ax.plot(scan[INDEX], scan.delta_stat)
ax.plot([NULL, NULL], [0, float(test.ts)], "o-", color="C1", label=f"TS = {float(test.ts):.1f}")
ax.set(xlabel="Spectral index", ylabel="Fit statistic above its minimum", ylim=(0, None))
ax.set_title(f"index {NULL} is disfavoured by {float(test.significance):.1f} sigma")
ax.legend()
