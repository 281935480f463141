"""Bad input: one sentence that names the thing, or a map of zeros with a warning.

Files, headers and columns are spoiled in tests/dl3; here it is what reaches templates and makers.
"""

import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from tests.helpers.runs import simulated, template, with_group
from xgamma.tutorial import example_map, example_model, example_spectrum

RUN = simulated(events=True, seed=2, obs_id=77)


def spoiled(group, variable, value):
    """The run with one value of a response replaced."""
    ds = RUN[group].to_dataset()
    values = ds[variable].values.copy()
    values.flat[values.size // 2] = value
    return with_group(RUN, group, **{variable: (ds[variable].dims, values, ds[variable].attrs)})


# --- templates -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["counts", "exposure", "background", "psf", "edisp"])
def test_template_without_energy(name):
    ds = xg.create_map((83.63, 22.01), "2 deg", "0.1 deg")
    with pytest.raises(xg.MissingDataError, match=r"no energy axis.*pass energy=xg\.energy_axis"):
        ds.gamma.fill(RUN, select=[name])


def test_template_without_energy_in_a_loop():
    ds = xg.create_map((83.63, 22.01), "2 deg", "0.1 deg")
    with pytest.raises(xg.MissingDataError, match="Run 77: The template has no energy axis"):
        xg.reduce([RUN], into=ds)


def test_absurd_energies():
    """Nothing of the map lies in the range of a response: zeros, and a warning that says so."""
    high = xg.energy_axis("300 TeV", "500 TeV", 3)
    ds = template(energy=high, energy_true=xg.model.make_axes.rename_axis(high, "energy_true"))
    with pytest.warns(
        xg.XGammaWarning, match=r"Run 77: the effective area covers 0\.05 to 200 TeV"
    ):
        assert float(ds.gamma.fill_exposure(RUN).exposure.max()) == 0
    with pytest.warns(xg.XGammaWarning, match=r"Run 77: the background covers 0\.2 to 100 TeV"):
        filled = ds.gamma.fill_background(RUN)
    assert float(filled.background.max()) == 0
    assert not filled.gamma.safe_mask(RUN, methods=[]).mask_safe.any()


def test_bin_wider_than_the_background():
    """One bin over everything has no edge in the range: a background of zero is not silent."""
    ds = template(energy=xg.energy_axis("0.01 TeV", "1000 TeV", 1))
    with pytest.warns(xg.XGammaWarning, match="no energy bin of the map lies inside"):
        assert float(ds.gamma.fill_background(RUN).background.max()) == 0


@pytest.mark.parametrize("width", ["5 s", "1 TeV"])
def test_wrong_kind_of_width(width):
    with pytest.raises(xg.UnitError, match="width"):
        xg.create_map((83.63, 22.01), width)
    with pytest.raises(xg.UnitError, match="width"):
        template().gamma.cutout((83.63, 22.01), width)


# --- responses -----------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize(
    ("group", "variable", "select"),
    [
        ("aeff", "aeff", "exposure"),
        ("edisp", "edisp", "edisp"),
        ("psf", "sigma_1", "psf"),
        ("psf", "ampl_2", "psf"),
    ],
)
def test_not_a_number_in_a_response(group, variable, select, bad):
    with pytest.raises(
        xg.XGammaError, match=rf"1 of \d+ values of '{variable.upper()}' .* are NaN or infinite"
    ):
        template().gamma.fill(spoiled(group, variable, bad), select=[select])


def test_not_a_number_in_the_background():
    """Between good energies it is filled, as an empty cell is; infinity is refused."""
    want = template().gamma.fill_background(RUN).background
    with pytest.warns(
        xg.XGammaWarning, match="values of the background are NaN: they are interpolated"
    ):
        got = template().gamma.fill_background(spoiled("bkg", "bkg", np.nan)).background
    np.testing.assert_allclose(got, want, rtol=1e-4)
    with pytest.raises(xg.XGammaError, match="NaN or infinite"):
        template().gamma.fill_background(spoiled("bkg", "bkg", np.inf))


@pytest.mark.parametrize(
    ("group", "select"),
    [
        ("aeff", "exposure"),
        ("bkg", "background"),
        ("psf", "psf"),
        ("edisp", "edisp"),
        ("aeff", "psf"),
    ],
)
def test_missing_response(group, select):
    with pytest.raises(
        xg.MissingDataError, match=f"Run 77 has no '{group}' response: remove it from select="
    ):
        template().gamma.fill(with_group(RUN, group), select=[select])


def test_missing_column():
    aeff = RUN["aeff"].to_dataset().rename(aeff="area")
    run = RUN.copy()
    run["aeff"] = xr.DataTree(aeff)
    with pytest.raises(xg.MissingDataError, match=r"no column 'AEFF': it has area"):
        template().gamma.fill_exposure(run)


@pytest.mark.parametrize(("group", "variable"), [("aeff", "aeff"), ("bkg", "bkg")])
@pytest.mark.parametrize("unit", ["TeV", "parsnip", ""])
def test_wrong_unit_of_a_response(group, variable, unit):
    ds = RUN[group].to_dataset()
    run = with_group(RUN, group, **{variable: ds[variable].assign_attrs(units=unit)})
    select = {"aeff": "exposure", "bkg": "background"}[group]
    with pytest.raises(xg.UnitError):
        template().gamma.fill(run, select=[select])


def test_select_typo():
    with pytest.raises(xg.XGammaError, match=r"select='exposre' .* choose from counts, exposure"):
        template().gamma.fill(RUN, select=["counts", "exposre"])


# --- events and times ----------------------------------------------------------------------


def test_zero_events():
    ds = template().gamma.fill(simulated())
    assert int(ds.counts.sum()) == 0
    assert float(ds.exposure.max()) > 0
    assert xg.validate(template().gamma.stack(ds, ds)) == []


def without_time():
    gti = RUN["gti"].to_dataset().isel(gti=slice(0, 0))
    run = RUN.copy()
    run["gti"] = xr.DataTree(gti)
    return run


def test_empty_good_time():
    """No exposure can be made; counts can."""
    with pytest.raises(
        xg.XGammaError, match="Run 77 has no good time interval, and hence neither exposure"
    ):
        template().gamma.fill_exposure(without_time())
    with pytest.raises(xg.XGammaError, match="Run 77 has no good time interval"):
        template().gamma.fill_background(without_time())
    assert int(template().gamma.fill_counts(without_time()).counts.sum()) > 0


def test_empty_good_time_in_a_loop():
    with pytest.warns(xg.XGammaWarning, match=r"^Run 77 has no good time"):
        ds = xg.reduce([RUN, without_time()], into=template(), errors="warn")
    assert ds.sizes["obs"] == 1


# --- positions -----------------------------------------------------------------------------


def test_position_outside_the_map():
    with pytest.raises(xg.FrameError, match="outside the map"):
        template().gamma.cutout((120, 22), "1 deg")


def test_map_beside_the_field():
    """A map that the run does not see: zeros, no error, and nothing safe."""
    far = template(center=(83.63, 40))
    with_nothing = far.gamma.fill(RUN)
    for name in ("counts", "exposure", "background", "psf_exposure", "edisp"):
        assert float(with_nothing[name].max()) == 0
    assert not with_nothing.gamma.safe_mask(RUN, methods=["offset-max"]).mask_safe.any()


@pytest.mark.parametrize("offset", ["15 m", "1 TeV", "deg"])
def test_absurd_offsets(offset):
    """#4492: distances in the wrong unit were accepted silently."""
    ds = template().gamma.fill_counts(RUN)
    with pytest.raises(xg.UnitError, match="offset"):
        ds.gamma.safe_mask(RUN, methods=["offset-max"], offset_max=offset)
    with pytest.raises(xg.UnitError, match="offset"):
        xg.reduce([RUN], into=template(), offset_max=offset)


@pytest.mark.parametrize("offset", [0, -1, "200 deg"])
def test_offsets_out_of_range(offset):
    ds = template().gamma.fill_counts(RUN)
    with pytest.raises(xg.XGammaError, match="offset_max"):
        ds.gamma.safe_mask(RUN, methods=["offset-max"], offset_max=offset)


def test_order_of_dims_does_not_matter():
    """#1180: data addressed by name only."""
    a = template().gamma.fill(RUN).gamma.safe_mask(RUN)
    turned = a.transpose("x", "y_irf", "energy", "x_irf", "y", "rad", "energy_true", ...)
    one, other = template().gamma.stack(a), template().gamma.stack(turned)
    for name in ("counts", "exposure", "background", "psf", "edisp", "mask_safe"):
        xr.testing.assert_allclose(one[name], other[name])
    masked = turned.gamma.safe_mask(RUN, methods=["bkg-peak", "aeff-max", "edisp-bias"])
    xr.testing.assert_equal(
        masked.mask_safe.transpose("energy", "y", "x"),
        a.gamma.safe_mask(RUN, methods=["bkg-peak", "aeff-max", "edisp-bias"]).mask_safe,
    )


WRONG_KINDS = {
    "a negative width": (lambda ds: ds.gamma.cutout((83.63, 22.01), "-1 deg"), "must be positive"),
    "a fraction above one": (lambda ds: ds.gamma.psf_containment_radius(2, 1.5), "between 0 and 1"),
    "an energy below zero": (lambda ds: ds.gamma.psf_containment_radius(-1), "-1 TeV lies outside"),
    "an energy beyond the axis": (lambda ds: ds.gamma.psf_containment_radius(1e5), "lies outside"),
    "a name to stack": (lambda ds: ds.gamma.stack("run 2"), "must be a dataset, not str"),
    "names to stack": (lambda ds: xg.stack(["a.nc"]), "must be a dataset, not str"),
    "names to collect": (lambda ds: xg.collect(["a.nc"]), "must be a dataset, not str"),
    "a name to fill from": (
        lambda ds: ds.gamma.fill("run 1"),
        "Expected an observation .DataTree., got str",
    ),
    "a name to interpolate to": (lambda ds: ds.gamma.interp_to("a.nc"), "a map, not str"),
    "half a pixel": (lambda ds: ds.gamma.downsample(1.5), "positive whole number"),
    "nothing to join": (lambda ds: ds.gamma.downsample(), "give a factor"),
    "no template": (lambda ds: xg.reduce([], into=None), "must be a dataset, not NoneType"),
    "a name of a source": (lambda ds: ds.gamma.ts_map("crab"), "must be a SkyModel, not str"),
    "a text for percent": (
        lambda ds: ds.gamma.safe_mask(RUN, aeff_percent="10 %"),
        "from 0 to 100",
    ),
    "a percent of NaN": (
        lambda ds: ds.gamma.safe_mask(RUN, bias_percent=np.nan),
        "bias_percent=nan",
    ),
    "a name to mask with": (
        lambda ds: ds.gamma.safe_mask("run 1"),
        "Expected an observation .DataTree., got str",
    ),
    "a misspelt option": (
        lambda ds: ds.gamma.fill(RUN, fill_mising=1),
        "'fill_mising' is not recognised",
    ),
    "a spectrum's option": (
        lambda ds: ds.gamma.fill(RUN, "counts", containment_correction=True),
        "the option='containment_correction' is not recognised: choose from fill_missing",
    ),
    "nothing to fill": (lambda ds: ds.gamma.fill(RUN, None), "select=None must be a list of names"),
    "a list for a width": (lambda ds: ds.counts.gamma.smooth([1, 2]), "must be a single value"),
    "a width of NaN": (
        lambda ds: ds.gamma.cutout(xg.tutorial.CRAB, np.nan),
        "must be a finite angle",
    ),
    "a position of NaN": (lambda ds: ds.gamma.separation((np.nan, 0)), "it is not finite"),
    "an energy of NaN": (lambda ds: ds.gamma.slice_energy(np.nan, 3), "min is NaN"),
    "a mask of numbers": (lambda ds: ds.gamma.significance(mask=ds.counts), "not int"),
    "a name for a mask": (lambda ds: ds.gamma.ts_map(example_model(), mask="m"), "not str"),
    "a negative kernel": (
        lambda ds: ds.gamma.ts_map(example_model(), kernel_width=-1),
        "kernel_width=-1 must be an angle",
    ),
    "a negative seed": (lambda ds: ds.gamma.fake(-1), "seed=-1 must be a non-negative integer"),
    "sigmas below zero": (
        lambda ds: ds.gamma.excess_map(n_sigma=0),
        "n_sigma=0 must be a number above 0",
    ),
    "a background beside one": (
        lambda ds: ds.gamma.fake(0, background=ds.background),
        "background= is for on-off datasets",
    ),
    "a number for a name": (
        lambda ds: ds.gamma.npred_signal([example_model()], model_names=3),
        "model_names=3 must be a name",
    ),
    "a list for a scheme": (
        lambda ds: ds.gamma.npred([], scheme=[1]),
        r"scheme=\[1\] is not recognised",
    ),
    "an index of text": (lambda ds: ds.gamma.exposure_image("2"), "index='2' must be a number"),
    "half a pixel to pad": (lambda ds: ds.gamma.pad(1.5), "width=1.5 must be a whole number"),
    "no method": (lambda ds: ds.gamma.at_position("psf", method="near"), "'nearest' or 'linear'"),
    "a template of text": (lambda ds: ds.counts.gamma.interp_to("a"), "Expected a map, got str"),
    "no path": (lambda ds: ds.gamma.to_fits(None), "path=None must be the path"),
    "no path for NetCDF": (lambda ds: ds.gamma.to_netcdf(3), "path=3 must be the path"),
    "a URL for NetCDF": (lambda ds: ds.gamma.to_netcdf("s3://a/b.nc"), "is a URL: only"),
    "no path for Zarr": (lambda ds: ds.gamma.to_zarr(None), "path=None must be the path"),
    "no path to open": (lambda ds: xg.open(None), "path=None must be the path"),
    "no store": (lambda ds: xg.open_store(None), "path=None must be the path"),
    "a unit that is none": (lambda ds: ds.exposure.gamma.to_unit(None), "cannot be converted to"),
    "no dataset to check": (
        lambda ds: xg.validate(None),
        "Only a dataset or an observation can be checked",
    ),
    "a kind of errors": (lambda ds: xg.validate(ds, "list"), "'raise' or 'return'"),
    "energies for radii": (
        lambda ds: xg.create_map(
            (0, 0), "1 deg", energy=ds.energy, rad=ds.energy, energy_true="reco"
        ),
        "rad= must be an axis in units compatible with 'deg'",
    ),
    "half a bin": (lambda ds: xg.energy_axis(1, 10, 2.5), "nbin=2.5 must be a whole number"),
    "no edges": (lambda ds: xg.energy_axis_from_edges([]), "at least two edges, not 0"),
    "a region in pixels": (
        lambda ds: xg.create_spectrum(
            "image;circle(3, 4, 2)", xg.energy_axis(1, 10, 3), energy_true="reco"
        ),
        "is in pixels",
    ),
    "half a region": (
        lambda ds: example_spectrum().gamma.reflected_background(RUN, n_off_regions=2.5),
        "n_off_regions=2.5 must be a positive whole number",
    ),
    "no run to turn regions in": (
        lambda ds: example_spectrum().gamma.reflected_background(None),
        "Expected an observation .DataTree., got NoneType",
    ),
    "letters to count": (
        lambda ds: ds.gamma.to_onoff("many", 1, 1),
        "counts_off='many' must be a number",
    ),
    "a spectrum of text": (
        lambda ds: example_spectrum().gamma.sensitivity("hard"),
        "spectrum='hard' must be a spectrum",
    ),
    "no counts to map": (lambda ds: ds.drop_vars("counts").gamma.excess_map(), "has no 'counts'"),
    "no counts to fit": (
        lambda ds: ds.drop_vars("counts").gamma.ts_map(example_model()),
        "has no 'counts'",
    ),
    "no counts to subtract from": (
        lambda ds: ds.drop_vars("counts").gamma.residuals(),
        "has no 'counts'",
    ),
    "a map without rows": (
        lambda ds: ds.isel(y=slice(0, 0)).gamma.npred([example_model()]),
        "no pixels along 'y'",
    ),
    "a picture without columns": (
        lambda ds: ds.isel(x=slice(0, 0)).counts.sum("energy").gamma.plot(),
        "no pixels along 'x'",
    ),
    "no energies": (
        lambda ds: ds.isel(energy=slice(0, 0)).gamma.to_image(),
        "'energy' has no bins",
    ),
    "one pixel": (
        lambda ds: ds.isel(x=3, y=4).gamma.npred([example_model()]),
        "has lost its dimension 'y'",
    ),
    "a misspelt variable": (lambda ds: ds.gamma.quantity("exposur"), "has no 'exposur'"),
    "an object for NetCDF": (
        lambda ds: ds.assign_attrs(note=object()).gamma.to_netcdf("never.nc"),
        "attribute 'note' of the dataset is a object, which NetCDF cannot store",
    ),
    "a radius below zero": (lambda ds: ds.gamma.excess_map("-1 deg"), "between 0 and 180"),
}


@pytest.mark.parametrize("what", WRONG_KINDS)
def test_arguments_of_the_wrong_kind(what):
    call, sentence = WRONG_KINDS[what]
    with pytest.raises(xg.XGammaError, match=sentence):
        call(example_map())


@pytest.mark.parametrize("read", [xg.read_ebl, xg.read_light_curve])
@pytest.mark.parametrize("text", ["no table", ""])
def test_tables_that_are_no_fits(tmp_path, read, text):
    path = tmp_path / "table.fits"
    path.write_text(text)
    with pytest.raises(xg.XGammaError, match=r"table\.fits'? (cannot be read as|is not a) FITS"):
        read(path, 0.1) if read is xg.read_ebl else read(path)


def test_one_dataset_is_a_stack_of_one():
    ds = example_map()
    assert int(xg.stack(ds).counts.sum()) == int(ds.counts.sum())


def test_units_given_as_astropy_has_them_are_kept_as_text(tmp_path):
    from astropy import units as u

    converted = example_map().exposure.gamma.to_unit(u.Unit("cm2 s"))
    assert converted.attrs["units"] == "cm2 s"
    converted.gamma.to_fits(tmp_path / "exposure.fits")


# --- runs ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    from xgamma.dl3 import simulate_store

    folder = tmp_path_factory.mktemp("runs") / "store"
    return xg.open_store(simulate_store(folder, n_runs=2, livetime="1 min"))


WRONG_RUNS = {
    "a text for a number": (lambda s: s["1"], "remove the quotes from '1'"),
    "a slice": (lambda s: s[:2], r"is not a single run: select several with store\.select"),
    "a position alone": (lambda s: s.select(cone=(83.6, 22.0)), "is not a position and radius"),
    "a radius below zero": (lambda s: s.select(cone=((83.6, 22.0), -1)), "cone radius -1 must be"),
    "a radius of NaN": (lambda s: s.select(cone=((83.6, 22.0), np.nan)), "cone radius nan must be"),
    "one time": (lambda s: s.select(time="2020-01-01"), "must be \\(start, stop\\)"),
    "times turned round": (lambda s: s.select(time=("2021-01-01", "2020-01-01")), "empty range"),
    "one zenith angle": (lambda s: s.select(zenith=30), "zenith=30 must be a range"),
    "half a box": (lambda s: s.select(box=(1, 2)), "box=1 must be"),
    "numbers to reduce": (
        lambda s: xg.reduce([1], into=template()),
        "Expected an observation .DataTree., got int",
    ),
    "nothing to reduce": (lambda s: xg.reduce(None, into=template()), "not a list of observations"),
}


@pytest.mark.parametrize("what", WRONG_RUNS)
def test_runs_that_are_none(store, what):
    call, sentence = WRONG_RUNS[what]
    with pytest.raises(xg.XGammaError, match=sentence):
        call(store)


def test_open_ends_of_time(store):
    tstart, tstop = (store.table[name] for name in ("tstart", "tstop"))
    assert len(store.select(time=(None, "2100-01-01"))) == 2
    assert float(tstart[1]) > float(tstop[0])
    assert len(store.select(zenith=(None, 90))) == 2


def test_one_run_is_reduced_like_a_list_of_one(store):
    one = xg.reduce(store[1], into=template(), progress=False)
    xr.testing.assert_equal(one, xg.reduce([store[1]], into=template(), progress=False))
