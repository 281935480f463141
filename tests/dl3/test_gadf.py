"""HDUs as datasets: dialects of names, units and axes, and what is wrong with them."""

import gc
import weakref

import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal

from xgamma.dl3.assemble import read_observation
from xgamma.dl3.gadf import read_hdu
from xgamma.dl3.row_tables import group_of
from xgamma.errors import AxisError, MissingDataError, UnitError, XGammaError, XGammaWarning
from xgamma.fits.files import open_fits
from xgamma.irf.checks import check_finite


@pytest.fixture
def read(write):
    """Write one HDU, read it as a dataset."""
    return lambda hdu: read_hdu(open_fits(write([hdu])).tables[0])


def test_aeff(read, make):
    ds = read(make.aeff(LO_THRES=0.5))
    assert ds["aeff"].dims == ("energy_true", "offset")
    assert_array_equal(ds["aeff"], np.arange(6.0).reshape(3, 2))
    assert ds["aeff"].attrs == {"units": "m2"}
    assert_allclose(ds["energy_true"], np.sqrt([0.1, 10, 1000]), rtol=1e-7)
    assert_allclose(ds["offset"], [0.5, 1.5])
    assert ds["energy_true"].attrs["interp"] == "log"
    assert ds["offset_hi"].attrs["units"] == "deg"
    assert ds["energy_true_lo"].dtype == float
    # Neighbours share their edge to the last digit.
    assert_array_equal(ds["energy_true_hi"][:-1], ds["energy_true_lo"][1:])
    assert ds.attrs["HDUCLAS4"] == "AEFF_2D"
    assert ds.attrs["LO_THRES"] == 0.5
    assert not any(key.startswith(("TTYPE", "NAXIS", "TFORM")) for key in ds.attrs)


def test_units_are_converted(read, make):
    energy = ("ENERG", [1e2, 1e3, 1e4, 1e5], "GeV")
    theta = ("THETA", [0.0, 60.0, 120.0], "arcmin")
    values = {"EFFAREA": (np.full((3, 2), 1e4), "cm**2")}
    ds = read(make.response("AEFF", [energy, theta], values, "EFF_AREA", "2D"))
    assert_allclose(ds["aeff"], 1.0)
    assert ds["aeff"].dtype == "f4"
    assert_allclose(ds["energy_true_lo"], [0.1, 1, 10], rtol=1e-6)
    assert_allclose(ds["offset_hi"], [1, 2])
    assert ds["energy_true"].attrs["units"] == "TeV"


@pytest.mark.parametrize(
    "unit",
    ["MeV-1 s-1 sr-1", "1/s/MeV/sr", "s^-1 MeV^-1 sr^-1", "1 / (MeV s sr)", "TeV-1 s-1 sr-1"],
)
@pytest.mark.parametrize("column", ["BKG", "BGD"])
def test_background_units(read, make, unit, column):
    values = {column: (np.ones((3, 2)), unit)}
    ds = read(make.response("BKG", [make.ENERGY, make.THETA], values, "BKG", "BKG_2D"))
    expected = "TeV-1 s-1 sr-1" if "TeV" in unit else "MeV-1 s-1 sr-1"
    assert ds["bkg"].attrs["units"] == expected
    assert ds["bkg"].dims == ("energy", "offset")
    assert ds.attrs["HDUCLAS4"] == "BKG_2D"


@pytest.mark.parametrize("order", ["edd", "dde"])
def test_background_axes(read, make, order):
    detx = ("DETX", [-2.0, -1.0, 0.0, 1.0, 2.0], "deg")
    dety = ("DETY", [-1.0, 0.0, 1.0], "deg")
    values = np.arange(24.0).reshape(3, 4, 2)  # energy, detx, dety
    if order == "edd":
        axes, stored = [make.ENERGY, detx, dety], values
    else:
        # The file holds (energy, detx, dety) in C order: TDIM says (dety, detx, energy).
        axes, stored = [detx, dety, make.ENERGY], values.transpose(2, 1, 0)
    unit = "MeV-1 s-1 sr-1"
    ds = read(
        make.response("BKG", axes, {"BKG": (stored, unit)}, "BKG", "BKG_3D", FOVALIGN="ALTAZ")
    )
    assert ds["bkg"].dims == ("energy", "dety", "detx")
    assert_array_equal(ds["bkg"].transpose("energy", "detx", "dety"), values)
    assert_allclose(ds["detx"], [-1.5, -0.5, 0.5, 1.5])
    assert ds.attrs["FOVALIGN"] == "ALTAZ"
    assert ds.attrs["HDUCLAS4"] == "BKG_3D"


def test_background_whose_tdim_contradicts_its_columns(read, make):
    det = ("DETX", [-1.0, 0.0, 1.0], "deg"), ("DETY", [-1.0, 0.0, 1.0], "deg")
    values = np.arange(12.0).reshape(3, 2, 2)  # energy, detx, dety
    hdu = make.response(
        "BKG",
        [make.ENERGY, *det],
        {"BKG": (values.transpose(2, 1, 0), "MeV-1 s-1 sr-1")},
        "BKG",
        "BKG_3D",
    )
    with pytest.raises(AxisError, match=r"has the shape \(3, 2, 2\), but its axes have the shape"):
        read(hdu)


def test_axes_are_shared_but_safe(read, write, make):
    first, second = (read_hdu(open_fits(write([make.aeff()], f"{i}.fits")).tables[0]) for i in "ab")
    first["energy_true"].attrs["units"] = "GeV"
    first["offset_lo"].attrs.clear()
    assert second["energy_true"].attrs["units"] == "TeV"
    assert second["offset_lo"].attrs["units"] == "deg"
    for name in ("energy_true", "offset_lo", "offset_hi"):
        with pytest.raises(ValueError, match=r"read-only|not writ|assignment"):
            first[name].values[0] = 3.0
    changed = first.assign_coords(offset_lo=first["offset_lo"] + 1)
    assert changed["offset_lo"][0] == 1
    assert second["offset_lo"][0] == 0


def test_edisp_with_etrue(read, make):
    true = ("ETRUE", make.ENERGY[1], "TeV")
    migra = ("MIGRA", np.linspace(0, 2, 5), None)
    values = np.arange(24.0).reshape(3, 4, 2)
    hdu = make.response(
        "EDISP", [true, migra, make.THETA], {"MATRIX": (values, None)}, "EDISP", "2D"
    )
    ds = read(hdu)
    assert ds["edisp"].dims == ("energy_true", "migra", "offset")
    assert_array_equal(ds["edisp"], values)
    assert ds["edisp"].attrs["units"] == ""
    assert_allclose(ds["migra"], [0.25, 0.75, 1.25, 1.75])


@pytest.mark.parametrize("kind", ["PSF_TABLE", "PSF_3GAUSS", "PSF_KING"])
def test_psf(read, make, kind):
    axes = [make.ENERGY, make.THETA]
    values = np.arange(6.0).reshape(3, 2)
    if kind == "PSF_TABLE":
        axes.append(("RAD", [0, 0.1, 0.2, 0.4, 0.8], "deg"))
        variables = {"RPSF": (np.arange(24.0).reshape(3, 2, 4), "sr^-1")}
    elif kind == "PSF_3GAUSS":
        variables = dict.fromkeys(("SIGMA_1", "SIGMA_2", "SIGMA_3"), (values, "deg"))
        variables |= dict.fromkeys(("SCALE", "AMPL_2", "AMPL_3"), (values, None))
    else:
        variables = {"GAMMA": (values + 2, None), "SIGMA": (values, "deg")}
    ds = read(make.response("PSF", axes, variables, "RPSF", kind.removeprefix("PSF_")))
    assert ds.attrs["HDUCLAS4"] == kind
    if kind == "PSF_TABLE":
        assert ds["psf"].dims == ("energy_true", "offset", "rad")
        assert_array_equal(ds["psf"], np.arange(24.0).reshape(3, 2, 4))
        assert ds["psf"].attrs["units"] == "sr-1"
    elif kind == "PSF_3GAUSS":
        names = {"scale", "sigma_1", "ampl_2", "sigma_2", "ampl_3", "sigma_3"}
        assert set(ds.data_vars) == names
        assert ds["scale"].attrs["units"] == "sr-1"
        assert ds["ampl_2"].attrs["units"] == ""
    else:
        assert set(ds.data_vars) == {"gamma", "sigma"}
        assert ds["sigma"].dims == ("energy_true", "offset")


def test_nodes_and_zero_energy(read, make):
    """Axes of nodes keep them; an energy bin from zero has a centre."""
    hdu = make.aeff()
    hdu.data["THETA_LO"] = hdu.data["THETA_HI"]
    hdu.data["ENERG_LO"][0, 0] = 0.0
    ds = read(hdu)
    assert_allclose(ds["offset"], [1, 2])
    assert_allclose(ds["energy_true"], [0.5, np.sqrt(10), np.sqrt(1000)], rtol=1e-6)
    assert ds["energy_true_lo"][0] == 0


def test_one_bin(read, make):
    axes = [("ENERG", [1.0, 10.0], "TeV"), ("THETA", [0.4, 0.4], "deg")]
    hdu = make.response("AEFF", axes, {"EFFAREA": (np.ones((1, 1)), "m2")}, "EFF_AREA", "AEFF_2D")
    ds = read(hdu)
    assert dict(ds.sizes) == {"energy_true": 1, "offset": 1}
    assert ds["offset"].item() == pytest.approx(0.4)


@pytest.mark.parametrize("dim", [None, "(6)"])
def test_other_tdim(read, make, dim):
    """Without TDIM, or with one that counts all values, the axes tell the shape."""
    hdu = make.aeff()
    values = np.arange(6.0).reshape(3, 2)
    if dim is None:
        del hdu.header["TDIM5"]
    else:
        hdu.header["TDIM5"] = dim
    ds = read(hdu)
    assert_array_equal(ds["aeff"], values)


def test_recognised_without_hduclas(write, make):
    hdus = [make.events(), make.gti(), make.aeff()]
    for hdu in hdus:
        for key in ("HDUCLAS1", "HDUCLAS2", "HDUCLAS3", "HDUCLAS4"):
            hdu.header.remove(key, ignore_missing=True)
    tables = open_fits(write(hdus)).tables
    assert [group_of(t) for t in tables] == ["events", "gti", "aeff"]
    for hdu in hdus:
        hdu.name = "SOMETHING"
    tables = open_fits(write(hdus, "unnamed.fits")).tables
    assert [group_of(t) for t in tables] == ["events", "gti", "aeff"]
    other = make.gti()
    other.columns.change_name("START", "BEGIN")
    other.header["HDUCLAS1"] = other.name = "OTHER"
    table = open_fits(write([other], "other.fits")).tables[0]
    assert group_of(table) is None
    with pytest.raises(MissingDataError, match="is not a DL3 table"):
        read_hdu(table)


def test_missing_column(read, make):
    hdu = make.events()
    hdu.columns.del_col("ENERGY")
    with pytest.raises(
        MissingDataError, match=r"'EVENTS' of .*run.fits has no column ENERGY: it has"
    ):
        read(hdu)


def test_missing_axis(read, make):
    hdu = make.response(
        "AEFF", [make.ENERGY], {"EFFAREA": (np.ones(3), "m2")}, "EFF_AREA", "AEFF_2D"
    )
    with pytest.raises(MissingDataError, match="AEFF_2D table without the axis offset"):
        read(hdu)


def test_missing_response_column(read, make):
    hdu = make.aeff()
    hdu.columns.change_name("EFFAREA", "AREA")
    with pytest.raises(MissingDataError, match="no column EFFAREA"):
        read(hdu)


def test_unknown_psf(read, make):
    hdu = make.response(
        "PSF", [make.ENERGY, make.THETA], {"OTHER": (np.ones((3, 2)), "deg")}, "RPSF", "PSF_OTHER"
    )
    with pytest.raises(MissingDataError, match="is not a readable PSF table"):
        read(hdu)


def test_missing_unit_is_assumed_with_one_warning(write, make):
    hdu = make.events()
    hdu.columns["ENERGY"].unit = None
    first, second = (open_fits(write([hdu], f"{i}.fits")).tables[0] for i in "ab")
    with pytest.warns(
        XGammaWarning, match="ENERGY of the HDU 'EVENTS' has no unit .*TeV, as prescribed by GADF"
    ):
        ds = read_hdu(first)
    assert ds["energy"].attrs["units"] == "TeV"
    assert read_hdu(second)["energy"].attrs["units"] == "TeV"


def test_gti_without_unit(read, make):
    """As in CTA 1DC: GADF fixes seconds, and TIMEUNIT says so too."""
    hdu = make.gti(unit=None)
    hdu.header["TIMEUNIT"] = "s"
    assert read(hdu)["start"].attrs["units"] == "s"


@pytest.mark.parametrize("unit", ["s", "TeV", "furlong"])
def test_wrong_unit(read, make, unit):
    hdu = make.response(
        "AEFF",
        [make.ENERGY, make.THETA],
        {"EFFAREA": (np.ones((3, 2)), unit)},
        "EFF_AREA",
        "AEFF_2D",
    )
    with pytest.raises(
        UnitError, match=f"EFFAREA of the HDU 'AEFF' .* unit '{unit}'.* m2: correct TUNIT"
    ):
        read(hdu)


def test_wrong_axis_unit(read, make):
    energy = ("ENERG", make.ENERGY[1], "deg")
    values = {"EFFAREA": (np.ones((3, 2)), "m2")}
    with pytest.raises(UnitError, match="ENERG_LO"):
        read(make.response("AEFF", [energy, make.THETA], values, "EFF_AREA", "AEFF_2D"))


def test_wrong_shape(read, make):
    values = {"EFFAREA": (np.ones((4, 2)), "m2")}
    hdu = make.response("AEFF", [make.ENERGY, make.THETA], values, "EFF_AREA", "AEFF_2D")
    with pytest.raises(
        AxisError,
        match=r"EFFAREA .* shape \(2, 4\), but its axes have the shape \(offset: 2, energy",
    ):
        read(hdu)


def test_edges_of_different_number(read, make):
    hdu = make.aeff()
    columns = [c for c in hdu.columns if c.name != "THETA_HI"]
    columns.append(make.column("THETA_HI", "1E", [[1.0]], "deg"))
    broken = type(hdu).from_columns(columns, name="AEFF")
    broken.header["HDUCLAS1"], broken.header["HDUCLAS2"] = "RESPONSE", "EFF_AREA"
    with pytest.raises(AxisError, match=r"THETA .* 2 lower and 1 upper edges"):
        read(broken)


def test_response_without_rows(read, make):
    hdu = make.aeff()
    hdu.data = hdu.data[:0]
    with pytest.raises(MissingDataError, match="has no rows"):
        read(hdu)


def test_nan_loads_and_is_reported_on_use(write, make):
    values = np.ones((3, 2))
    values[1, 1] = np.nan
    obs = read_observation(write([make.events(), make.gti(), make.aeff(values)]))
    obs.load()
    with pytest.raises(
        XGammaError, match=r"Run 7: 1 of 6 values of 'aeff' of the HDU 'AEFF' are NaN or infinite"
    ):
        check_finite(obs["aeff"].to_dataset(), "aeff", obs.gamma.obs_id)
    check_finite(xr.Dataset({"a": ("x", [1.0])}), "a")


def test_zero_events(write, make):
    obs = read_observation(write([make.events(0), make.gti(), make.aeff()]))
    assert obs["events"].sizes["event"] == 0
    obs.load()
    assert obs["events"]["energy"].dtype == "f4"


def test_lazy_and_freed(write, hdus):
    """Nothing is read before it is used, values are read once, the buffer goes with the tree."""
    obs = read_observation(write(hdus))
    variable = obs["aeff"].variables["aeff"]
    assert not variable._in_memory
    first = obs["aeff"]["aeff"].values
    assert np.shares_memory(obs["aeff"]["aeff"].values, first)
    assert variable._in_memory
    lazy = obs["events"].variables["ra"]._data
    while not hasattr(lazy, "table"):
        lazy = lazy.array
    file = weakref.ref(lazy.table.file)
    assert file() is not None
    del lazy, variable
    # When all is loaded, the buffer is not needed either.
    obs.load()
    gc.collect()
    assert file() is None
    assert obs["aeff"]["aeff"][2, 1] == 5


def test_pointing_table(write, make):
    from astropy.io import fits

    columns = [
        make.column("TIME", "D", [1000.0, 1300.0], "s"),
        make.column("RA_PNT", "D", [83.0, 83.1], "deg"),
        make.column("DEC_PNT", "D", [22.0, 22.1], "deg"),
    ]
    hdu = fits.BinTableHDU.from_columns(columns, name="POINTING")
    hdu.header["HDUCLAS1"] = "POINTING"
    obs = read_observation(write([make.events(), make.gti(), hdu]))
    assert obs["pointing"]["ra_pnt"].dims == ("pointing_time",)
    assert obs["pointing"]["ra"].item() == 83.63
    assert obs["pointing"]["alt"].attrs["units"] == "deg"


def test_netcdf_and_zarr(write, hdus, tmp_path):
    """A run can be kept in xarray's own formats."""
    obs = read_observation(write(hdus))
    obs.to_netcdf(tmp_path / "run.nc")
    with xr.open_datatree(tmp_path / "run.nc") as again:
        xr.testing.assert_equal(again.load(), obs.load())
        assert again["aeff"]["energy_true"].attrs == obs["aeff"]["energy_true"].attrs
    pytest.importorskip("zarr")
    obs.to_zarr(tmp_path / "run.zarr", zarr_format=2)
    with xr.open_datatree(tmp_path / "run.zarr", engine="zarr") as again:
        xr.testing.assert_equal(again.load()["events"], obs["events"])
