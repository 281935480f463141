"""A source that shrinks with energy: fits of bands by themselves, and one for all."""

import matplotlib.pyplot as plt
from scene import gaussian, sky

ds = sky(
    gaussian("core", 0.1, 2.0, 1e-11),
    gaussian("halo", 0.4, 3.2, 4e-11),
    width="1.5 deg",
    nbin=3,
)
nebula = gaussian("nebula", 0.25, 2.5, 2e-11)
for parameter in (nebula.spectral.index, nebula.spatial.lon, nebula.spatial.lat):
    parameter.frozen = True
ds = ds.gamma.with_models(nebula)
found = ds.gamma.energy_morphology("nebula", ds.gamma.edges("energy"))

figure, ax = plt.subplots()
joint, error = float(found.sigma_joint), float(found.sigma_joint_err)
ax.axhspan(joint - error, joint + error, color="0.85", label="one width for all bands")
ax.axhline(joint, color="0.5")
width = [found.energy - found.energy_lo, found.energy_hi - found.energy]
ax.errorbar(found.energy, found.sigma, found.sigma_err, width, fmt="o", label="fit of each band")
ax.set(xscale="log", xlabel="Energy [TeV]", ylabel="sigma [deg]")
ax.set_title(f"TS = {float(found.ts):.0f} for {int(found.dof)} degrees of freedom")
ax.legend()
