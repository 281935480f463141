"""Safe masks: each method where the answer is known."""

import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal

import xgamma as xg
from tests.helpers.runs import CRAB, POINTING, responses, simulated, template
from xgamma.makers.energy_threshold import bias_energy, first_crossing
from xgamma.model.axes import edges

ENERGY = xg.energy_axis_from_edges([0.1, 0.2, 0.5, 1, 2, 5, 10])
TRUE = xg.energy_axis("0.05 TeV", "50 TeV", 30, name="energy_true")


def area(energy, offset):
    """Proportional to energy up to 10 TeV, then flat: ten percent of the largest at 1 TeV."""
    return 1e5 * np.minimum(energy, 10.0)


@pytest.fixture(scope="module")
def run():
    return simulated(responses(aeff=area))


@pytest.fixture(scope="module")
def ds(run):
    return template(energy=ENERGY, energy_true=TRUE).gamma.fill(run)


def safe_energies(ds):
    """Lower edges of the bins where something is safe."""
    return ds.energy_lo.values[ds.mask_safe.any(("y", "x")).values].tolist()


def test_everything_is_safe_at_first(ds):
    assert "mask_safe" not in ds
    assert_array_equal(ds.drop_vars("background").gamma.safe_mask(methods=[]).mask_safe, True)


def test_aeff_default(run, ds):
    """LO_THRES is 0.3 TeV: the first bin wholly above begins at 0.5."""
    assert safe_energies(ds.gamma.safe_mask(run, methods=["aeff-default"])) == [0.5, 1, 2, 5]


def test_aeff_default_keeps_a_bin_whose_edge_is_the_threshold(run, ds):
    run = run.copy()
    aeff = run["aeff"].to_dataset()
    aeff.attrs |= {"LO_THRES": 0.2, "HI_THRES": 5.0}
    run["aeff"] = xr.DataTree(aeff)
    assert safe_energies(ds.gamma.safe_mask(run, methods="aeff-default")) == [0.2, 0.5, 1, 2]


def test_aeff_default_without_thresholds_warns(run, ds):
    run = run.copy()
    aeff = run["aeff"].to_dataset()
    aeff.attrs = {k: v for k, v in aeff.attrs.items() if "THRES" not in k}
    run["aeff"] = xr.DataTree(aeff)
    with pytest.warns(xg.XGammaWarning, match="no (LO|HI)_THRES") as caught:
        got = ds.gamma.safe_mask(run, methods=["aeff-default"])
    assert len(caught) == 2
    assert got.mask_safe.any(("y", "x"))[1:].all()


@pytest.mark.parametrize("irfs", ["DL4", "DL3"])
@pytest.mark.parametrize(("percent", "first"), [(10, 2), (4, 0.5), (60, 10), (1.4, 0.2)])
def test_aeff_max(run, ds, irfs, percent, first):
    """The area reaches p percent at p / 10 TeV; 10 % at 1 TeV itself, so the next bin (DL4)."""
    got = ds.gamma.safe_mask(run, methods=["aeff-max"], aeff_percent=percent, irfs=irfs)
    lower = safe_energies(got)
    if percent == 10:
        # Rounding decides whether one TeV itself is above.
        assert lower[0] in (1, 2)
    else:
        assert lower == [e for e in (0.1, 0.2, 0.5, 1, 2, 5) if e >= first]


def test_thresholds_where_all_is_safe():
    """#3437: a threshold below the axis is no error."""
    run = simulated(responses(aeff=lambda energy, offset: 1e5))
    ds = template(energy=xg.energy_axis(1, 10, 3)).gamma.fill(run, select=["exposure", "edisp"])
    for irfs in ("DL3", "DL4"):
        got = ds.gamma.safe_mask(run, methods=["aeff-max"], irfs=irfs)
        assert bool(got.mask_safe.all())


def test_aeff_max_keeps_the_first_bin():
    """#5834: aeff-max always lost the first bin."""
    run = simulated(responses(aeff=lambda energy, offset: 1e5))
    ds = template(energy=ENERGY, energy_true=TRUE).gamma.fill(run, select=["exposure"])
    assert safe_energies(ds.gamma.safe_mask(run, methods=["aeff-max"]))[0] == 0.1


def falling(energy, offset):
    """The largest area moves to higher energies with the offset."""
    return 1e5 * np.minimum(energy, 1 + 9 * offset)


def test_position_and_fixed_offset():
    """#3984: fixed_offset refused its own argument."""
    run = simulated(responses(aeff=falling))
    ds = template(energy=ENERGY, energy_true=TRUE).gamma.fill(run, select=["exposure"])

    def first(**where):
        return safe_energies(ds.gamma.safe_mask(run, methods=["aeff-max"], **where))[0]

    for irfs in ("DL3", "DL4"):
        near = first(fixed_offset="0.25 deg", irfs=irfs)
        far = first(fixed_offset="0.95 deg", irfs=irfs)
        assert near <= far
        assert first(position=POINTING, irfs=irfs) <= near
        assert first(position=(83.63, 21.56), irfs=irfs) == far
    # The middle of the map, half a degree off, or of the field of view.
    assert first(irfs="DL4") == first(position=CRAB)
    assert first(irfs="DL3") == first(fixed_offset=0, irfs="DL3")
    with pytest.raises(xg.XGammaError, match="not both"):
        first(position=CRAB, fixed_offset=1)


@pytest.mark.parametrize(
    ("method", "what"), [("aeff-max", "exposure"), ("edisp-bias", "dispersion")]
)
@pytest.mark.parametrize("where", [{"fixed_offset": "4 deg"}, {"position": (80, 22)}])
def test_position_outside_the_map(run, ds, method, what, where):
    """Not the nearest pixel of the border: nothing is safe, with a warning."""
    with pytest.warns(xg.XGammaWarning, match=f"{what} of .* is zero at the given position"):
        got = ds.gamma.safe_mask(run, methods=[method], **where)
    assert not got.mask_safe.any()


@pytest.mark.parametrize("method", ["aeff-max", "edisp-bias", "bkg-peak"])
def test_needs_what_it_looks_at(run, method):
    with pytest.raises(xg.MissingDataError, match=r"exposure|edisp|background"):
        template().gamma.fill_counts(run).gamma.safe_mask(run, methods=[method])


def test_aeff_max_off_the_field_is_empty():
    """#3978: a position without effective area gives an empty mask and a warning."""
    run = simulated(pointing=(83.63, 26.5))
    ds = template(energy=ENERGY).gamma.fill(run, select=["exposure"])
    with pytest.warns(xg.XGammaWarning, match="zero at the given position"):
        got = ds.gamma.safe_mask(run, methods=["aeff-max"])
    assert not got.mask_safe.any()
    assert not ds.gamma.safe_mask(run, methods=["offset-max"], offset_max=1).mask_safe.any()


@pytest.mark.parametrize("irfs", ["DL4", "DL3"])
def test_edisp_bias(run, ds, irfs):
    """The simulated bias is 0.4 / (1 + (E / 0.1 TeV)^2): ten percent at 0.17 TeV.

    #4231: edges passed for an axis in ``edisp-bias``.
    """
    got = ds.gamma.safe_mask(run, methods=["edisp-bias"], bias_percent=10, irfs=irfs)
    # The mean of a log-normal law adds 2 percent, so the bias sinks at 0.2, 0.22 reconstructed.
    assert safe_energies(got)[0] == 0.5
    strict = ds.gamma.safe_mask(run, methods=["edisp-bias"], bias_percent=3, irfs="DL3")
    assert safe_energies(strict)[0] >= safe_energies(got)[0]


def test_bias_energy():
    true = np.geomspace(0.1, 10, 41)
    reco = np.geomspace(0.05, 20, 4001)
    bias = 0.5 * (true / 0.1) ** -1.0
    matrix = np.zeros((41, 4001))
    matrix[np.arange(41), np.searchsorted(reco, true * (1 + bias))] = 1
    # The bias has sunk to 10 percent at 0.5 TeV true, 0.55 reconstructed.
    assert bias_energy(true, reco, matrix, 0.1) == pytest.approx(0.55, rel=0.02)


@pytest.mark.parametrize("radius", [0.4, 1.0])
def test_offset_max(run, ds, radius):
    got = ds.gamma.safe_mask(run, methods=["offset-max"], offset_max=f"{radius} deg")
    near = ds.gamma.separation(POINTING) < radius
    assert_array_equal(got.mask_safe[3], near)
    assert_array_equal(got.mask_safe.any("energy"), near)


def peaked(energy, offset):
    """Background rate per bin of this axis is largest from 1 to 2 TeV."""
    return 1e-4 * np.exp(-0.5 * (np.log(energy / 1.4) / 0.3) ** 2) + 0 * offset


@pytest.mark.parametrize("irfs", ["DL4", "DL3"])
def test_bkg_peak(irfs):
    run = simulated(responses(bkg=peaked))
    ds = template(energy=ENERGY).gamma.fill(run, select=["background"])
    lower = safe_energies(ds.gamma.safe_mask(run, methods=["bkg-peak"], irfs=irfs))
    # DL3: from the lower edge of the response's own bin, 1.2 to 1.5 TeV.
    assert lower == ([1, 2, 5] if irfs == "DL4" else [2, 5])


def test_bkg_peak_in_the_first_bin():
    """#3851: bkg-peak always masked the first bin."""
    run = simulated()
    ds = template(energy=xg.energy_axis(0.5, 20, 5)).gamma.fill(run, select=["background"])
    assert bool(ds.gamma.safe_mask(run, methods=["bkg-peak"]).mask_safe.all())


# --- combining ---------------------------------------------------------------------------


def test_methods_combine_with_and(run, ds):
    options = {"offset_max": "1 deg", "aeff_percent": 40}
    alone = [ds.gamma.safe_mask(run, methods=[m], **options) for m in ("offset-max", "aeff-max")]
    both = ds.gamma.safe_mask(run, methods=["offset-max", "aeff-max"], **options)
    assert_array_equal(both.mask_safe, alone[0].mask_safe & alone[1].mask_safe)
    later = alone[0].gamma.safe_mask(run, methods=["aeff-max"], **options)
    assert_array_equal(later.mask_safe, both.mask_safe)


def test_input_stays(run, ds):
    """Measured in gammapy: its maker changed its input, so a second result held the first."""
    before = ds.copy(deep=True)
    first = ds.gamma.safe_mask(run, methods=["offset-max"], offset_max=0.5)
    kept = first.copy(deep=True)
    ds.gamma.safe_mask(run, methods=["aeff-default"])
    first.gamma.safe_mask(run, methods=["aeff-default"])
    xr.testing.assert_identical(ds, before)
    xr.testing.assert_identical(first, kept)


def test_background_that_is_no_use(run, ds):
    """Not finite, or not positive: never safe; on-off data need none."""
    values = ds.background.values.copy()
    values[0, 0, 0], values[1, 0, 0], values[2, 0, 0], values[3, 0, 0] = np.nan, np.inf, 0, -1
    spoiled = ds.assign(background=(ds.background.dims, values, ds.background.attrs))
    mask = spoiled.gamma.safe_mask(run, methods=[]).mask_safe
    good = ds.gamma.safe_mask(run, methods=[]).mask_safe
    assert_array_equal(mask[:4, 0, 0], False)
    assert_array_equal(mask[:, 1:], good[:, 1:])
    onoff = spoiled.assign(acceptance=ds.counts * 0 + 1)
    assert_array_equal(
        onoff.gamma.safe_mask(run, methods=[]).mask_safe[:4, 0, 0], [False, False, True, True]
    )


def test_dims_and_attributes(run, ds):
    got = ds.gamma.safe_mask(run, methods=["aeff-default"]).mask_safe
    assert got.dims == ("energy", "y", "x")
    assert got.dtype == bool
    assert xg.validate(ds.assign(mask_safe=got)) == []


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"methods": ["aeff-maximum"]}, xg.XGammaError, "'aeff-maximum' is not recognised"),
        ({"methods": ["aeff-max"], "irfs": "DL5"}, xg.XGammaError, "irfs='DL5'"),
        ({"methods": ["offset-max"], "offset_max": "2 TeV"}, xg.UnitError, "offset_max"),
        ({"methods": ["aeff-max"], "fixed_offset": "a bit"}, xg.UnitError, "fixed_offset"),
    ],
)
def test_bad_options(run, ds, options, error, message):
    with pytest.raises(error, match=message):
        ds.gamma.safe_mask(run, **options)


def test_needs_the_observation(ds):
    with pytest.raises(xg.MissingDataError, match="pass the observation"):
        ds.gamma.safe_mask(methods=["offset-max"])


def test_first_crossing():
    x, y = np.array([1.0, 10, 100, 1000]), np.array([1.0, 100, 1, 100])
    assert first_crossing(x, y, 10, rising=True) == pytest.approx(10**0.5)
    assert first_crossing(x, y, 10, rising=False) == pytest.approx(10**1.5)
    assert np.isnan(first_crossing(x, y, 1e4, rising=True))
    assert first_crossing(x, np.array([0.0, 0, 1, 1]), 0.5, rising=True) < 100


def test_spectrum(run):
    ds = xg.create_spectrum("icrs;circle(83.63, 22.01, 0.2)", ENERGY, TRUE)
    ds = ds.gamma.fill(run, select=["counts", "exposure", "edisp"])
    got = ds.gamma.safe_mask(run, methods=["aeff-default", "offset-max", "aeff-max"])
    assert got.mask_safe.dims == ("energy",)
    assert got.mask_safe.values[-1]
    assert not got.mask_safe.values[0]
    far = ds.gamma.safe_mask(run, methods=["offset-max"], offset_max="0.3 deg")
    assert not far.mask_safe.any()
    assert edges(got, "energy").size == 7


def test_thresholds_fold_through_the_dispersion():
    # 3708: thresholds are true energies and cut reconstructed ones, silently.
    from xgamma.makers.energy_threshold import folded_energy

    def shifted(energy_true, migra, offset):
        return np.exp(-0.5 * ((migra - 1.5) / 0.05) ** 2)

    obs = simulated(responses(edisp=shifted))
    assert_allclose(folded_energy(obs, 1.0, 0.5), 1.5, rtol=1e-3)
    ds = template(energy=xg.energy_axis_from_edges([0.1, 1.0, 1.2, 2.0, 10])).gamma.fill(
        obs, select=["exposure"]
    )
    obs["aeff"].attrs["LO_THRES"] = 1.0
    plain = ds.gamma.safe_mask(obs, methods=["aeff-default"])
    folded = ds.gamma.safe_mask(obs, methods=["aeff-default"], fold=True)
    first = [int(m.mask_safe.any(("y", "x")).values.argmax()) for m in (plain, folded)]
    assert first == [1, 3]


@pytest.mark.parametrize("irfs", ["DL3", "DL4"])
def test_nothing_is_safe_without_effective_area(irfs):
    """An area of zero has no threshold: the responses of the run and the maps agree on that."""
    obs = simulated(events=True)
    ds = template().gamma.fill(obs)
    options = {"methods": ["aeff-max"], "fixed_offset": "60 deg", "irfs": irfs}
    with pytest.warns(xg.XGammaWarning, match="zero at the given position, so no bin is safe"):
        masked = ds.gamma.safe_mask(obs, **options)
    assert not masked.mask_safe.any()
