"""HAWC from events to the fit of the Crab Nebula, bins 5 and 6, beside gammapy."""

import warnings

import astropy.units as u
import numpy as np
import pytest
import xarray as xr

import xgamma as xg

pytestmark = pytest.mark.filterwarnings("ignore::xgamma.XGammaWarning")

EDGES = [1.00, 1.78, 3.16, 5.62, 10.0, 17.8, 31.6, 56.2, 100, 177, 316] * u.TeV
CRAB = "83.63d 22.01d"
BINS = (5, 6)
INDEX = {
    "hdu_index": "hdu-index-table-GP-Crab.fits.gz",
    "obs_index": "obs-index-table-GP-Crab.fits.gz",
}


@pytest.fixture(scope="module")
def folder(data):
    return data / "hawc" / "crab_events_pass4"


def transits_at_center(folder):
    """The transits of the Crab Nebula: the pixel of the map that it lies in."""
    transits = xg.read_map(folder / "irfs" / "TransitsMap_Crab.fits.gz")
    x, y = transits.gamma.wcs.world_to_pixel_values(83.63, 22.01)
    return transits, float(transits.sel(x=np.floor(x + 0.5), y=np.floor(y + 0.5)))


@pytest.fixture(scope="module")
def ours(folder):
    template = xg.create_map(
        CRAB,
        "6 deg",
        "0.05 deg",
        xg.energy_axis_from_edges(EDGES),
        energy_true=xg.energy_axis("1e-3 TeV", "1e4 TeV", 140, name="energy_true"),
        rad=xg.rad_axis("0.66 deg", 66),
        binsz_irf="0.2 deg",
    )
    _, transits = transits_at_center(folder)
    found = []
    for number in BINS:
        obs = xg.open_store(folder, hdu_table=number, **INDEX)[103000133]
        ds = template.gamma.fill(obs, transits=transits, name=f"fHit {number}")
        found.append(ds.gamma.safe_mask(methods=["aeff-max"], aeff_percent=10))
    return found


@pytest.fixture(scope="module")
def theirs(folder):
    pytest.importorskip("gammapy")
    from astropy.coordinates import SkyCoord
    from gammapy.data import DataStore, HDUIndexTable, ObservationTable
    from gammapy.datasets import Datasets, MapDataset
    from gammapy.makers import MapDatasetMaker, SafeMaskMaker
    from gammapy.maps import Map, MapAxis, WcsGeom

    true = MapAxis.from_energy_bounds(1e-3, 1e4, nbin=140, unit="TeV", name="energy_true")
    energy = MapAxis.from_edges(EDGES, name="energy", interp="log")
    geom = WcsGeom.create(
        skydir=SkyCoord(83.63, 22.01, unit="deg"), width=6 * u.deg, axes=[energy], binsz=0.05
    )
    found = Datasets()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        transits = Map.read(folder / "irfs" / "TransitsMap_Crab.fits.gz")
        factor = transits.get_by_coord(geom.center_skydir)
        for number in BINS:
            store = DataStore(
                hdu_table=HDUIndexTable.read(folder / INDEX["hdu_index"], hdu=number),
                obs_table=ObservationTable.read(folder / INDEX["obs_index"]),
            )
            empty = MapDataset.create(
                geom, energy_axis_true=true, name=f"fHit {number}", reco_psf=True
            )
            selection = ["counts", "background", "exposure", "edisp", "psf"]
            ds = MapDatasetMaker(selection=selection).run(empty, store.get_observations()[0])
            ds.background.data *= factor
            ds.exposure.data *= factor
            ds.exposure.meta["livetime"] = 1 * u.s
            found.append(SafeMaskMaker(methods=["aeff-max"], aeff_percent=10).run(ds))
    return found


def models(names):
    spectrum = xg.LogParabola(
        amplitude="2e-13 cm-2 s-1 TeV-1", reference="7 TeV", alpha=2.7, beta=0.1
    )
    spectrum.beta.frozen = True
    place = xg.PointSource(lon_0="83.63 deg", lat_0="22.01 deg", frame="icrs")
    source = xg.SkyModel(spectrum, place, name="crab")
    return xg.Models([source, *(xg.FoVBackground(name) for name in names)])


def test_maps_are_those_of_gammapy(ours, theirs):
    for ds, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(ds.counts.transpose("energy", "y", "x"), other.counts.data)
        np.testing.assert_array_equal(
            ds.mask_safe.transpose("energy", "y", "x"), other.mask_safe.data
        )
        # gammapy takes a pixel for a parallelogram; ours are in single precision.
        background = ds.background.transpose("energy", "y", "x").values
        # Energies that HAWC has no background of are NaN in its files, and are so here.
        known = np.isfinite(background)
        assert known[2:6].all()
        np.testing.assert_allclose(
            background[known],
            other.background.data[known],
            atol=2e-6 * other.background.data.max(),
        )
        exposure = other.exposure.quantity.to_value("m2 s")
        found = ds.exposure.transpose("energy_true", "y", "x").values
        np.testing.assert_allclose(found, exposure, atol=1e-6 * exposure.max())
        edisp = ds.edisp.transpose("energy_true", "energy", "y_irf", "x_irf").values
        np.testing.assert_allclose(edisp, other.edisp.edisp_map.data, atol=1e-6)
        # gammapy leaves the part beyond 0.66 deg out, and scales kernels to one later.
        psf = ds.psf.transpose("energy", "rad", "y_irf", "x_irf").values
        expected = other.psf.psf_map.data
        safe = other.mask_safe.data.any((1, 2))
        shape, own = (v[safe, :, 15, 15] / v[safe, :1, 15, 15] for v in (expected, psf))
        np.testing.assert_allclose(own, shape, rtol=1e-5, atol=1e-7)


def test_prediction_and_statistic_are_those_of_gammapy(ours, theirs):
    from gammapy.modeling.models import Models

    found = models(theirs.names)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs.models = Models.from_yaml(found.to_yaml())
        for ds, other in zip(ours, theirs, strict=True):
            expected = other.npred_signal().data
            signal = ds.gamma.npred_signal(found, scheme="gammapy").transpose("energy", "y", "x")
            assert float(signal.sum()) == pytest.approx(expected.sum(), rel=1e-5)
            safe = other.mask_safe.data
            np.testing.assert_allclose(
                signal.values[safe], expected[safe], atol=2e-3 * expected[safe].max()
            )
            stat = xg.stat_sum(ds, found, scheme="gammapy")
            assert stat == pytest.approx(other.stat_sum(), rel=1e-5)


def test_fit_is_that_of_gammapy(ours, theirs):
    from gammapy.modeling import Fit
    from gammapy.modeling.models import Models

    start = models(theirs.names)
    for name in ("lon_0", "lat_0"):
        getattr(start["crab"].spatial, name).frozen = True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs.models = Models.from_yaml(start.to_yaml())
        expected = Fit().run(theirs)
    found = xg.fit(ours, start, scheme="gammapy")
    assert found.total_stat == pytest.approx(expected.total_stat, rel=1e-5)
    for name, other in (("amplitude", "amplitude"), ("alpha", "alpha")):
        parameter = getattr(found.models["crab"].spectral, name)
        there = theirs.models["crab"].spectral_model.parameters[other]
        # A hundredth of the error: MIGRAD stops within its tolerance.
        assert parameter.value == pytest.approx(there.value, abs=1e-2 * there.error)
        assert parameter.error == pytest.approx(there.error, rel=0.05)


def test_transits_may_be_a_map(ours, folder):
    transits, center = transits_at_center(folder)
    obs = xg.open_store(folder, hdu_table=5, **INDEX)[103000133]
    ds = ours[0].gamma.fill(obs, ["exposure", "background"], transits=transits)
    ratio = ds.exposure / ours[0].exposure
    ratio = ratio.where(ours[0].exposure > 0)
    expected = xr.DataArray(transits).interp(x=[9.5], y=[9.5]).item()
    middle = ratio.isel(y=slice(59, 61), x=slice(59, 61)).mean()
    assert float(middle) == pytest.approx(expected / center, rel=1e-3)
    assert "transits" not in ds.attrs


def test_a_store_of_several_tables_asks_which(folder):
    with pytest.raises(xg.MissingDataError, match="holds 9 tables: choose one, hdu_table=1 to 9"):
        xg.open_store(folder, **INDEX)
    with pytest.raises(xg.MissingDataError, match="has no table 12: there are 1, 2"):
        xg.open_store(folder, hdu_table=12, **INDEX)
    with pytest.raises(xg.ArgumentTypeError, match="must be the number or the name"):
        xg.open_store(folder, hdu_table=1.5, **INDEX)


def test_what_such_a_run_cannot_do_says_so(ours, folder):
    obs = xg.open_store(folder, hdu_table=5, **INDEX)[103000133]
    spectrum = xg.create_spectrum(
        "icrs;circle(83.63, 22.01, 1)",
        xg.energy_axis_from_edges(EDGES),
        energy_true=xg.energy_axis("1e-3 TeV", "1e4 TeV", 140, name="energy_true"),
    )
    with pytest.raises(xg.XGammaError, match="has its response 'aeff' as a map of the sky"):
        spectrum.gamma.fill(obs)
    other = xg.create_map(CRAB, "2 deg", "0.1 deg", xg.energy_axis("1 TeV", "100 TeV", 7))
    with pytest.raises(xg.AxisError, match="map of counts in 10 bins from 1 to 316 TeV"):
        other.gamma.fill(obs, ["background"])
    for transits in (-1, "many", [1, 2]):
        with pytest.raises(xg.XGammaError, match="transits="):
            ours[0].gamma.fill(obs, ["background"], transits=transits)
    wide = xg.create_map(
        CRAB,
        "2 deg",
        "0.1 deg",
        xg.energy_axis_from_edges(EDGES),
        energy_true=xg.energy_axis("1e-4 TeV", "1e4 TeV", 20, name="energy_true"),
    )
    with pytest.raises(xg.AxisError, match=r"ends at 0.001 and 1e.04 TeV along 'energy_true'"):
        wide.gamma.fill(obs, ["exposure"])
    wrong = obs.copy()
    area = wrong["aeff"].to_dataset()
    area["aeff"].attrs["units"] = "deg"
    wrong["aeff"] = xr.DataTree(area)
    with pytest.raises(xg.UnitError, match="effective area is a map in 'deg'"):
        ours[0].gamma.fill(wrong, ["exposure"])
