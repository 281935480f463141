"""Files of the Fermi science tools against the values that astropy wrote, and damaged ones."""

import numpy as np
import pytest
from astropy.io import fits

import xgamma as xg
from tests.helpers.fermi_files import EDGES, NODES, PSF_NODES, THETA, WRITERS, write_drm


@pytest.fixture
def written(tmp_path):
    """Path and values of each kind."""
    return {
        name: (tmp_path / f"{name}.fits", w(tmp_path / f"{name}.fits"))
        for name, w in WRITERS.items()
    }


def test_a_counts_cube_is_a_dataset(written):
    path, values = written["counts"]
    ds = xg.open(path).load()
    assert ds.counts.dims == ("energy", "y", "x")
    np.testing.assert_array_equal(ds.counts, values)
    np.testing.assert_allclose(ds.gamma.edges("energy").to_value("MeV"), EDGES, rtol=1e-12)
    np.testing.assert_array_equal(ds.gti_start, [0, 1000])
    assert ds.gamma.frame == "galactic"
    assert xg.validate(ds) == []


def test_an_exposure_is_at_its_nodes_in_m2_s(written):
    path, values = written["exposure"]
    for found in (xg.open(path).exposure, xg.read_map(path)):
        assert found.attrs["units"] == "m2 s"
        assert found.name == "exposure"
        assert found.energy_true.attrs["node_type"] == "center"
        np.testing.assert_allclose(found, values * 1e-4, rtol=1e-6)
        np.testing.assert_array_equal(found.energy_true, NODES)
    assert xg.open(path).gti_stop.attrs["reference_time"].startswith("2001-01-01")


def test_a_psf_is_at_its_own_nodes(written):
    path, values = written["psf"]
    ds = xg.open(path)
    assert ds.psf.dims == ("energy_true", "rad")
    np.testing.assert_array_equal(ds.psf, values)
    np.testing.assert_array_equal(ds.energy_true, PSF_NODES)
    np.testing.assert_array_equal(ds.rad, THETA)
    assert ds.psf_exposure.attrs["units"] == "m2 s"
    np.testing.assert_allclose(ds.psf_exposure, 1e7 * (PSF_NODES / 1e4) ** -0.2)
    assert xg.validate(ds) == []


@pytest.mark.parametrize("margin", [0, 2])
def test_a_dispersion_keeps_what_it_loses(tmp_path, margin):
    """Rows are probabilities: what is reconstructed outside is missing from their sums."""
    matrix = write_drm(tmp_path / "drm.fits", margin)
    ds = xg.open(tmp_path / "drm.fits")
    assert ds.edisp.dims == ("energy_true", "energy")
    assert ds.sizes == {"energy_true": 4 + 2 * margin, "energy": 4}
    np.testing.assert_allclose(ds.edisp, matrix, rtol=1e-6)
    np.testing.assert_allclose(ds.gamma.edges("energy").to_value("MeV"), EDGES, rtol=1e-12)
    assert float(ds.edisp.sum("energy").max()) <= 0.97 + 1e-6


def test_they_are_listed_and_survive_netcdf(written, tmp_path):
    assert "fermi" in xg.list_formats()
    for name, (path, _) in written.items():
        ds = xg.open(path).load()
        ds.gamma.to_netcdf(tmp_path / f"{name}.nc")
        assert xg.open(tmp_path / f"{name}.nc").load().identical(ds)


def unit(name, hdu, column):
    def change(hdus):
        index = hdus[hdu].columns.names.index(column) + 1
        hdus[hdu].header[f"TUNIT{index}"] = name

    return change


def without(hdu):
    return lambda hdus: hdus.pop(hdu)


def bunit(hdus):
    hdus[0].header["BUNIT"] = "TeV"


def value(hdu, column, number):
    def change(hdus):
        hdus[hdu].data[column][0] = number

    return change


def rows(hdu, n):
    def change(hdus):
        hdus[hdu] = fits.BinTableHDU(hdus[hdu].data[:n], name=hdu)

    return change


def channels(n):
    def change(hdus):
        hdus["DRM"].header["DETCHANS"] = n

    return change


DAMAGE = {
    "counts without EBOUNDS": ("counts", without("EBOUNDS"), "no table of bands"),
    "counts with too few EBOUNDS": ("counts", rows("EBOUNDS", 3), "planes"),
    "counts over degrees": ("counts", unit("deg", "EBOUNDS", "E_MIN"), "'deg'"),
    "exposure without ENERGIES": ("exposure", without("ENERGIES"), "no table of bands"),
    "exposure with too few ENERGIES": ("exposure", rows("ENERGIES", 4), "planes"),
    "exposure in TeV": ("exposure", bunit, "'TeV', but exposure must be in 'm2 s'"),
    "exposure over degrees": ("exposure", unit("deg", "ENERGIES", "Energy"), "'deg'"),
    "exposure at falling energies": ("exposure", value("ENERGIES", "Energy", 1e9), "increase"),
    "psf over degrees": ("psf", unit("deg", "PSF", "Energy"), "column Energy"),
    "psf in sr": ("psf", unit("sr", "PSF", "Psf"), "column Psf"),
    "psf at falling energies": ("psf", value("PSF", "Energy", 1e9), "do not increase"),
    "psf with fewer angles": ("psf", rows("THETA", 7), "do not belong together"),
    "psf of NaN": ("psf", value("PSF", "Psf", np.nan), "NaN"),
    "psf below zero": ("psf", value("PSF", "Psf", -1.0), "negative"),
    "psf with a negative angle": ("psf", value("THETA", "Theta", -1.0), "start at -1"),
    "drm of three channels": ("drm", channels(3), "one of the two is wrong"),
    "drm of six channels": ("drm", channels(6), "one of the two is wrong"),
    "drm of falling energies": ("drm", value("DRM", "ENERG_LO", 1e9), "bins"),
}


@pytest.mark.filterwarnings("ignore:The HDU .* is damaged")
@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_files_are_refused_in_a_sentence(written, tmp_path, damage):
    name, change, says = DAMAGE[damage]
    with fits.open(written[name][0]) as hdus:
        change(hdus)
        hdus.writeto(tmp_path / "damaged.fits")
    with pytest.raises(xg.XGammaError, match=says) as caught:
        xg.open(tmp_path / "damaged.fits").load()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("total", "says"), [(2.0, "more than a probability"), (-0.5, "negative")])
def test_a_dispersion_holds_probabilities(tmp_path, total, says):
    write_drm(tmp_path / "drm.fits", total=total)
    with pytest.raises(xg.XGammaError, match=says):
        xg.open(tmp_path / "drm.fits")


def test_a_diffuse_model_is_no_exposure(written, tmp_path):
    """The two differ by CTYPE3 alone: taken for one, an exposure would be a flux."""
    with pytest.raises(xg.XGammaError):
        xg.TemplateMap.read(written["exposure"][0], normalize=False)


def test_a_cube_without_its_last_table_is_told(written, tmp_path):
    """Cut off between two HDUs: nothing else shows it."""
    with fits.open(written["counts"][0]) as hdus:
        hdus.pop("GTI")
        hdus.writeto(tmp_path / "cut.fits")
    with pytest.warns(xg.XGammaWarning, match="may be cut off"):
        xg.open(tmp_path / "cut.fits")
