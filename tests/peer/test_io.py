"""Files that gammapy reads, and files of gammapy that are read here."""

import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from tests.helpers.filled_datasets import filled

# dims of gammapy's arrays are those of ours, with the sky last.
MAPS = ("counts", "background", "exposure", "mask_safe", "mask_fit")
ONOFF = ("counts", "counts_off", "acceptance", "acceptance_off", "exposure", "mask_safe")


def peer_values(dataset, name):
    if name in ("psf", "edisp"):
        irf = getattr(dataset, name)
        return getattr(irf, f"{name}_map").data
    if name.endswith("_exposure"):
        return np.squeeze(getattr(dataset, name.removesuffix("_exposure")).exposure_map.data, 1)
    return getattr(dataset, name).data


def assert_same(dataset, ds, names):
    for name in names:
        ours = ds[name].values
        np.testing.assert_array_equal(np.reshape(peer_values(dataset, name), ours.shape), ours)


def assert_same_geometry(dataset, ds):
    geom = dataset.counts.geom
    edges = geom.axes["energy"].edges.to_value("TeV")
    np.testing.assert_allclose(edges, ds.gamma.edges("energy").to_value("TeV"), rtol=1e-14)
    if "x" in ds.dims:
        lon, lat = ds.gamma.lonlat
        center = geom.to_image().get_coord().skycoord
        np.testing.assert_allclose(center.data.lon.deg, lon % 360, atol=1e-9)
        np.testing.assert_allclose(center.data.lat.deg, lat, atol=1e-9)


@pytest.mark.parametrize("frame", ["icrs", "galactic"])
@pytest.mark.parametrize("suffix", ["fits", "fits.gz"])
def test_the_peer_reads_maps(gammapy, tmp_path, frame, suffix):
    from gammapy.datasets import MapDataset

    ds = filled("map", frame=frame)
    ds.gamma.to_fits(tmp_path / f"a.{suffix}")
    dataset = MapDataset.read(tmp_path / f"a.{suffix}")
    assert_same(dataset, ds, (*MAPS, "psf", "edisp", "psf_exposure", "edisp_exposure"))
    assert_same_geometry(dataset, ds)
    assert dataset.exposure.meta["livetime"].to_value("s") == ds.exposure.attrs["livetime"]
    start = dataset.gti.time_start.tt
    assert start[0].isot == ds.gti_start.attrs["reference_time"]
    np.testing.assert_allclose(dataset.gti.time_sum.to_value("s"), 80.0)
    assert list(dataset.meta_table["OBS_ID"][0]) == list(ds.obs_id.values)
    psf = dataset.psf.psf_map.geom
    lon, lat = xg.model.sky.lonlat(ds, irf=True)
    center = psf.to_image().get_coord().skycoord
    np.testing.assert_allclose(center.data.lon.deg, lon % 360, atol=1e-9)
    np.testing.assert_allclose(center.data.lat.deg, lat, atol=1e-9)


def test_the_peer_reads_migration_and_cutouts(gammapy, tmp_path):
    from gammapy.datasets import MapDataset

    ds = filled("map_migra").isel(x=slice(2, 9), y=slice(1, 8))
    ds.gamma.to_fits(tmp_path / "a.fits")
    dataset = MapDataset.read(tmp_path / "a.fits")
    assert_same(dataset, ds, ("counts", "edisp", "edisp_exposure"))
    assert_same_geometry(dataset, ds)


@pytest.mark.parametrize("without", [(), ("counts_off",), ("counts_off", "acceptance_off")])
def test_the_peer_reads_on_off_maps(gammapy, tmp_path, without):
    from gammapy.datasets import MapDatasetOnOff

    ds = filled("map_onoff").drop_vars(list(without))
    ds.gamma.to_fits(tmp_path / "a.fits")
    dataset = MapDatasetOnOff.read(tmp_path / "a.fits")
    assert_same(dataset, ds, [n for n in ONOFF if n not in without])
    assert all(getattr(dataset, name) is None for name in without)
    xr.testing.assert_identical(xg.read_fits(tmp_path / "a.fits"), ds)


@pytest.mark.parametrize("kind", ["spectrum", "spectrum_onoff"])
def test_the_peer_reads_spectra(gammapy, tmp_path, kind):
    from gammapy.datasets import SpectrumDataset, SpectrumDatasetOnOff

    ds = filled(kind)
    ds.gamma.to_fits(tmp_path / "a.fits")
    cls = SpectrumDataset if kind == "spectrum" else SpectrumDatasetOnOff
    if kind == "spectrum":
        dataset = cls.read(tmp_path / "a.fits")
        assert_same(dataset, ds, ("counts", "background", "exposure", "mask_safe", "edisp"))
    else:
        from gammapy.datasets import MapDatasetOnOff

        dataset = MapDatasetOnOff.read(tmp_path / "a.fits")
        assert_same(dataset, ds, (*ONOFF, "edisp"))
    assert_same_geometry(dataset, ds)
    region = dataset.counts.geom.region
    np.testing.assert_allclose(region.radius.to_value("deg"), 0.11, rtol=1e-6)
    np.testing.assert_allclose(region.center.icrs.ra.deg, 83.63, rtol=1e-9)


def test_the_peer_reads_single_maps(gammapy, tmp_path):
    from gammapy.maps import Map

    ds = filled("map", frame="galactic", proj="CAR")
    for name in ("counts", "exposure", "psf"):
        ds[name].gamma.to_fits(tmp_path / f"{name}.fits")
        read = Map.read(tmp_path / f"{name}.fits")
        np.testing.assert_array_equal(read.data, ds[name])
        assert read.unit == ds.gamma.quantity(name).unit
    ds.gamma.solid_angle.gamma.to_fits(tmp_path / "omega.fits")
    assert Map.read(tmp_path / "omega.fits").unit == "sr"


@pytest.fixture(scope="module")
def peer_map(gammapy):
    """A dataset of gammapy with all it can hold."""
    import astropy.units as u
    from astropy.table import Table
    from gammapy.data import GTI
    from gammapy.datasets import MapDataset
    from gammapy.irf import EDispKernelMap, PSFMap
    from gammapy.maps import MapAxis, WcsGeom

    energy = MapAxis.from_energy_bounds("1 TeV", "10 TeV", 3)
    true = MapAxis.from_energy_bounds("0.5 TeV", "20 TeV", 5, name="energy_true")
    geom = WcsGeom.create(
        skydir=(83.63, 22.01), width=(3, 2), binsz=0.1, frame="icrs", proj="TAN", axes=[energy]
    )
    dataset = MapDataset.create(geom, true, binsz_irf=0.5, name="theirs")
    rng = np.random.default_rng(1)
    dataset.counts.data += rng.poisson(2, dataset.counts.data.shape)
    dataset.background.data += rng.random(dataset.counts.data.shape)
    dataset.exposure.data += rng.random(dataset.exposure.data.shape)
    dataset.mask_safe.data[1:] = True
    dataset.psf = PSFMap.from_gauss(
        true, sigma=0.1 * u.deg, geom=dataset.psf.psf_map.geom.to_image()
    )
    dataset.edisp = EDispKernelMap.from_gauss(
        energy, true, sigma=0.2, bias=0, geom=dataset.edisp.edisp_map.geom.to_image()
    )
    dataset.gti = GTI.create([0, 100] * u.s, [50, 130] * u.s, reference_time="2010-01-01T00:00:00")
    dataset.meta_table = Table({"OBS_ID": [7], "TELESCOP": ["CTA"], "RA_PNT": [83.0]})
    dataset.exposure.meta["livetime"] = 75 * u.s
    return dataset


def test_maps_of_the_peer(peer_map, tmp_path):
    peer_map.write(tmp_path / "a.fits.gz")
    ds = xg.read_fits(tmp_path / "a.fits.gz")
    assert ds.gamma.validate() == []
    assert_same(peer_map, ds, ("counts", "background", "exposure", "mask_safe", "psf", "edisp"))
    assert_same_geometry(peer_map, ds)
    assert ds.gti_start.attrs["reference_time"].startswith("2010-01-01T00:01:06.184")
    assert ds.obs_id.item() == 7
    assert ds.exposure.attrs["livetime"] == 75.0


def test_fits_to_zarr_to_fits(peer_map, tmp_path):
    from gammapy.datasets import MapDataset

    peer_map.write(tmp_path / "a.fits")
    ds = xg.read_fits(tmp_path / "a.fits")
    ds.gamma.to_zarr(tmp_path / "a.zarr")
    xg.open(tmp_path / "a.zarr").gamma.to_fits(tmp_path / "b.fits")
    first, second = (MapDataset.read(tmp_path / f"{n}.fits") for n in "ab")
    for name in ("counts", "background", "exposure", "mask_safe"):
        ours, theirs = getattr(first, name), getattr(second, name)
        assert ours.geom == theirs.geom
        np.testing.assert_array_equal(ours.data, theirs.data)
    for one in (first, second):
        np.testing.assert_array_equal(one.psf.psf_map.data, first.psf.psf_map.data)
        np.testing.assert_array_equal(one.edisp.edisp_map.data, first.edisp.edisp_map.data)
        assert one.edisp.edisp_map.geom == first.edisp.edisp_map.geom
        assert one.psf.psf_map.geom == first.psf.psf_map.geom
    assert abs((first.gti.time_start - second.gti.time_start).to_value("s")).max() < 1e-6


def test_spectra_of_the_peer(gammapy, peer_map, tmp_path):
    from regions import CircleSkyRegion

    region = CircleSkyRegion(
        peer_map.counts.geom.center_skydir, 0.3 * peer_map.psf.psf_map.geom.axes["rad"].unit
    )
    spectrum = peer_map.to_spectrum_dataset(region, containment_correction=False)
    spectrum.write(tmp_path / "s.fits")
    ds = xg.read_fits(tmp_path / "s.fits")
    assert ds.gamma.kind == "spectrum"
    assert ds.gamma.validate() == []
    assert_same(spectrum, ds, ("counts", "background", "exposure", "mask_safe", "edisp"))
    assert "circle(83.63" in str(ds.region.values)


def test_on_off_maps_of_the_peer(gammapy, peer_map, tmp_path):
    from gammapy.datasets import MapDatasetOnOff

    dataset = MapDatasetOnOff.from_map_dataset(
        peer_map, acceptance=1.0, acceptance_off=3.0, counts_off=peer_map.counts
    )
    dataset.write(tmp_path / "a.fits")
    ds = xg.read_fits(tmp_path / "a.fits")
    assert ds.gamma.kind == "map_onoff"
    assert_same(dataset, ds, ("counts", "counts_off", "acceptance", "acceptance_off"))


def test_single_maps_of_the_peer(gammapy, tmp_path):
    from gammapy.maps import Map, MapAxis

    axes = [
        MapAxis.from_energy_bounds("1 TeV", "10 TeV", 3),
        MapAxis.from_edges([0.0, 1.0, 3.0, 4.0, 8.0], name="rad", unit="deg"),
    ]
    image = Map.create(skydir=(0, 0), frame="galactic", npix=(6, 5), axes=axes, unit="cm-2 s-1")
    image.data = np.arange(image.data.size, dtype=float).reshape(image.data.shape)
    image.write(tmp_path / "m.fits")
    read = xg.read_map(tmp_path / "m.fits")
    assert read.dims == ("rad", "energy", "y", "x")
    np.testing.assert_array_equal(read, image.data)
    assert read.gamma.quantity.unit == image.unit
    np.testing.assert_allclose(read.gamma.edges("rad").value, [0, 1, 3, 4, 8])
    ccube = Map.create(skydir=(0, 0), frame="galactic", npix=(6, 5), axes=axes[:1])
    ccube.write(tmp_path / "c.fits", format="fgst-ccube")
    assert xg.read_map(tmp_path / "c.fits").dims == ("energy", "y", "x")


def test_the_peer_reads_ogip(gammapy, tmp_path):
    from gammapy.datasets import SpectrumDatasetOnOff

    ds = filled("spectrum_onoff")
    ds = ds.assign(acceptance=ds.acceptance * 0 + 1.5, acceptance_off=ds.acceptance * 0 + 4.0)
    ds.gamma.to_ogip(tmp_path / "pha.fits")
    dataset = SpectrumDatasetOnOff.read(tmp_path / "pha.fits")
    assert_same(dataset, ds, ("counts", "counts_off", "acceptance", "acceptance_off", "mask_safe"))
    np.testing.assert_allclose(
        dataset.exposure.quantity.to_value("m2 s").ravel(), ds.exposure, rtol=1e-12
    )
    np.testing.assert_array_equal(dataset.edisp.get_edisp_kernel().pdf_matrix, ds.edisp)
    np.testing.assert_allclose(dataset.gti.time_sum.to_value("s"), 80.0)
    np.testing.assert_allclose(dataset.counts.geom.region.radius.to_value("deg"), 0.11, rtol=1e-6)


def test_ogip_of_the_peer(gammapy, peer_map, tmp_path):
    import astropy.units as u
    from gammapy.datasets import SpectrumDatasetOnOff
    from regions import CircleSkyRegion

    region = CircleSkyRegion(peer_map.counts.geom.center_skydir, 0.3 * u.deg)
    spectrum = peer_map.to_spectrum_dataset(region, containment_correction=False)
    dataset = SpectrumDatasetOnOff.from_spectrum_dataset(
        dataset=spectrum, acceptance=1.0, acceptance_off=3.0, counts_off=spectrum.counts
    )
    dataset.exposure.meta["livetime"] = 75 * u.s
    dataset.write(tmp_path / "pha.fits", format="ogip")
    ds = xg.read_ogip(tmp_path / "pha.fits")
    assert_same(dataset, ds, ("counts", "counts_off", "acceptance", "acceptance_off", "mask_safe"))
    np.testing.assert_allclose(
        ds.exposure, dataset.exposure.quantity.to_value("m2 s").ravel(), rtol=1e-6
    )
    np.testing.assert_allclose(
        ds.edisp, dataset.edisp.get_edisp_kernel().pdf_matrix, rtol=1e-5, atol=1e-7
    )
    assert "circle(83.63" in str(ds.region.values)


@pytest.mark.parametrize("sed_type", ["dnde", "e2dnde", "flux", "eflux", "likelihood"])
@pytest.mark.parametrize("suffix", ["fits", "ecsv"])
def test_flux_points_both_ways(gammapy, tmp_path, sed_type, suffix):
    from gammapy.estimators import FluxPoints
    from gammapy.modeling.models import PowerLawSpectralModel

    ds = xg.create_spectrum(
        "icrs;circle(83.6, 22, 0.1)", xg.energy_axis(1, 10, 3), name="d", energy_true="reco"
    )
    ds["exposure"] = ("energy_true", np.full(3, 1e10), {"units": "m2 s"})
    ds["background"] = ("energy", np.full(3, 10.0), {"units": ""})
    model = xg.SkyModel(xg.PowerLaw(index=2.3), name="s")
    points = xg.flux_points(ds.gamma.asimov(model), "s", models=model)
    xg.write_flux_points(points, tmp_path / f"ours.{suffix}", sed_type)
    reference = PowerLawSpectralModel(index=2.3)
    theirs = FluxPoints.read(tmp_path / f"ours.{suffix}", reference_model=reference)
    np.testing.assert_allclose(
        theirs.dnde.quantity.to_value("TeV-1 s-1 cm-2").ravel(), points.dnde, rtol=1e-6
    )
    theirs.write(tmp_path / f"theirs.{suffix}", sed_type=sed_type)
    form = xg.PowerLaw(index=2.3)
    back = xg.read_flux_points(tmp_path / f"theirs.{suffix}", reference=form)
    np.testing.assert_allclose(
        back.gamma.quantity("dnde").to_value("TeV-1 s-1 cm-2"), points.dnde, rtol=1e-6
    )


def test_the_peer_folds_our_ogip_to_the_same_counts(gammapy, data, tmp_path):
    from gammapy.datasets import SpectrumDatasetOnOff
    from gammapy.modeling.models import PowerLawSpectralModel, SkyModel

    ds = xg.read_ogip(data / "joint-crab" / "spectra" / "hess" / "pha_obs23523.fits")
    ds.gamma.to_ogip(tmp_path / "pha.fits")
    dataset = SpectrumDatasetOnOff.read(tmp_path / "pha.fits")
    dataset.models = SkyModel(PowerLawSpectralModel(index=2.6, amplitude="3e-11 TeV-1 s-1 cm-2"))
    model = xg.SkyModel(xg.PowerLaw(index=2.6, amplitude="3e-11 TeV-1 s-1 cm-2"))
    theirs = dataset.npred_signal().data.ravel()
    # The file's axis of true energy ends where the reconstructed one does, for both.
    with pytest.warns(xg.XGammaWarning, match="do not extend beyond"):
        ours = ds.gamma.npred_signal(model, scheme="gammapy")
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-9)
