"""OGIP spectra: real sets, round trips, and the dialects of the format."""

import json

import numpy as np
import pytest
import xarray as xr
from astropy.io import fits

import xgamma as xg
from tests.helpers.filled_datasets import filled


@pytest.fixture
def spectrum():
    """An on-off spectrum whose dispersion has gaps, so that a row has several groups."""
    ds = filled("spectrum_onoff", n_obs=0, nbin=5)
    matrix = ds.edisp.values.copy()
    matrix[0], matrix[1, 1], matrix[2, 0] = 0, 0, 0
    data = {"edisp": ds.edisp.copy(data=matrix)}
    ones = ds.acceptance.copy(data=np.linspace(1, 2, 5))
    return ds.assign(data | {"acceptance": ones, "acceptance_off": 4 * ones}).assign_attrs(
        name="77"
    )


def rewrite(path, hdu, **keywords):
    """Change keywords of an HDU, or replace it by a function of it."""
    change = keywords.pop("change", None)
    if change is None:
        for key, value in keywords.items():
            fits.setval(path, key, value=value, extname=hdu, checksum=True)
        return
    with fits.open(path) as hdus:
        hdus = fits.HDUList([h.copy() for h in hdus])
        hdus[hdu] = change(hdus[hdu])
        hdus.writeto(path, overwrite=True, checksum=True)


def with_column(name, values, form):
    def change(hdu):
        columns = [c for c in hdu.columns if c.name != name]
        header = hdu.header.copy(strip=True)
        new = fits.BinTableHDU.from_columns(
            [*columns, fits.Column(name, form, array=values)], name="SPECTRUM"
        )
        for key in ("RESPFILE", "ANCRFILE", "BACKFILE", "EXPOSURE", "HDUCLAS1", "OBS_ID"):
            if key in header:
                new.header[key] = header[key]
        return new

    return change


def test_figures_of_joint_crab(data):
    from xgamma.datasets.stack import stack_all

    files = sorted((data / "joint-crab" / "spectra" / "hess").glob("pha_*.fits"))
    runs = [xg.read_ogip(f) for f in files]
    stacked = stack_all(runs)
    assert int(stacked.counts.sum()) == 459
    assert int(stacked.counts_off.sum()) == 645
    np.testing.assert_allclose(stacked.gamma.stat_sum(), 1530.36, atol=0.005)
    summary = str(stacked.gamma.info())
    assert "Predicted background counts     : 45.27" in summary
    assert "Fit statistic value (-2 log(L)) : 1530.36" in summary


def test_figures_of_each_run(data):
    reference = data.parent / "peer" / "gammapy-2.1.json"
    if not reference.is_file():
        pytest.skip("no reference figures beside the data")
    figures = json.loads(reference.read_text())["joint_crab_hess"]
    for file in sorted((data / "joint-crab" / "spectra" / "hess").glob("pha_*.fits")):
        ds = xg.read_ogip(file)
        expected = figures[ds.attrs["name"]]
        assert ds.gamma.validate() == []
        for name in ("counts", "counts_off", "acceptance", "acceptance_off", "mask_safe", "edisp"):
            np.testing.assert_allclose(ds[name].sum(dtype=float), expected[name]["sum"], rtol=1e-12)
        # gammapy states cm2 s.
        np.testing.assert_allclose(ds.exposure.sum() * 1e4, expected["exposure"]["sum"], rtol=1e-12)


def test_a_fermi_set(data):
    ds = xg.read_ogip(data / "joint-crab" / "spectra" / "fermi" / "pha_obs0.fits")
    assert ds.attrs["name"] == "0"
    assert ds.gamma.validate() == []
    assert ds.gamma.kind == "spectrum_onoff"
    assert ds.exposure.attrs["units"] == "m2 s"


@pytest.mark.parametrize("suffix", ["fits", "fits.gz"])
def test_round_trip(spectrum, tmp_path, suffix):
    spectrum.gamma.to_ogip(tmp_path / f"a.{suffix}", energy_unit="TeV")
    assert {p.name for p in tmp_path.iterdir()} == {
        f"a{k}.{suffix}" for k in ("", "_arf", "_rmf", "_bkg")
    }
    back = xg.read_ogip(tmp_path / f"a.{suffix}")
    for name in ("counts", "counts_off", "acceptance", "acceptance_off", "mask_safe", "edisp"):
        xr.testing.assert_equal(back[name].drop_vars("wcs"), spectrum[name].drop_vars("wcs"))
    np.testing.assert_allclose(back.exposure, spectrum.exposure, rtol=1e-14)
    np.testing.assert_array_equal(back.gti_start, spectrum.gti_start)
    assert back.exposure.attrs["livetime"] == spectrum.exposure.attrs["livetime"]
    assert "circle(83.63" in str(back.region.values)


def test_energies_are_kev_by_default(spectrum, tmp_path):
    spectrum.gamma.to_ogip(tmp_path / "a.fits")
    back = xg.read_ogip(tmp_path / "a.fits")
    assert back.energy.attrs["units"] == "keV"
    np.testing.assert_allclose(back.energy, spectrum.energy * 1e9, rtol=1e-12)
    np.testing.assert_allclose(
        back.gamma.edges("energy_true").to_value("TeV"),
        spectrum.gamma.edges("energy_true").to_value("TeV"),
    )


def test_a_model_background(spectrum, tmp_path):
    ds = spectrum.drop_vars(["counts_off", "acceptance", "acceptance_off"])
    ds = ds.assign(background=ds.counts * 0.37)
    ds.gamma.to_ogip(tmp_path / "a.fits")
    back = xg.read_ogip(tmp_path / "a.fits")
    assert back.gamma.kind == "spectrum"
    np.testing.assert_allclose(back.background, ds.background)


def test_area_scale_and_times(spectrum, tmp_path):
    spectrum.gamma.to_ogip(tmp_path / "a.fits")
    plain = xg.read_ogip(tmp_path / "a.fits")
    rewrite(tmp_path / "a.fits", "SPECTRUM", AREASCAL=0.5)
    rewrite(tmp_path / "a_bkg.fits", "SPECTRUM", AREASCAL=2.0, EXPOSURE=3 * 1234.5678)
    scaled = xg.read_ogip(tmp_path / "a.fits")
    np.testing.assert_allclose(scaled.exposure, plain.exposure * 0.5)
    np.testing.assert_allclose(scaled.acceptance, plain.acceptance * 0.5)
    np.testing.assert_allclose(scaled.acceptance_off, plain.acceptance_off * 6)
    values = np.array([1.0, 0.5, 0.25, 1.0, 2.0])
    rewrite(tmp_path / "a.fits", "SPECTRUM", change=with_column("AREASCAL", values, "D"))
    arrays = xg.read_ogip(tmp_path / "a.fits")
    np.testing.assert_allclose(arrays.edisp, plain.edisp * values)
    np.testing.assert_allclose(arrays.acceptance, plain.acceptance * values)
    np.testing.assert_allclose(arrays.exposure, plain.exposure)


def test_quality_and_thresholds(spectrum, tmp_path):
    spectrum.gamma.to_ogip(tmp_path / "a.fits")
    assert "quality" not in xg.read_ogip(tmp_path / "a.fits")
    values = np.array([0, 2, 1, 5, 0])
    rewrite(tmp_path / "a.fits", "SPECTRUM", change=with_column("QUALITY", values, "I"))
    ds = xg.read_ogip(tmp_path / "a.fits")
    np.testing.assert_array_equal(ds.mask_safe, values == 0)
    np.testing.assert_array_equal(ds.quality, values)
    ds.gamma.to_ogip(tmp_path / "b.fits")
    np.testing.assert_array_equal(xg.read_ogip(tmp_path / "b.fits").quality, values)

    def without_quality(hdu):
        columns = [c for c in hdu.columns if c.name != "QUALITY"]
        new = fits.BinTableHDU.from_columns(columns, name="SPECTRUM", header=hdu.header)
        new.header.update(LO_THRES=10**0.2, HI_THRES=10**0.8)
        return new

    rewrite(tmp_path / "a.fits", "SPECTRUM", change=without_quality)
    assert list(xg.read_ogip(tmp_path / "a.fits").mask_safe.values) == [
        False,
        True,
        True,
        True,
        False,
    ]


def test_grouping(spectrum, tmp_path):
    flags = np.array([1, -1, 1, -1, 0])
    ds = spectrum.assign(grouping=("energy", flags.astype("i2")))
    ds.gamma.to_ogip(tmp_path / "a.fits", energy_unit="TeV")
    kept = xg.read_ogip(tmp_path / "a.fits")
    np.testing.assert_array_equal(kept.grouping, flags)
    grouped = xg.read_ogip(tmp_path / "a.fits", grouped=True)
    assert grouped.gamma.validate() == []
    assert grouped.sizes["energy"] == 3
    counts = spectrum.counts.values
    np.testing.assert_array_equal(
        grouped.counts, [counts[0] + counts[1], counts[2] + counts[3], counts[4]]
    )
    np.testing.assert_allclose(grouped.edisp.sum("energy"), spectrum.edisp.sum("energy"), rtol=1e-6)
    np.testing.assert_allclose(grouped.acceptance[0], spectrum.acceptance[:2].mean())


def test_rates_and_channels_from_one(spectrum, tmp_path):
    spectrum.gamma.to_ogip(tmp_path / "a.fits")
    plain = xg.read_ogip(tmp_path / "a.fits")

    def as_rate(hdu):
        values = hdu.data["COUNTS"] / hdu.header["EXPOSURE"]
        return with_column("RATE", values, "D")(with_column("COUNTS", values, "D")(hdu))

    def rate_only(hdu):
        new = as_rate(hdu)
        columns = [c for c in new.columns if c.name != "COUNTS"]
        return fits.BinTableHDU.from_columns(columns, name="SPECTRUM", header=new.header)

    rewrite(tmp_path / "a.fits", "SPECTRUM", change=rate_only)
    np.testing.assert_allclose(xg.read_ogip(tmp_path / "a.fits").counts, plain.counts)
    rewrite(tmp_path / "a_rmf.fits", "MATRIX", TLMIN4=3)
    with pytest.raises(xg.AxisError, match="TLMIN4 may be wrong"):
        xg.read_ogip(tmp_path / "a.fits")


def test_a_matrix_of_fixed_width_counts_channels_from_one(spectrum, tmp_path):
    spectrum.gamma.to_ogip(tmp_path / "a.fits")
    plain = xg.read_ogip(tmp_path / "a.fits")
    n = plain.sizes["energy_true"]
    columns = [
        fits.Column("ENERG_LO", "D", unit="keV", array=plain.energy_true_lo.values),
        fits.Column("ENERG_HI", "D", unit="keV", array=plain.energy_true_hi.values),
        fits.Column("N_GRP", "I", array=np.ones(n)),
        fits.Column("F_CHAN", "I", array=np.ones(n)),
        fits.Column("N_CHAN", "I", array=np.full(n, 5)),
        fits.Column("MATRIX", "5E", array=plain.edisp.values),
    ]
    table = fits.BinTableHDU.from_columns(columns, name="SPECRESP MATRIX")
    table.header["DETCHANS"] = 5
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(tmp_path / "a_rmf.fits", overwrite=True)
    xr.testing.assert_identical(xg.read_ogip(tmp_path / "a.fits").edisp, plain.edisp)


def test_a_full_response_needs_no_arf(spectrum, tmp_path):
    spectrum.gamma.to_ogip(tmp_path / "a.fits")
    rewrite(tmp_path / "a.fits", "SPECTRUM", ANCRFILE="none", BACKFILE="none")
    ds = xg.read_ogip(tmp_path / "a.fits")
    assert ds.gamma.kind == "spectrum"
    np.testing.assert_allclose(ds.exposure, 1e-4 * 1234.5678)


def test_what_is_missing_is_named(spectrum, tmp_path):
    path = tmp_path / "a.fits"
    spectrum.gamma.to_ogip(path)
    (tmp_path / "a_arf.fits").rename(tmp_path / "moved.fits")
    with pytest.raises(xg.MissingDataError, match="not in the same folder"):
        xg.read_ogip(path)
    rewrite(path, "SPECTRUM", ANCRFILE="none", RESPFILE="none")
    with pytest.raises(xg.MissingDataError, match="requires a response"):
        xg.read_ogip(path)
    rewrite(path, "SPECTRUM", HDUCLAS4="TYPE:II")
    with pytest.raises(xg.XGammaError, match="type II"):
        xg.read_ogip(path)
    with pytest.raises(xg.MissingDataError, match="no HDU 'SPECTRUM'"):
        xg.read_ogip(tmp_path / "moved.fits")
    content = (tmp_path / "a_rmf.fits").read_bytes()
    (tmp_path / "cut.fits").write_bytes(content[: len(content) // 2])
    with pytest.raises(xg.XGammaError, match="truncated"):
        xg.read_ogip(tmp_path / "cut.fits")


def test_what_cannot_be_written(spectrum, tmp_path):
    with pytest.raises(xg.XGammaError, match="to_spectrum"):
        filled("map").gamma.to_ogip(tmp_path / "a.fits")
    with pytest.raises(xg.MissingDataError, match="'counts'"):
        spectrum.drop_vars("counts").gamma.to_ogip(tmp_path / "a.fits")
    exposure = spectrum.exposure.copy()
    exposure.attrs.pop("livetime")
    with pytest.raises(xg.MissingDataError, match="live time"):
        spectrum.assign(exposure=exposure).gamma.to_ogip(tmp_path / "a.fits")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_all_four_files(spectrum, tmp_path):
    spectrum.gamma.to_ogip(tmp_path / "a.fits")
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    with pytest.raises(xg.XGammaError, match="overwrite"):
        spectrum.gamma.to_ogip(tmp_path / "a.fits")
    broken = spectrum.assign(edisp=spectrum.edisp.expand_dims(obs=2))
    with pytest.raises(xg.XGammaError, match="has the dimension 'obs'"):
        broken.gamma.to_ogip(tmp_path / "a.fits", overwrite=True)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_sherpa_folds_the_same_counts(spectrum, tmp_path):
    ui = pytest.importorskip("sherpa.astro.ui", reason="Sherpa is not installed")
    spectrum.gamma.to_ogip(tmp_path / "a.fits")
    ui.load_pha(1, str(tmp_path / "a.fits"))
    ui.set_source(1, "powlaw1d.p")
    p = ui.get_model_component("p")
    p.gamma, p.ref, p.ampl = 2.3, 1e9, 1e-20
    model = xg.SkyModel(
        spectral=xg.PowerLaw(index=2.3, amplitude="1e-11 cm-2 s-1 TeV-1", reference="1 TeV")
    )
    ours = spectrum.gamma.npred_signal([model]).values
    theirs = ui.get_model_plot(1).y * np.diff(spectrum.gamma.edges("energy").to_value("keV"))
    np.testing.assert_allclose(theirs * 1234.5678, ours, rtol=1e-3)
