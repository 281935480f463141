"""HEALPix files of all layouts against the arrays that were written; brought onto a WCS."""

import sys

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

import xgamma as xg
from tests.helpers.fermi_files import NODES, exposure_of

healpix = pytest.importorskip("astropy_healpix")

NSIDE = 16
ALL = 12 * NSIDE**2


def values_at(ids, nested=False):
    """A smooth exposure at the middle of cells."""
    lon, lat = healpix.healpix_to_lonlat(ids, NSIDE, order="nested" if nested else "ring")
    return exposure_of(lon.deg, lat.deg, NODES[:, None])


def columns(values, prefix="ENERGY"):
    return [fits.Column(f"{prefix}{i}", "D", array=v) for i, v in enumerate(values, start=1)]


def write(path, cols, name="HPXEXPOSURES", bands=True, **header):
    header = {"PIXTYPE": "HEALPIX", "ORDERING": "RING", "NSIDE": NSIDE, **header}
    table = fits.BinTableHDU.from_columns(cols, fits.Header(header), name=name)
    hdus = [fits.PrimaryHDU(), table]
    if bands:
        nodes = [fits.Column("Energy", "1D", array=NODES)]
        hdus.append(fits.BinTableHDU.from_columns(nodes, name="ENERGIES"))
    fits.HDUList(hdus).writeto(path, overwrite=True)
    return path


IDS = np.arange(ALL)
SOME = np.array([700, 1500, 3, 2000, 1501])


def explicit(path):
    pixels = fits.Column("PIX", "K", array=SOME)
    return write(path, [pixels, *columns(values_at(SOME))], INDXSCHM="EXPLICIT"), SOME


def ranged(path):
    ids = np.arange(1000, 1400)
    return write(path, columns(values_at(ids)), FIRSTPIX=1000, LASTPIX=1399), ids


def sparse(path):
    channel, pixel = (a.ravel() for a in np.meshgrid(np.arange(5), np.sort(SOME), indexing="ij"))
    cols = [
        fits.Column("PIX", "K", array=pixel),
        fits.Column("CHANNEL", "I", array=channel),
        fits.Column("VALUE", "D", array=values_at(np.sort(SOME)).ravel()),
    ]
    return write(path, cols, INDXSCHM="SPARSE"), np.sort(SOME)


def many_a_row(path):
    """As healpy writes it: 1024 cells a row."""
    cols = [
        fits.Column(f"ENERGY{i}", "1024D", array=v.reshape(-1, 1024))
        for i, v in enumerate(values_at(IDS), start=1)
    ]
    return write(path, cols, FIRSTPIX=0, LASTPIX=ALL - 1), IDS


def implicit(path):
    return write(path, columns(values_at(IDS)), FIRSTPIX=0, LASTPIX=ALL - 1), IDS


@pytest.mark.parametrize("layout", [implicit, explicit, ranged, sparse, many_a_row])
def test_layouts(tmp_path, layout):
    path, ids = layout(tmp_path / "a.fits")
    found = xg.read_map(path)
    assert found.dims == ("energy_true", "cell")
    np.testing.assert_array_equal(found.cell_ids, ids)
    np.testing.assert_allclose(found, values_at(ids) * 1e-4, rtol=1e-14)
    assert found.attrs["units"] == "m2 s"
    np.testing.assert_array_equal(found.energy_true, NODES)


def test_nested_galactic_planes_of_no_energy(tmp_path):
    path = write(
        tmp_path / "a.fits",
        [fits.Column("FLUX", "D", "cm-2 s-1 sr-1", array=np.arange(ALL) * 1.0)],
        name="SKYMAP",
        bands=False,
        ORDERING="NESTED",
        COORDSYS="GAL",
    )
    found = xg.read_map(path)
    assert found.dims == ("cell",)
    assert str(found.sky_frame.values) == "galactic"
    assert found.cell_ids.attrs["indexing_scheme"] == "nested"
    assert found.attrs["units"] == "cm-2 s-1 sr-1"


def test_xdggs_decodes_what_is_read(tmp_path):
    pytest.importorskip("xdggs")
    path, _ = implicit(tmp_path / "a.fits")
    found = xg.read_map(path)
    decoded = found.to_dataset().dggs.decode()
    assert decoded.dggs.grid_info.level == 4
    centers = decoded.dggs.cell_centers()
    lon, lat = healpix.healpix_to_lonlat(IDS, NSIDE)
    apart = SkyCoord(centers.longitude, centers.latitude, unit="deg").separation(SkyCoord(lon, lat))
    assert apart.deg.max() < 1e-6


def grid(**options):
    settings = {"width": "20 deg", "binsz": "1 deg", "frame": "galactic", **options}
    return xg.create_map((30, 10), **settings)


def test_interpolation_is_that_of_healpix(tmp_path):
    """The four cells around each pixel centre, by astropy-healpix itself."""
    path, _ = implicit(tmp_path / "a.fits")
    array = xg.read_map(path)
    found = array.gamma.interp_to(grid())
    at = _centers()
    for plane, source in zip(found.values, array.values, strict=True):
        expected = healpix.interpolate_bilinear_lonlat(at.ra, at.dec, source)
        np.testing.assert_allclose(plane, expected, rtol=1e-11)
    assert found.attrs["units"] == "m2 s"
    assert found.gamma.frame == "galactic"


def _centers():
    y, x = np.mgrid[:20, :20]
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["GLON-CAR", "GLAT-CAR"]
    shift = grid().wcs.attrs
    wcs.wcs.crval = [shift["CRVAL1"], shift["CRVAL2"]]
    wcs.wcs.crpix = [shift["CRPIX1"], shift["CRPIX2"]]
    wcs.wcs.cdelt = [shift["CDELT1"], shift["CDELT2"]]
    lon, lat = wcs.wcs_pix2world(x, y, 0)
    return SkyCoord(lon, lat, unit="deg", frame="galactic").icrs


@pytest.mark.parametrize("scheme", ["RING", "NESTED"])
@pytest.mark.parametrize("binsz", ["1 deg", "6 deg"])
def test_counts_are_kept(tmp_path, scheme, binsz):
    """Cells wholly inside of the map keep their counts, on pixels smaller and larger than cells."""
    counts = np.zeros(ALL)
    inner = healpix.lonlat_to_healpix(
        *(_position().ra, _position().dec), NSIDE, order="nested" if scheme == "NESTED" else "ring"
    )
    counts[inner] = 7
    cols = [fits.Column("COUNTS", "D", array=counts)]
    path = write(tmp_path / "a.fits", cols, name="SKYMAP", bands=False, ORDERING=scheme)
    goal = grid(width="36 deg", binsz=binsz)
    out = xg.read_map(path).gamma.reproject_to(goal, preserve_counts=True)
    assert float(out.sum()) == pytest.approx(7, rel=1e-12)
    mean = xg.read_map(path).gamma.reproject_to(goal)
    assert float(mean.max()) <= 7


def _position():
    return SkyCoord(30, 10, unit="deg", frame="galactic").icrs


def test_a_mean_stays_a_mean(tmp_path):
    path, _ = implicit(tmp_path / "a.fits")
    array = xg.read_map(path)
    exact, bilinear = (getattr(array.gamma, f)(grid()) for f in ("reproject_to", "interp_to"))
    # Within a cell the mean is level, and a cell is nearly four pixels wide.
    np.testing.assert_allclose(exact, bilinear, rtol=0.06)
    flat = array.copy(data=np.full_like(array.values, 3.0))
    for f in ("reproject_to", "interp_to"):
        np.testing.assert_allclose(getattr(flat.gamma, f)(grid()), 3.0, rtol=1e-12)


def test_cells_that_are_missing_or_not_seen_are_zero(tmp_path):
    array = xg.read_map(implicit(tmp_path / "a.fits")[0])
    near = array.where(array.cell_ids < ALL // 2)
    part = array.isel(cell=np.arange(ALL // 2))
    goal = xg.create_map((0, 0), "20 deg", "1 deg", frame="icrs")
    unseen, absent = near.gamma.interp_to(goal), part.gamma.interp_to(goal)
    np.testing.assert_allclose(unseen, absent, rtol=1e-12)
    assert float(absent.isel(y=0).max()) == 0 < float(absent.isel(y=-1).min())


def test_an_exposure_goes_onto_a_map(tmp_path):
    array = xg.read_map(implicit(tmp_path / "a.fits")[0])
    energy = xg.energy_axis("20 GeV", "500 GeV", 3)
    ds = xg.create_map((30, 10), "8 deg", "1 deg", energy, energy_true="reco", frame="galactic")
    ds = ds.gamma.with_responses(exposure=array)
    at = SkyCoord(30, 10, unit="deg", frame="galactic").icrs
    nodes = exposure_of(at.ra.deg, at.dec.deg, NODES) * 1e-4
    expected = np.interp(np.log(ds.energy_true * 1e3), np.log(NODES), nodes)
    np.testing.assert_allclose(ds.exposure.mean(("y", "x")), expected, rtol=3e-3)


BAD = {
    "no ENERGIES": ({}, {"bands": False}, "no table of bands"),
    "a wrong ORDERING": ({"ORDERING": "SPIRAL"}, {}, "RING or NESTED"),
    "a frame of nowhere": ({"COORDSYS": "MOON"}, {}, "COORDSYS='MOON'"),
    "an NSIDE of 12": ({"NSIDE": 12}, {}, "no power of two"),
    "an NSIDE too large": ({"NSIDE": 32}, {}, "3072 of 12288 cells"),
    "an NSIDE too small": ({"NSIDE": 8}, {}, "of 768 cells"),
    "a LASTPIX too far": ({"FIRSTPIX": 0, "LASTPIX": 9999}, {}, "cut off"),
    "a unit of another kind": ({"BUNIT": "TeV"}, {}, "TeV"),
    "too few planes": ({}, {"planes": 3}, "3 planes, but its band table 5"),
}


@pytest.mark.parametrize("bad", BAD)
def test_damaged_maps_are_refused_in_a_sentence(tmp_path, bad):
    header, options, says = BAD[bad]
    planes = options.get("planes", 5)
    path = write(
        tmp_path / "a.fits",
        columns(values_at(IDS)[:planes]),
        bands=options.get("bands", True),
        **header,
    )
    with pytest.raises(xg.XGammaError, match=says) as caught:
        xg.read_map(path)
    assert "\n" not in str(caught.value)


def test_a_cell_listed_twice(tmp_path):
    twice = np.array([1, 1, 2])
    cols = [fits.Column("PIX", "K", array=twice), *columns(values_at(twice))]
    with pytest.raises(xg.XGammaError, match="twice"):
        xg.read_map(write(tmp_path / "a.fits", cols))


def test_open_names_the_reader(tmp_path):
    with pytest.raises(xg.XGammaError, match=r"xg\.read_map"):
        xg.open(implicit(tmp_path / "a.fits")[0])


def test_without_the_package(tmp_path, monkeypatch):
    array = xg.read_map(implicit(tmp_path / "a.fits")[0])
    for name in ("astropy_healpix", "astropy_healpix.healpy"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(xg.errors.MissingPackageError, match=r"xgamma\[healpix\]"):
        array.gamma.interp_to(grid())


def test_a_diffuse_model_becomes_a_template(tmp_path):
    """A flux per sr of the form of gll_iem: the same where the template is asked, to its pixels."""
    path = write(
        tmp_path / "gll.fits",
        columns(np.maximum(values_at(IDS), 0) * 1e-20),
        name="SKYMAP",
        COORDSYS="GAL",
    )
    shape = xg.TemplateMap.read(path, normalize=False)
    assert shape.frame == "galactic"
    lon, lat = np.array([10.0, 80.0, 300.0]), np.array([0.0, 40.0, -30.0])
    points = SkyCoord(lon, lat, unit="deg").cartesian.xyz.value
    found = shape.on_points(points, "galactic", np.array([0.1]))[0]
    # Per TeV, at 100 GeV: a node.
    np.testing.assert_allclose(found, exposure_of(lon, lat, 1e5) * 1e-20 * 1e6, rtol=0.05)
    part = write(
        tmp_path / "part.fits",
        columns(values_at(np.arange(99))),
        name="SKYMAP",
        FIRSTPIX=0,
        LASTPIX=98,
    )
    with pytest.raises(xg.XGammaError, match="whole sky"):
        xg.TemplateMap.read(part, normalize=False)
