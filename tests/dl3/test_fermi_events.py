"""Event lists of Fermi-LAT: no pointing, bit masks, MeV."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

import xgamma as xg
from tests.helpers.fermi_files import EDGES, write_drm, write_events


@pytest.fixture(params=["32X", "32L"])
def ft1(tmp_path, request):
    """An event list with its columns; astropy turns the bits of copies into logicals."""
    path = tmp_path / "ft1.fits"
    return path, write_events(path, shape=request.param)


def template():
    energy = xg.energy_axis_from_edges(EDGES * u.MeV)
    return xg.create_map((0, 0), "8 deg", "0.5 deg", energy, frame="galactic", proj="TAN")


def brute(columns, keep=None):
    """Counts by astropy and a histogram."""
    keep = np.ones(columns["RA"].size, dtype=bool) if keep is None else keep
    at = SkyCoord(columns["RA"][keep], columns["DEC"][keep], unit="deg").galactic
    wcs = _wcs()
    x, y = wcs.wcs_world2pix(at.l.deg, at.b.deg, 0)
    sample = np.stack([columns["ENERGY"][keep], y, x], axis=1)
    bins = [EDGES, np.arange(17) - 0.5, np.arange(17) - 0.5]
    return np.histogramdd(sample, bins)[0]


def _wcs():
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["GLON-TAN", "GLAT-TAN"]
    wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cdelt = [0, 0], [8.5, 8.5], [-0.5, 0.5]
    return wcs


def test_counts_without_a_pointing(ft1):
    path, columns = ft1
    ds = template().gamma.fill_counts(xg.read_events(path))
    np.testing.assert_array_equal(ds.counts, brute(columns))
    assert ds.counts.sum() > 100
    assert not {"pointing_lon", "livetime"} & set(ds.variables)
    assert float(ds.ontime[0]) == 1500
    assert xg.validate(ds) == []
    assert np.isnan(ds.gamma.info_dict()["livetime"])


def test_spectra_count_too(ft1):
    path, columns = ft1
    region = "galactic;circle(0, 0, 3)"
    energy = xg.energy_axis_from_edges(EDGES * u.MeV)
    ds = xg.create_spectrum(region, energy).gamma.fill_counts(xg.read_events(path))
    at = SkyCoord(columns["RA"], columns["DEC"], unit="deg")
    near = at.separation(SkyCoord(0, 0, unit="deg", frame="galactic")).deg < 3
    np.testing.assert_array_equal(ds.counts, np.histogram(columns["ENERGY"][near], EDGES)[0])


def test_exposure_still_needs_a_pointing(ft1):
    with pytest.raises(xg.errors.MissingDataError):
        template().gamma.fill_exposure(xg.read_events(ft1[0]))


@pytest.mark.parametrize(
    ("name", "mask"), [("event_type", 1), ("event_type", 3), ("event_class", 2048)]
)
def test_bits_of_type_and_class(ft1, name, mask):
    path, columns = ft1
    obs = xg.read_events(path).gamma.select_events(**{name: mask})
    bits = columns[name.upper()] @ (1 << np.arange(31, -1, -1, dtype=np.int64))
    keep = (bits & mask) != 0
    assert 0 < obs["events"].sizes["event"] == keep.sum()
    np.testing.assert_array_equal(template().gamma.fill_counts(obs).counts, brute(columns, keep))
    assert f'"{name}": {mask}' in obs.attrs["event_selection"]


def test_zenith_energy_and_time(ft1):
    path, columns = ft1
    obs = xg.read_events(path).gamma.select_events(
        zenith_angle=(0, 90), energy=("100 GeV", None), time=(1200.0, 1800.0)
    )
    keep = (columns["ZENITH_ANGLE"] < 90) & (columns["ENERGY"] >= 1e5)
    keep &= (columns["TIME"] >= 1200) & (columns["TIME"] < 1800)
    assert obs["events"].sizes["event"] == keep.sum()
    assert obs.gamma.ontime == 600
    np.testing.assert_array_equal(template().gamma.fill_counts(obs).counts, brute(columns, keep))


@pytest.mark.parametrize("bits", [0, -1, 2**32])
def test_no_set_of_bits(ft1, bits):
    with pytest.raises(xg.XGammaError, match="not a set of the 32 bits"):
        xg.read_events(ft1[0]).gamma.select_events(event_type=bits)


@pytest.mark.parametrize("bits", [(1, 2), True, "4", 1.5])
def test_bits_are_a_whole_number(ft1, bits):
    with pytest.raises(xg.errors.ArgumentTypeError, match="whole number"):
        xg.read_events(ft1[0]).gamma.select_events(event_type=bits)


def test_a_file_without_events(tmp_path):
    write_drm(tmp_path / "drm.fits")
    with pytest.raises(xg.errors.MissingDataError, match="contains no events"):
        xg.read_events(tmp_path / "drm.fits")


def test_open_names_the_reader_of_events(ft1):
    with pytest.raises(xg.errors.MissingDataError, match=r"xg\.read_events"):
        xg.open(ft1[0])
