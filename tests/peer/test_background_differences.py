"""Backgrounds that differ from gammapy's on purpose, its figure beside the truth."""

import warnings

import numpy as np
import pytest

import xgamma as xg
from tests.helpers.from_gammapy import parse_region
from xgamma.background.region_finder import reflected_regions
from xgamma.datasets.stack import stack_all
from xgamma.model.regions import region_mask


@pytest.mark.parametrize(
    ("radius", "size"), [(0.11, -0.003), (0.05, -0.024), (0.03, -0.062), (0.02, -0.14)]
)
def test_overlapping_off_regions(gammapy, radius, size):
    """gammapy counts an event in two off regions once, but the acceptance of each region whole."""
    from astropy.coordinates import SkyCoord
    from gammapy.makers import ReflectedRegionsFinder

    pointing = SkyCoord(83.63, 22.51, unit="deg")
    text = f"icrs;circle(83.63, 22.01, {radius})"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs, _ = ReflectedRegionsFinder().run(parse_region(text), pointing)
    # The part of the area that is counted, on pixels of 0.003 deg.
    frame = xg.create_map((83.63, 22.51), "1.3 deg", "0.003 deg", proj="TAN")
    union = float((region_mask(frame, list(theirs)) * frame.gamma.solid_angle).sum())
    each = 2 * np.pi * (1 - np.cos(np.deg2rad(radius)))
    assert union / (each * len(theirs)) - 1 == pytest.approx(size, abs=0.1 * abs(size) + 2e-3)
    ours = reflected_regions(text, pointing)
    if radius > 0.025:
        assert len(ours) == len(theirs)


def test_stacked_spectra_predict_the_sum(data, gammapy):
    """gammapy weights the dispersion of a stack with the exposure before containment."""
    from gammapy.data import DataStore
    from gammapy.datasets import SpectrumDataset
    from gammapy.makers import SafeMaskMaker, SpectrumDatasetMaker
    from gammapy.maps import MapAxis, RegionGeom
    from gammapy.modeling.models import PowerLawSpectralModel, SkyModel

    ids, text = [23523, 23526, 23559, 23592], "icrs;circle(83.63, 22.01, 0.11)"
    spectrum = xg.PowerLaw(index=2.5, amplitude="3e-11 cm-2 s-1 TeV-1")
    axes = xg.energy_axis("0.1 TeV", "40 TeV", 20), xg.energy_axis("0.05 TeV", "100 TeV", 60)
    options = {"select": ["exposure", "edisp"], "containment_correction": True}
    store = xg.open_store(data / "hess-dl3-dr1")
    tree = xg.reduce(
        [store[i] for i in ids],
        into=xg.create_spectrum(text, *axes),
        stack=False,
        safe_mask={"methods": ["aeff-max"], "aeff_percent": 10},
        **options,
    )
    parts = [node.to_dataset() for node in tree.children.values()]
    models = [xg.SkyModel(spectrum, name="source")]

    def predicted(ds):
        return ds.gamma.with_models(models).gamma.npred_signal().values

    expected = sum(np.where(ds.mask_safe, predicted(ds), 0.0) for ds in parts)
    used = expected > 0
    np.testing.assert_allclose(predicted(stack_all(parts))[used], expected[used], rtol=1e-6)

    energy = MapAxis.from_energy_bounds("0.1 TeV", "40 TeV", nbin=20)
    true = MapAxis.from_energy_bounds("0.05 TeV", "100 TeV", nbin=60, name="energy_true")
    geom = RegionGeom.create(parse_region(text), axes=[energy])
    maker = SpectrumDatasetMaker(
        selection=["counts", "exposure", "edisp"], containment_correction=True
    )
    safe = SafeMaskMaker(methods=["aeff-max"], aeff_percent=10)
    total = SpectrumDataset.create(geom, energy_axis_true=true, name="total")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for obs in DataStore.from_dir(data / "hess-dl3-dr1").get_observations(ids):
            one = maker.run(
                SpectrumDataset.create(geom, energy_axis_true=true, name=str(obs.obs_id)), obs
            )
            total.stack(safe.run(one, obs))
        total.models = [
            SkyModel(PowerLawSpectralModel(index=2.5, amplitude="3e-11 cm-2 s-1 TeV-1"))
        ]
        ratio = total.npred_signal().data[used, 0, 0] / expected[used]
    assert ratio[0] == pytest.approx(0.955, abs=0.003)
    assert ratio[1] == pytest.approx(1.005, abs=0.001)
    np.testing.assert_allclose(ratio[2:], 1.0, atol=0.003)
