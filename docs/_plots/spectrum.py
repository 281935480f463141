"""The flux points and the fit of the first page."""

import tempfile

import xgamma as xg
from xgamma.dl3 import simulate_store

with tempfile.TemporaryDirectory() as folder:
    runs = xg.open_store(simulate_store(f"{folder}/simulated", n_runs=4))
    spectrum = xg.create_spectrum(
        "icrs;circle(83.63, 22.01, 0.11)",
        xg.energy_axis("0.7 TeV", "30 TeV", nbin=12),
        energy_true=xg.energy_axis("0.3 TeV", "60 TeV", nbin=36, name="energy_true"),
    )
    spectra = xg.reduce(
        runs,
        into=spectrum,
        stack=False,
        containment_correction=True,
        select=["counts", "exposure", "edisp"],
        background={"method": "reflected", "exclusion": "icrs;circle(83.63, 22.01, 0.3)"},
        progress=False,
    ).load()
start = xg.PowerLaw(index=2, amplitude="1e-11 cm-2 s-1 TeV-1", reference="1 TeV")
result = xg.fit(spectra, xg.SkyModel(start, name="crab"))
fitted = spectra.gamma.with_models(result.models)
points = fitted.gamma.flux_points("crab", energy_edges=spectrum.gamma.edges("energy")[::2])
upper, lower = xg.plot_spectrum(points, result.models["crab"])
upper.figure.set_size_inches(5.2, 4.6)
