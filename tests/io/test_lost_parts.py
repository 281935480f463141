"""What a fuzzer found to pass without a word: lost parts, edited headers, units, frames, text for numbers."""

import netCDF4
import numpy as np
import pytest
from astropy.io import fits

import xgamma as xg
from tests.fuzz.fits_tables import _drop_column, _edit, _rename, _rows, _to_text
from tests.fuzz.making import make_ebl, make_flux_map, make_points, make_run
from xgamma.dl3 import read_observation
from xgamma.tutorial import example_map, example_spectrum


@pytest.fixture
def maps(tmp_path):
    example_map().gamma.to_fits(tmp_path / "maps.fits")
    return tmp_path


@pytest.mark.parametrize("column", ["POINTING_LON", "LIVETIME", "OBS_ID"])
@pytest.mark.parametrize("how", ["dropped", "renamed"])
def test_a_table_of_runs_that_lost_a_column(maps, column, how):
    """A renamed column of OBS_ROWS was not missed."""

    def change(hdu):
        if how == "renamed":
            return _rename(hdu, column, "OTHER")
        return _drop_column(hdu, column)

    with fits.open(maps / "maps.fits") as hdus:
        number = [h.name for h in hdus].index("OBS_ROWS")
    _edit(maps, "maps.fits", number, change)
    with pytest.warns(
        xg.XGammaWarning, match=f"has no {column.lower()}, which it was written with"
    ):
        xg.read_fits(maps / "maps.fits")


def test_a_run_that_lost_its_last_extensions(tmp_path):
    """Cut at the end of an extension, a file is a whole one, with fewer responses."""
    make_run("2d")(tmp_path)
    with fits.open(tmp_path / "run.fits") as hdus:
        last = hdus[-1]._header_offset
    data = (tmp_path / "run.fits").read_bytes()
    (tmp_path / "run.fits").write_bytes(data[:last])
    with pytest.warns(xg.XGammaWarning, match=r"of the \d that it was written with \(NEXTEND\)"):
        read_observation(tmp_path / "run.fits")


@pytest.mark.parametrize("unit", ["furlong", "1/0"])
def test_a_single_map_of_an_unknown_unit(tmp_path, unit):
    image = example_map()["background"].sum("energy", keep_attrs=True)
    image.gamma.to_fits(tmp_path / "map.fits")
    fits.setval(tmp_path / "map.fits", "BUNIT", value=unit, checksum=True)
    with pytest.warns(xg.XGammaWarning, match=f"the unit '{unit}', which is not recognised"):
        xg.read_map(tmp_path / "map.fits")


def set_attr(path, variable, **attrs):
    with netCDF4.Dataset(path, "a") as file:
        file[variable].setncatts(attrs)


@pytest.mark.filterwarnings("ignore:.*its checksum is missing")
@pytest.mark.parametrize(
    ("variable", "attrs", "error"),
    [
        ("excess", {"units": "deg"}, xg.UnitError),
        ("counts", {"units": -1}, xg.UnitError),
        ("wcs", {"CRVAL1": "nonsense"}, xg.FrameError),
        ("wcs", {"RADESYS": -1}, xg.FrameError),
        ("wcs", {"CDELT1": np.nan}, xg.FrameError),
    ],
)
def test_attributes_that_cannot_be(tmp_path, variable, attrs, error):
    make_flux_map(tmp_path)
    set_attr(tmp_path / "excess.nc", variable, **attrs)
    with pytest.raises(error, match=r"excess\.nc"):
        xg.open(tmp_path / "excess.nc")


@pytest.mark.filterwarnings("ignore:.*its checksum is missing")
@pytest.mark.parametrize("how", [lambda v: v * np.nan, lambda v: np.full_like(v, v[0])])
def test_labels_on_the_sky_that_cannot_be(tmp_path, how):
    make_flux_map(tmp_path)
    with netCDF4.Dataset(tmp_path / "excess.nc", "a") as file:
        file["x"][:] = how(file["x"][:])
    with pytest.raises(xg.FrameError, match="labels of x"):
        xg.open(tmp_path / "excess.nc")


def test_small_netcdf_files_are_summed_when_they_are_opened(tmp_path):
    make_flux_map(tmp_path)
    path = tmp_path / "excess.nc"
    whole = path.read_bytes()
    data = bytearray(whole)
    data[len(data) // 2] ^= 4
    path.write_bytes(bytes(data))
    with pytest.raises(xg.XGammaError, match="damaged"):
        xg.open(path)
    path.write_bytes(whole)
    set_attr(path, "counts", long_name="another")
    with pytest.warns(xg.XGammaWarning, match="its checksum is missing"):
        xg.open(path).close()


@pytest.mark.parametrize("column", ["stat_scan", "sqrt_ts", "dnde_ul", "norm_scan"])
def test_text_in_columns_of_flux_points(tmp_path, column):
    make_points("points.fits")(tmp_path)
    _edit(tmp_path, "points.fits", 1, lambda hdu: _to_text(hdu, column))
    with pytest.raises(xg.XGammaError, match=f"{column} of .* must hold numbers"):
        xg.read_flux_points(tmp_path / "points.fits")


@pytest.mark.parametrize("name", ["e_max", "e_ref"])
def test_energies_of_flux_points_outside_of_their_bins(tmp_path, name):
    make_points("points.fits")(tmp_path)
    with fits.open(tmp_path / "points.fits") as hdus:
        hdus[1].columns[name].unit = "MeV"
        hdus.writeto(tmp_path / "bad.fits", checksum=True)
    with pytest.raises(xg.AxisError, match="do not lie between e_min and e_max"):
        xg.read_flux_points(tmp_path / "bad.fits")


@pytest.mark.parametrize("value", [np.nan, -0.5, 3.0])
@pytest.mark.parametrize("column", ["INTPSPEC", "ENERG_LO", "PARAMVAL"])
def test_tables_of_absorption_that_cannot_be(tmp_path, column, value):
    make_ebl(tmp_path)
    with fits.open(tmp_path / "ebl.fits") as hdus:
        hdu = next(h for h in hdus[1:] if column in h.columns.names)
        hdu.data[column][2] = value
        hdus.writeto(tmp_path / "bad.fits")
    with pytest.raises(xg.XGammaError, match=r"bad\.fits|absorption"):
        xg.read_ebl(tmp_path / "bad.fits")


def test_frozen_is_true_or_false():
    text = xg.Models([xg.SkyModel(xg.PowerLaw(), name="a")]).to_yaml()
    assert "frozen: true" in text
    with pytest.raises(xg.XGammaError, match="frozen: 'maybe'"):
        xg.Models.from_yaml(text.replace("frozen: true", "frozen: maybe", 1))


def test_a_phase_curve_without_nodes():
    with pytest.raises(xg.XGammaError, match="increasing phases"):
        xg.PhaseCurve([], [], f0="1 s-1")


@pytest.mark.parametrize(("file", "hdu"), [("s.fits", "EDISP"), ("pha_bkg.fits", "SPECTRUM")])
def test_channels_in_another_order(tmp_path, file, hdu):
    """Rows of a matrix, or of a background, were taken in the order of the file."""
    ds = example_spectrum()
    ds.gamma.to_fits(tmp_path / "s.fits")
    ds.gamma.to_ogip(tmp_path / "pha.fits")
    with fits.open(tmp_path / file) as hdus:
        number = [h.name for h in hdus].index(hdu)
    _edit(tmp_path, file, number, lambda h: _rows(h, slice(None, None, -1)))
    with pytest.raises(xg.XGammaError, match=r"channels of the HDU .* do not increase"):
        xg.open(tmp_path / ("s.fits" if file == "s.fits" else "pha.fits"))
