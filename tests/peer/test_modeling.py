"""Prediction, statistics and fits against gammapy 2.1, and against its recorded figures."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from regions import CircleSkyRegion

import xgamma as xg
from tests.helpers.from_gammapy import map_from_gammapy, spectrum_from_gammapy

# Recorded by peer/reference.py, workflow cta_gc_npred.
PER_ENERGY = [
    29.60976990744672,
    26.54942765817099,
    28.193174214316727,
    27.417488032378518,
    18.516712044436186,
    17.556334294019273,
    22.605710567131197,
    17.341822667706573,
    12.37759493585875,
    11.793876686108879,
]
CENTER = SkyCoord(0, 0, unit="deg", frame="galactic")


def source(spatial=None):
    shape = spatial or xg.PointSource(position=CENTER, frame="galactic")
    return xg.SkyModel(xg.PowerLaw(), shape, name="source")


def test_point_source_prediction(ours):
    """With the dispersion of the nearest node, as gammapy takes it: equal to 1e-5."""
    got = ours.gamma.npred_signal(source(), scheme="gammapy")
    assert float(got.sum()) == pytest.approx(211.96191100757383, rel=1e-5)
    np.testing.assert_allclose(got.sum(("y", "x")), PER_ENERGY, rtol=1e-5)


def test_point_source_prediction_with_interpolated_dispersion(ours):
    """Between four nodes gammapy takes one of them; interpolated, bins move by 0.2 %."""
    got = ours.gamma.npred_signal(source())
    assert float(got.sum()) == pytest.approx(211.96191100757383, rel=1e-3)
    np.testing.assert_allclose(got.sum(("y", "x")), PER_ENERGY, rtol=2.5e-3)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (xg.Gaussian(lon=0.3, lat=-0.1, sigma="0.2 deg", frame="galactic"), 209.51819416971261),
        (xg.Disk(lon=0.3, lat=-0.1, r_0="0.3 deg", frame="galactic"), 209.59200720064445),
    ],
)
def test_extended_sources(ours, shape, expected):
    # The flux is kept: that of gammapy's disk falls short by 2.3e-3 on this grid.
    assert float(ours.gamma.npred_signal(source(shape)).sum()) == pytest.approx(expected, rel=3e-3)
    alike = ours.gamma.npred_signal(source(shape), scheme="gammapy")
    assert float(alike.sum()) == pytest.approx(expected, rel=1e-5)


def test_totals_and_masked_statistic(ours):
    models = [source(), xg.FoVBackground("gc")]
    held = ours.gamma.with_models(models)
    assert float(held.gamma.npred().sum()) == pytest.approx(91719.64820309568, rel=1e-5)
    assert float(held.gamma.npred_background().sum()) == pytest.approx(91507.68629208812, rel=1e-6)
    assert held.gamma.stat_sum(scheme="gammapy") == pytest.approx(424649.2109033218, rel=1e-5)
    # The PSF not widened by the pixels around the source: another 1e-4.
    assert held.gamma.stat_sum() == pytest.approx(424649.2109033218, rel=2e-4)
    region = CircleSkyRegion(CENTER, 1.5 * u.deg)
    mask = held.gamma.region_mask([region]) & held.gamma.energy_mask("0.3 TeV", "8 TeV")
    masked = held.assign(mask_fit=mask)
    assert int((mask & held.mask_safe).sum()) == 67824
    assert masked.gamma.stat_sum(scheme="gammapy") == pytest.approx(44318.255527727895, rel=1e-5)
    assert masked.gamma.stat_sum() == pytest.approx(44318.255527727895, rel=1e-3)


@pytest.mark.parametrize(
    ("shape", "kwargs"),
    [
        ("point", {}),
        ("gauss", {"sigma": "0.05 deg"}),
        ("gauss", {"sigma": "0.3 deg", "e": 0.7, "phi": "40 deg"}),
        ("disk", {"r_0": "0.1 deg"}),
        ("shell", {"radius": "0.3 deg", "width": "0.1 deg"}),
        ("gauss-general", {"r_0": "0.2 deg", "eta": 0.6}),
    ],
)
def test_maps_agree_pixel_by_pixel(peer, ours, shape, kwargs):
    from gammapy.modeling.models import Models, SkyModel

    model = SkyModel.create("pl", shape, name="m")
    model.spatial_model.frame = "galactic"
    model.spatial_model.lon_0.value, model.spatial_model.lat_0.value = 0.713, -0.421
    for name, value in kwargs.items():
        getattr(model.spatial_model, name).quantity = u.Quantity(value)
    copy = peer.copy(name="gc")
    copy.models = [model]
    theirs = copy.npred_signal().data
    mine = ours.gamma.npred_signal(
        xg.Models.from_yaml(Models([model]).to_yaml()), scheme="gammapy"
    ).values
    # gammapy's kernels end at 0.999 of the PSF at the source, ours at the map's widest.
    np.testing.assert_allclose(mine, theirs, atol=5e-3 * theirs.max())
    np.testing.assert_allclose(mine.sum((1, 2)), theirs.sum((1, 2)), rtol=1e-3)


def test_fit_of_the_galactic_centre(peer, ours):
    """A free source over a free background: the minimum of gammapy, and not above it."""
    from gammapy.modeling import Fit
    from gammapy.modeling.models import Models

    models = xg.Models(
        [
            xg.SkyModel(
                xg.PowerLaw(index=2.3, amplitude="2e-12 cm-2 s-1 TeV-1"),
                xg.PointSource(lon=0.02, lat=0.01, frame="galactic"),
                name="source",
            ),
            xg.FoVBackground("gc"),
        ]
    )
    result = xg.fit(ours, models, scheme="gammapy")
    copy = peer.copy(name="gc")
    copy.models = Models.from_yaml(models.to_yaml())
    theirs = Fit().run([copy])
    assert result.success
    assert result.total_stat == pytest.approx(theirs.total_stat, abs=1.0)
    for mine, other in zip(
        result.models.free_parameters, copy.models.parameters.free_parameters, strict=True
    ):
        assert mine.value == pytest.approx(other.value, abs=0.05 * other.error)
        assert mine.error == pytest.approx(other.error, rel=0.02)
    # The sharper PSF moves nothing by more than half an error.
    exact = xg.fit(ours, models)
    pull = (exact.to_dataset().value - result.to_dataset().value) / result.errors
    assert float(abs(pull).max()) < 0.6


@pytest.fixture(scope="module")
def crab_spectra(data, gammapy):
    """The four Crab runs of the reference workflow crab1d_reflected, reduced by gammapy."""
    from gammapy.data import DataStore
    from gammapy.datasets import Datasets, SpectrumDataset
    from gammapy.makers import (
        ReflectedRegionsBackgroundMaker,
        SafeMaskMaker,
        SpectrumDatasetMaker,
    )
    from gammapy.maps import MapAxis, RegionGeom, WcsGeom

    store = DataStore.from_dir(data / "hess-dl3-dr1")
    crab = SkyCoord(83.63, 22.01, unit="deg")
    energy = MapAxis.from_energy_bounds("0.1 TeV", "40 TeV", nbin=20)
    true = MapAxis.from_energy_bounds("0.05 TeV", "100 TeV", nbin=60, name="energy_true")
    geom = RegionGeom.create(CircleSkyRegion(crab, 0.11 * u.deg), axes=[energy])
    exclusion = WcsGeom.create(
        npix=(150, 150), binsz=0.05, skydir=crab.galactic, proj="TAN", frame="galactic"
    )
    mask = ~exclusion.region_mask([CircleSkyRegion(crab, 0.5 * u.deg)])
    empty = SpectrumDataset.create(geom, energy_axis_true=true)
    maker = SpectrumDatasetMaker(
        containment_correction=True, selection=["counts", "exposure", "edisp"]
    )
    background = ReflectedRegionsBackgroundMaker(exclusion_mask=mask)
    safe = SafeMaskMaker(methods=["aeff-max"], aeff_percent=10)
    datasets = Datasets()
    for obs in store.get_observations([23523, 23526, 23559, 23592]):
        one = maker.run(empty.copy(name=str(obs.obs_id)), obs)
        datasets.append(safe.run(background.run(one, obs), obs))
    return datasets


def test_reflected_crab_fit(crab_spectra):
    stacked = spectrum_from_gammapy(crab_spectra.stack_reduce(name="stacked"))
    assert stacked.gamma.stat_sum([]) == pytest.approx(1596.2784005533097, rel=1e-6)
    model = xg.SkyModel(xg.PowerLaw(index=2.6, amplitude="3.5e-11 cm-2 s-1 TeV-1"), name="crab")
    result = xg.fit(stacked, model)
    fitted = result.models["crab"].spectral
    assert fitted.index.value == pytest.approx(2.6318782013854385, rel=1e-4)
    assert fitted.index.error == pytest.approx(0.06668282076231376, rel=1e-3)
    assert fitted.amplitude.value == pytest.approx(4.253497400098291e-11, rel=1e-4)
    assert fitted.amplitude.error == pytest.approx(2.295299192897261e-12, rel=1e-3)
    assert result.total_stat == pytest.approx(16.976274398990007, abs=1e-4)


def test_joint_fit_of_four_runs(crab_spectra):
    from gammapy.modeling import Fit
    from gammapy.modeling.models import Models

    model = xg.SkyModel(xg.PowerLaw(index=2.6, amplitude="3.5e-11 cm-2 s-1 TeV-1"), name="crab")
    result = xg.fit([spectrum_from_gammapy(d) for d in crab_spectra], model)
    copies = crab_spectra.copy()
    copies.models = Models.from_yaml(xg.Models(model).to_yaml())
    theirs = Fit().run(copies)
    assert result.total_stat == pytest.approx(theirs.total_stat, abs=1e-3)
    for mine, other in zip(
        result.models.free_parameters, copies.models.parameters.free_parameters, strict=True
    ):
        assert mine.value == pytest.approx(other.value, rel=1e-3)
        assert mine.error == pytest.approx(other.error, rel=5e-3)


def test_wstat_of_joint_crab_hess(data, gammapy):
    from gammapy.datasets import Datasets, SpectrumDatasetOnOff

    files = sorted((data / "joint-crab/spectra/hess").glob("pha_*.fits"))
    datasets = Datasets([SpectrumDatasetOnOff.read(f) for f in files])
    stacked = spectrum_from_gammapy(datasets.stack_reduce(name="stacked"))
    assert stacked.gamma.stat_sum([]) == pytest.approx(1530.3618437919727, rel=1e-6)
    for one in datasets:
        assert spectrum_from_gammapy(one).gamma.stat_sum([]) == pytest.approx(
            float(one.stat_sum()), rel=1e-9
        )


def test_flux_points_of_the_crab(crab_spectra):
    from gammapy.estimators import FluxPointsEstimator
    from gammapy.modeling.models import Models

    from xgamma.estimators.flux_points import flux_points

    peer = crab_spectra.stack_reduce(name="stacked")
    model = xg.SkyModel(xg.PowerLaw(index=2.63, amplitude="4.25e-11 cm-2 s-1 TeV-1"), name="crab")
    peer.models = Models.from_yaml(xg.Models(model).to_yaml())
    # Where bins end, so that no band is told to be another.
    axis = peer.counts.geom.axes["energy"].edges
    edges = axis[np.argmin(np.abs(np.log(axis / ([[0.6], [2], [30]] * u.TeV))), axis=1)]
    estimator = FluxPointsEstimator(energy_edges=edges, source="crab", selection_optional="all")
    theirs = estimator.run([peer]).to_table(sed_type="likelihood")
    ours = flux_points(spectrum_from_gammapy(peer), "crab", edges, models=model)
    for name in ("norm", "norm_errn", "norm_errp", "norm_ul", "ts", "ref_dnde", "ref_flux"):
        np.testing.assert_allclose(ours[name], np.asarray(theirs[name]), rtol=1e-3)
    np.testing.assert_allclose(ours.norm_err, np.asarray(theirs["norm_err"]), rtol=1e-2)
    np.testing.assert_allclose(ours.stat_scan, np.asarray(theirs["stat_scan"]), rtol=1e-4)
    np.testing.assert_allclose(ours.energy, np.asarray(theirs["e_ref"]))


def test_sensitivity_of_the_crab_region(crab_spectra):
    from gammapy.estimators import SensitivityEstimator

    from xgamma.estimators.sensitivity import sensitivity

    peer = crab_spectra.stack_reduce(name="stacked")
    theirs = SensitivityEstimator().run(peer)
    ours = sensitivity(spectrum_from_gammapy(peer))
    good = np.isfinite(np.asarray(theirs["e2dnde"]))
    assert good.sum() == 14
    for name in ("e2dnde", "excess", "background"):
        np.testing.assert_allclose(ours[name][good], np.asarray(theirs[name])[good], rtol=1e-3)
    assert list(ours.criterion.values[good]) == list(theirs["criterion"][good])
    assert bool(np.isnan(ours.e2dnde[~good]).all())


def test_ts_map_of_the_galactic_centre(peer, ours):
    from gammapy.estimators import TSMapEstimator
    from gammapy.modeling.models import Models

    from xgamma.estimators.maps import ts_map

    part = peer.cutout(CENTER, 1.5 * u.deg)
    part.models = []
    test = xg.SkyModel(xg.PowerLaw(index=2.2), xg.PointSource(frame="galactic"), name="test")
    other = Models.from_yaml(xg.Models(test).to_yaml())[0]
    theirs = TSMapEstimator(other, kernel_width="0.5 deg", sum_over_energy_groups=False).run(part)
    mine = ts_map(map_from_gammapy(part), test, kernel_width="0.5 deg", scheme="gammapy")
    assert mine.ts.shape == theirs["ts"].data[0].shape
    inner = slice(10, -10)
    reference = theirs["ts"].data[0]
    np.testing.assert_allclose(
        mine.ts.values[inner, inner], reference[inner, inner], rtol=0.02, atol=0.5
    )
    bright = reference > 50
    norm = theirs["norm"].data[0]
    np.testing.assert_allclose(mine.norm.values[bright], norm[bright], rtol=0.02)
    np.testing.assert_allclose(
        mine.norm_err.values[bright], theirs["norm_err"].data[0][bright], rtol=0.03
    )


def test_excess_map_of_the_galactic_centre(peer, ours):
    from gammapy.estimators import ExcessMapEstimator

    from xgamma.estimators.maps import excess_map

    part = peer.cutout(CENTER, 1.5 * u.deg)
    part.models = []
    theirs = ExcessMapEstimator("0.1 deg", selection_optional=["errn-errp", "ul"]).run(part)
    mine = excess_map(map_from_gammapy(part), "0.1 deg", errors=True)
    for ours_name, name in (
        ("counts", "counts"),
        ("excess", "npred_excess"),
        ("sqrt_ts", "sqrt_ts"),
    ):
        reference = theirs[name].data[0]
        np.testing.assert_allclose(mine[ours_name], reference, rtol=1e-3, atol=1e-2)


def test_prediction_for_a_file_read_here(data, ours):
    """gammapy's figures straight from its file, without gammapy."""
    read = xg.read_fits(data / "dl4/cta-1dc-gc.fits.gz", name="gc")
    got = read.gamma.npred_signal(source(), scheme="gammapy")
    np.testing.assert_allclose(got.sum(("y", "x")), PER_ENERGY, rtol=1e-5)
    held = read.gamma.with_models([source(), xg.FoVBackground("gc")])
    assert held.gamma.stat_sum(scheme="gammapy") == pytest.approx(424649.2109033218, rel=1e-5)


def test_template_map_from_a_file_and_back(tmp_path, peer, ours):
    from gammapy.modeling.models import Models

    from xgamma.io.fits_write import write_map

    shape = xg.Gaussian(lon=0.2, lat=0.1, sigma="0.3 deg", frame="galactic")
    image = shape(*ours.gamma.cutout(CENTER, "5 deg").gamma.lonlat).rename("template")
    path = tmp_path / "template.fits"
    write_map(image, path)
    model = xg.SkyModel(
        xg.PowerLaw(), xg.TemplateMap(xg.read_map(path), filename=str(path)), name="t"
    )
    text = xg.Models(model).to_yaml()
    again = xg.Models.from_yaml(text)
    assert again.to_yaml() == text
    expected = ours.gamma.npred_signal(source(shape)).sum(("y", "x"))
    np.testing.assert_allclose(ours.gamma.npred_signal(again).sum(("y", "x")), expected, rtol=2e-3)
    copy = peer.copy(name="gc")
    copy.models = Models.from_yaml(text)
    theirs = copy.npred_signal().data.sum((1, 2))
    mine = ours.gamma.npred_signal(again, scheme="gammapy").sum(("y", "x"))
    # The centre lies on a corner of four nodes: the last digit decides which one is nearest.
    np.testing.assert_allclose(mine, theirs, rtol=5e-3)
    back = xg.Models.from_yaml(copy.models.to_yaml())
    assert back["t"].spatial.filename == str(path)
    extra = xg.TemplateNPred(ours.background, name="extra", filename=str(tmp_path / "npred.fits"))
    write_map(ours.background, extra.filename)
    found = xg.Models.from_yaml(xg.Models(extra).to_yaml())
    np.testing.assert_allclose(ours.gamma.npred_signal(found), ours.background, rtol=1e-6)


def test_onoff_maps(peer, ours):
    """The W statistic of a map, bin by bin, and its sum under the mask."""
    from gammapy.datasets import MapDatasetOnOff
    from gammapy.modeling.models import Models

    part = peer.cutout(CENTER, 2 * u.deg)
    onoff = MapDatasetOnOff.from_map_dataset(
        part, acceptance=1.0, acceptance_off=4.0, counts_off=part.background * 4.0, name="gc"
    )
    mine = map_from_gammapy(part).drop_vars("background")
    like = mine.counts * 0.0
    mine = mine.assign(
        acceptance=like + 1, acceptance_off=like + 4, counts_off=like + onoff.counts_off.data
    )
    model = xg.Models(source())
    onoff.models = Models.from_yaml(model.to_yaml())
    got = mine.gamma.stat_sum(model, scheme="gammapy")
    assert got == pytest.approx(float(onoff.stat_sum()), rel=1e-5)
    bins = mine.gamma.stat_array(model, scheme="gammapy").values
    theirs = onoff.stat_array().data if hasattr(onoff.stat_array(), "data") else onoff.stat_array()
    np.testing.assert_allclose(bins, theirs, rtol=1e-2, atol=2e-2)
    free = source()
    free.spatial.freeze()
    free.spectral.index.frozen = True
    result = xg.fit(mine, free)
    assert result.success
    assert result.total_stat < got
