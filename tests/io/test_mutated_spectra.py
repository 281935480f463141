"""Damaged OGIP spectra, NetCDF and datasets: no axis, keyword or value that cannot be is taken."""

import shutil

import numpy as np
import pytest
import xarray as xr
from astropy.io import fits

import xgamma as xg
from tests.fuzz.mutant import damaged_values
from xgamma.tutorial import example_map, example_spectrum

FILES = ("pha", "arf", "rmf", "bkg")


@pytest.fixture
def spectrum(data, tmp_path):
    for kind in FILES:
        source = data / f"joint-crab/spectra/hess/{kind}_obs23523.fits"
        shutil.copyfile(source, tmp_path / source.name)
    return tmp_path


def damaged(spectrum, kind, change):
    path = spectrum / f"{kind}_obs23523.fits"
    with fits.open(path, mode="update", memmap=False) as hdus:
        change(hdus)
    return spectrum / "pha_obs23523.fits"


@pytest.mark.parametrize("kind", ["pha", "bkg"])
@pytest.mark.parametrize(
    ("key", "values"),
    [("EXPOSURE", (None, 0, -1.0, "long")), ("BACKSCAL", (0, -1.0)), ("AREASCAL", (0, -1.0))],
)
def test_keywords_of_spectra(spectrum, kind, key, values):
    for value in values:

        def change(hdus, value=value):
            header = hdus["SPECTRUM"].header
            if key in hdus["SPECTRUM"].columns.names:
                hdus["SPECTRUM"].data[key] = value
            elif value is None:
                del header[key]
            else:
                header[key] = value

        with pytest.raises(xg.XGammaError, match=key):
            xg.open(damaged(spectrum, kind, change))


@pytest.mark.parametrize(
    ("kind", "hdu", "columns"),
    [
        ("arf", "SPECRESP", ("ENERG_LO", "ENERG_HI")),
        ("rmf", "MATRIX", ("ENERG_LO", "ENERG_HI")),
        ("rmf", "EBOUNDS", ("E_MIN", "E_MAX")),
    ],
)
@pytest.mark.parametrize("how", ["reversed", "shuffled", "NaN", "zero", "negative"])
def test_axes_of_spectra(spectrum, kind, hdu, columns, how):
    def change(hdus):
        for name in columns:
            values = np.array(hdus[hdu].data[name])
            hdus[hdu].data[name] = damaged_values(values)[how]

    with pytest.raises(xg.AxisError):
        xg.open(damaged(spectrum, kind, change))


@pytest.mark.parametrize("value", [np.nan, -1.0, np.inf])
def test_values_of_areas(spectrum, value):
    def change(hdus):
        hdus["SPECRESP"].data["SPECRESP"][5] = value

    with pytest.raises(xg.XGammaError, match="SPECRESP"):
        xg.open(damaged(spectrum, "arf", change))


@pytest.mark.filterwarnings("ignore:The data type", "ignore:.*its checksum is missing")
@pytest.mark.parametrize("dim", ["energy", "energy_true", "rad"])
@pytest.mark.parametrize("how", ["reversed", "NaN", "negative"])
def test_axes_in_netcdf_and_zarr(tmp_path, dim, how):
    """Written by another program: the file is changed without this library."""
    ds = example_map()
    ds.gamma.to_netcdf(tmp_path / "good.nc")
    with xr.open_dataset(tmp_path / "good.nc") as raw:
        raw.load()
    change = {"reversed": lambda v: v[::-1], "NaN": lambda v: v * np.nan, "negative": lambda v: -v}
    names = [f"{dim}_lo", f"{dim}_hi"]
    raw = raw.assign_coords({n: (dim, change[how](raw[n].values), raw[n].attrs) for n in names})
    raw.to_netcdf(tmp_path / "bad.nc")
    raw.drop_encoding().to_zarr(tmp_path / "bad.zarr", consolidated=False, zarr_format=3)
    for name in ("bad.nc", "bad.zarr"):
        with pytest.raises(xg.XGammaError, match=dim):
            xg.open(tmp_path / name)


@pytest.mark.parametrize("value", [np.nan, -1.0, np.inf])
@pytest.mark.parametrize("name", ["background", "exposure"])
def test_values_of_datasets(name, value):
    """They counted as zero in `fit` and `stack`, and `validate` said nothing."""
    ds = example_map()
    values = ds[name].values.astype(float)
    values[:, 2, 3] = value
    bad = ds.assign({name: (ds[name].dims, values, ds[name].attrs)})
    model = xg.SkyModel(xg.PowerLaw(), xg.PointSource(lon="83.63 deg", lat="22.01 deg"))
    assert any(name in issue for issue in bad.gamma.validate("return"))
    assert bad.gamma.validate("return", values=False) == []
    for call in (lambda d: xg.fit(d, model), lambda d: xg.stack(d, d)):
        with pytest.raises(xg.XGammaError, match=name):
            call(bad)
    # Where nothing is safe, nothing counts.
    safe = xr.ones_like(ds["counts"], dtype=bool)
    safe[:, 2, 3] = False
    hidden = bad.assign(mask_safe=safe.drop_attrs())
    assert hidden.gamma.validate("return") == []
    assert np.isfinite(xg.stack(hidden, hidden)[name]).all()


@pytest.mark.parametrize("name", ["acceptance", "acceptance_off"])
def test_acceptances(name):
    ds = example_spectrum()
    values = ds[name].values.astype(float)
    values[1] = np.nan
    bad = ds.assign({name: (ds[name].dims, values, ds[name].attrs)})
    with pytest.raises(xg.XGammaError, match=name):
        xg.stack(bad, bad)
    assert any(name in issue for issue in bad.gamma.validate("return"))
