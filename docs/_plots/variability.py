"""The light curve of a source that varies from night to night."""

import matplotlib.pyplot as plt
from scene import CENTRE, point

import xgamma as xg
from xgamma.simulate.observations import simulate_observation

ON = "icrs;circle(83.63, 22.01, 0.1)"
empty = xg.create_spectrum(ON, xg.energy_axis("1 TeV", "10 TeV", 3))
runs = []
for night, flux in enumerate([3.5, 3.8, 3.2, 9.0, 6.5, 4.2, 3.6, 3.3]):
    obs = simulate_observation(
        "83.63d 22.51d",
        CENTRE,
        amplitude=flux * 1e-11,
        livetime="10 min",
        start=f"2020-01-{night + 10}T00:00",
        obs_id=night,
        seed=night,
    )
    ds = empty.gamma.fill(obs, select=["counts", "exposure", "edisp"], containment_correction=True)
    runs.append(ds.gamma.reflected_background(obs).assign_attrs(name=f"night {night}"))
curve = xg.light_curve(runs, "crab", models=point("crab", 3.5e-11)).isel(energy=0)
found = curve.gamma.variability()

figure, ax = plt.subplots()
ax.errorbar(curve.time.values, curve.flux, curve.flux_err, fmt="o")
ax.axhline(float(found["mean"]), color="0.6", lw=1)
ax.set(ylabel=f"Flux [{curve.flux.units}]", ylim=(0, None))
ax.set_title(f"fvar = {float(found.fvar):.2f} ± {float(found.fvar_err):.2f}")
figure.autofmt_xdate()
