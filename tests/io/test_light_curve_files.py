"""Light curves, flux profiles and likelihood profiles in the tables of gammapy, both ways."""

import warnings

import numpy as np
import pytest
from astropy.table import Table

import xgamma as xg

TYPES = ("dnde", "e2dnde", "flux", "eflux", "likelihood")
QUANTITIES = [
    f"{q}{s}"
    for q in ("norm", "dnde", "e2dnde", "flux", "eflux")
    for s in ("", "_err", "_errn", "_errp", "_ul")
]


def gammapy_points(path):
    estimators = pytest.importorskip("gammapy.estimators")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimators.FluxPoints.read(path)


def spectrum(name, start):
    ds = xg.create_spectrum(
        "icrs;circle(83.6, 22, 0.1)", xg.energy_axis(1, 10, 3), name=name, energy_true="reco"
    ).drop_dims("gti", errors="ignore")
    ds["exposure"] = ("energy_true", np.full(3, 1e10), {"units": "m2 s"})
    ds["background"] = ("energy", np.full(3, 10.0), {"units": ""})
    attrs = {"units": "s", "reference_time": "2024-02-28T00:00:00.000"}
    ds["gti_start"] = ("gti", [start + 0.123456789], attrs)
    ds["gti_stop"] = ("gti", [start + 1800.987654321], attrs)
    return ds


@pytest.fixture(scope="module")
def model():
    return xg.SkyModel(xg.PowerLaw(index=2.6), name="s")


@pytest.fixture(scope="module")
def curve(model):
    nights = [spectrum("a", 0.0), spectrum("b", 86400.0), spectrum("c", 3 * 86400.0)]
    nights = [ds.gamma.asimov(model) for ds in nights]
    nights[1]["counts"] = 2 * nights[1].counts
    edges = nights[0].gamma.edges("energy")
    return xg.light_curve(nights, "s", edges, models=model)


@pytest.fixture(scope="module")
def points(model):
    return xg.flux_points(spectrum("a", 0.0).gamma.asimov(model), "s", models=model)


@pytest.fixture(scope="module")
def profile():
    ds = xg.create_map((83.6, 22), "2 deg", "0.1 deg", xg.energy_axis(1, 10, 2), "reco", name="m")
    ds["exposure"] = (("energy_true", "y", "x"), np.full((2, 20, 20), 1e10), {"units": "m2 s"})
    for name, value in {"counts": 5.0, "background": 3.0}.items():
        ds[name] = (("energy", "y", "x"), np.full((2, 20, 20), value), {"units": ""})
    rings = xg.ring_regions("83.6d 22d", [0, 0.2, 0.4, 0.6])
    return xg.flux_profile(ds, rings, [1, 3.1622776601683795, 10], models=[])


def assert_kept(back, made, rtol=1e-12):
    for name in made.variables:
        assert name in back.variables, name
        one, other = back[name], made[name]
        if name in ("time", "time_lo", "time_hi"):
            # Days since midnight, in double precision.
            assert (np.abs(one.values - other.values) <= np.timedelta64(1, "ns")).all()
        elif other.dtype.kind in "iuf":
            assert one.dims == other.dims, name
            np.testing.assert_allclose(one, other, rtol=rtol, err_msg=str(name))
        else:
            np.testing.assert_array_equal(one, other, err_msg=str(name))


@pytest.mark.parametrize("suffix", ["fits", "fits.gz", "ecsv"])
@pytest.mark.parametrize("sed_type", TYPES)
@pytest.mark.parametrize("which", ["points", "curve", "profile"])
def test_every_axis_of_every_type_is_kept(which, sed_type, suffix, request, tmp_path):
    made = request.getfixturevalue(which)
    path = tmp_path / f"a.{suffix}"
    xg.write_flux_points(made, path, sed_type)
    back = xg.read_flux_points(path)
    # A type holds one quantity; what follows from it is dnde, and with a profile the norm.
    held = [n for n in made.data_vars if sed_type == "likelihood" or str(n) not in QUANTITIES]
    held = [n for n in held if not str(n).startswith("ref_") or sed_type == "likelihood"]
    own = [n for n in QUANTITIES if n.partition("_")[0] in ("dnde", "norm", sed_type)]
    assert_kept(back, made[[*held, *own, *made.coords]], rtol=1e-10)
    assert back.attrs["n_sigma_ul"] == 2


@pytest.mark.parametrize("suffix", ["fits", "ecsv"])
@pytest.mark.parametrize("which", ["points", "curve", "profile"])
def test_gammapy_reads_the_tables(which, suffix, request, tmp_path):
    made = request.getfixturevalue(which)
    path = tmp_path / f"a.{suffix}"
    xg.write_flux_points(made, path, "likelihood")
    theirs = gammapy_points(path)
    for name in ("norm", "norm_ul", "stat", "ts"):
        found = getattr(theirs, name).data[..., 0, 0]
        np.testing.assert_allclose(found, made[name], rtol=1e-12)
    scan = theirs.stat_scan
    assert scan.geom.axes["norm"].center == pytest.approx(made.norm_scan.values)
    order = [d for d in ("time", "region", "energy") if d in made.dims]
    np.testing.assert_allclose(scan.data[..., 0, 0], made.stat_scan.transpose(*order, "norm_scan"))
    np.testing.assert_allclose(
        theirs.npred.data.sum(axis=(-1, -2, -3)),
        made.npred.sum([d for d in made.npred.dims if d == "dataset"]),
    )
    if which == "curve":
        axis = theirs.geom.axes["time"]
        start = axis.time_min.tt.datetime64
        assert (np.abs(start - made.time_lo.values) < np.timedelta64(100, "ns")).all()
    if which == "profile":
        axis = theirs.geom.axes["projected-distance"]
        np.testing.assert_allclose(axis.center.to_value("deg"), made.distance)


@pytest.mark.parametrize("file", ["pks2155_hess_lc.fits", "pks2155_hess_lc_3bins.fits"])
def test_light_curves_of_gammapy_read_and_go_back(file, data, tmp_path):
    path = data / "estimators" / "pks2155_hess_lc" / file
    theirs = gammapy_points(path)
    curve = xg.read_flux_points(path)
    axis = theirs.geom.axes["time"]
    assert curve.sizes["time"] == axis.nbin == 34
    for name, time in (("time_lo", axis.time_min), ("time_hi", axis.time_max)):
        # gammapy counts seconds from 2001 in double precision.
        off = np.abs(curve[name].values - time.tt.datetime64)
        assert (off < np.timedelta64(2, "us")).all()
    for name in ("norm", "norm_errn", "norm_ul", "stat", "ts", "sqrt_ts"):
        np.testing.assert_allclose(curve[name], getattr(theirs, name).data[..., 0, 0])
    for name in ("dnde", "dnde_err", "dnde_ul"):
        expected = getattr(theirs, name).quantity[..., 0, 0].to_value(curve[name].attrs["units"])
        np.testing.assert_allclose(curve[name], expected, rtol=1e-6)
    np.testing.assert_allclose(curve.npred, theirs.npred.data[..., 0, 0])
    assert curve.npred.dims == ("time", "energy", "dataset")
    np.testing.assert_allclose(curve.stat_scan, theirs.stat_scan.data[..., 0, 0])
    assert curve.sizes["gti"] == len(theirs.gti.table)
    # And back, to the table that gammapy wrote.
    xg.write_flux_points(curve, tmp_path / "back.fits", "likelihood")
    assert_kept(xg.read_flux_points(tmp_path / "back.fits"), curve)
    again = gammapy_points(tmp_path / "back.fits")
    np.testing.assert_allclose(again.norm.data, theirs.norm.data)
    np.testing.assert_allclose(again.stat_scan.data, theirs.stat_scan.data)
    assert again.gti.time_sum.to_value("s") == pytest.approx(theirs.gti.time_sum.to_value("s"))


def test_fluxes_of_a_curve_are_those_of_its_own_reference(data):
    """gammapy takes the reference dnde of a band for its spectrum where it is given none."""
    path = data / "estimators" / "pks2155_hess_lc" / "pks2155_hess_lc.fits"
    curve, table = xg.read_flux_points(path), Table.read(path, hdu=1)
    np.testing.assert_allclose(curve.flux, table["norm"] * table["ref_flux"])
    theirs = gammapy_points(path).flux.quantity[..., 0, 0].to_value("s-1 cm-2")
    assert np.all(np.abs(theirs / curve.flux - 1) > 0.5)


def test_variability_of_a_curve_read_is_gammapys(data):
    estimators = pytest.importorskip("gammapy.estimators")
    path = data / "estimators" / "pks2155_hess_lc" / "pks2155_hess_lc.fits"
    curve = xg.read_flux_points(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = estimators.utils.compute_lightcurve_fvar(gammapy_points(path))
    # A factor on all fluxes does not change it.
    flux, err = curve.flux.values[:, 0], curve.flux_err.values[:, 0]
    found = np.sqrt((np.var(flux, ddof=1) - np.mean(err**2)) / np.mean(flux) ** 2)
    np.testing.assert_allclose(found, theirs["fvar"][0], rtol=1e-6)


@pytest.mark.parametrize("scale", ["utc", "tt", "tai"])
@pytest.mark.parametrize("unit", ["d", "s"])
def test_times_count_in_the_scale_of_the_header(curve, scale, unit, tmp_path):
    xg.write_flux_points(curve, tmp_path / "a.fits", "flux")
    table = Table.read(tmp_path / "a.fits")
    factor = {"d": 1, "s": 86400}[unit]
    for name in ("time_min", "time_max"):
        table[name] = table[name].data * factor
    table.meta |= {"TIMESYS": scale, "TIMEUNIT": unit}
    for key in ("CHECKSUM", "DATASUM"):
        table.meta.pop(key, None)
    table.write(tmp_path / "b.fits")
    theirs = gammapy_points(tmp_path / "b.fits").geom.axes["time"]
    found = xg.read_flux_points(tmp_path / "b.fits")
    off = np.abs(found.time_lo.values - theirs.time_min.tt.datetime64)
    assert (off < np.timedelta64(1, "us")).all()


@pytest.mark.parametrize("which", ["points", "curve", "profile"])
@pytest.mark.parametrize("sed_type", ["dnde", "likelihood"])
def test_what_a_table_does_not_hold_is_refused(which, sed_type, request, tmp_path):
    made = request.getfixturevalue(which)
    path = tmp_path / "a.fits"
    with pytest.raises(xg.AxisError, match=r"'phase'.*isel"):
        xg.write_flux_points(made.expand_dims(phase=[0.1, 0.6]), path, sed_type)
    with pytest.raises(xg.AxisError, match=r"'odd'.*drop_vars"):
        xg.write_flux_points(made.assign(odd=("norm_scan", np.ones(11))), path, sed_type)
    if which != "points":
        both = made.expand_dims("region" if which == "curve" else "time")
        with pytest.raises(xg.AxisError, match=r"'time'|'region'"):
            xg.write_flux_points(both, path, sed_type)
    assert not path.exists()


def test_one_energy_of_a_curve_stays_one(curve, tmp_path):
    xg.write_flux_points(curve.isel(energy=0), tmp_path / "a.fits", "flux")
    back = xg.read_flux_points(tmp_path / "a.fits")
    assert back.flux.dims == ("time", "energy")
    np.testing.assert_allclose(back.flux[:, 0], curve.flux[:, 0])
    assert back.energy_lo.values == pytest.approx([float(curve.energy_lo[0])])


def test_damaged_light_curves_are_refused(curve, tmp_path):
    xg.write_flux_points(curve, tmp_path / "a.ecsv", "flux")

    def damaged(change):
        table = Table.read(tmp_path / "a.ecsv", format="ascii.ecsv")
        change(table)
        table.write(tmp_path / "b.ecsv", overwrite=True, format="ascii.ecsv")
        return tmp_path / "b.ecsv"

    def other_energy(table):
        table["e_ref"][1] = table["e_ref"][1] * 2

    with pytest.raises(xg.XGammaError, match="differ between rows"):
        xg.read_flux_points(damaged(other_energy))
    with pytest.raises(xg.MissingDataError, match="no time_max"):
        xg.read_flux_points(damaged(lambda t: t.remove_column("time_max")))

    def fewer(table):
        table["ts"] = table["ts"][:, :2]

    with pytest.raises(xg.XGammaError, match="different numbers"):
        xg.read_flux_points(damaged(fewer))

    def no_time(table):
        table["time_min"][0] = np.nan

    with pytest.raises(xg.XGammaError, match="not finite"):
        xg.read_flux_points(damaged(no_time))
    series = Table({"time_bin_start": [1.0], "time_bin_size": [1.0], "flux": [1.0]})
    series.write(tmp_path / "c.ecsv")
    with pytest.raises(xg.XGammaError, match="without its energies"):
        xg.read_flux_points(tmp_path / "c.ecsv")


def test_log_likelihoods_of_the_first_version_become_the_statistic(points, tmp_path):
    xg.write_flux_points(points, tmp_path / "a.ecsv", "likelihood")
    table = Table.read(tmp_path / "a.ecsv", format="ascii.ecsv")
    best = points.stat.values
    for sign in (-1, 1):
        old = table.copy()
        old["dloglike_scan"] = sign * 0.5 * (old["stat_scan"] - best[:, np.newaxis])
        old["loglike"], old["loglike_null"] = sign * 0.5 * best, sign * 0.5 * old["stat_null"]
        old.remove_columns(["stat_scan", "stat", "stat_null"])
        old.write(tmp_path / f"old{sign}.ecsv", format="ascii.ecsv")
        back = xg.read_flux_points(tmp_path / f"old{sign}.ecsv")
        np.testing.assert_allclose(back.stat_scan, points.stat_scan - points.stat, atol=1e-9)
        np.testing.assert_allclose(back.stat, points.stat)
        np.testing.assert_allclose(back.stat_null - back.stat, points.ts, atol=1e-9)
