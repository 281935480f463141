"""Events drawn from a dataset: their numbers, energies, places and times are those predicted."""

import numpy as np
import pytest
from astropy.time import Time

import xgamma as xg
from tests.helpers.small_datasets import crab, small_map, small_spectrum
from xgamma.dl3.writer import write_observation
from xgamma.errors import MissingDataError, XGammaError
from xgamma.simulate.events import sample_events


@pytest.fixture(scope="module")
def drawn():
    ds = small_map(binsz=0.1, background=2.0)
    model = crab(amplitude="2e-10 cm-2 s-1 TeV-1")
    return ds, model, sample_events(ds, 3, model)


def test_numbers_follow_the_prediction(drawn):
    ds, model, obs = drawn
    events = obs["events"].to_dataset()
    source = events.where(events.mc_id == 1, drop=True)
    predicted = ds.gamma.npred_signal(model).sum(("y", "x")).values
    edges = np.append(ds.energy_lo.values, ds.energy_hi.values[-1])
    counts = np.histogram(source.energy, edges)[0]
    assert np.all(np.abs(counts - predicted) < 4 * np.sqrt(predicted))
    background = int((events.mc_id == 0).sum())
    assert background == pytest.approx(float(ds.background.sum()), abs=4 * np.sqrt(7200))
    assert np.all(np.diff(events.time) >= 0)
    assert np.array_equal(events.event_id, np.arange(1, events.sizes["event"] + 1))


def test_positions_follow_the_psf(drawn):
    _, _, obs = drawn
    events = obs["events"].to_dataset()
    source = events.where(events.mc_id == 1, drop=True)
    offset = np.hypot((source.ra - 83.6) * np.cos(np.radians(source.dec)), source.dec - 22.0).values
    # A gaussian of 0.1 deg holds 39 % within one sigma.
    assert np.mean(offset < 0.1) == pytest.approx(1 - np.exp(-0.5), abs=4 / np.sqrt(offset.size))
    assert np.all(source.ra_true == pytest.approx(83.6))
    ratio = (source.energy / source.energy_true).values
    # Within a bin the reconstructed energy is anywhere: wider than the 10 % of the kernel.
    assert np.mean(ratio) == pytest.approx(1, abs=0.15)


def test_filled_back_the_maps_agree(drawn):
    """Drawn, and binned again, the events are Poisson around the prediction."""
    ds, model, obs = drawn
    events = obs["events"].to_dataset()
    x, y = xg.model.sky.lonlat_to_pix(ds, events.ra.values, events.dec.values)
    image = np.histogram2d(y, x, bins=(np.arange(31) - 0.5, np.arange(31) - 0.5))[0]
    predicted = ds.gamma.npred(model).sum("energy").values
    pull = (image - predicted) / np.sqrt(predicted)
    assert np.mean(pull) == pytest.approx(0, abs=0.15)
    assert np.std(pull) == pytest.approx(1, abs=0.1)


def test_extended_and_variable_sources():
    ds = small_map(background=0.01)
    start = Time(str(ds.gti_start.attrs["reference_time"]), scale="tt").utc.mjd
    model = xg.SkyModel(
        xg.PowerLaw(amplitude="1e-10 cm-2 s-1 TeV-1"),
        xg.Gaussian(lon="83.6 deg", lat="22 deg", sigma="0.3 deg"),
        xg.LightCurve([0, 0.01, 0.0101, 1], [0, 0, 1, 1], t_ref=start),
        name="flare",
    )
    events = sample_events(ds, 1, model)["events"].to_dataset()
    source = events.where(events.mc_id == 1, drop=True)
    assert float(source.time.min()) > 0.0099 * 86400
    spread = float(np.std(source.dec))
    assert spread == pytest.approx(np.hypot(0.3, 0.1), abs=0.03)


def test_written_and_read_as_gadf(drawn, tmp_path, gammapy):
    from gammapy.data import EventList

    _, _, obs = drawn
    path = write_observation(obs, tmp_path / "events.fits")
    table = EventList.read(path).table
    events = obs["events"].to_dataset()
    np.testing.assert_array_equal(table["ENERGY"], events.energy)
    assert len(table) == events.sizes["event"]


def test_seeds_and_refusals():
    ds = small_map()
    one, two = (sample_events(ds, 5, crab())["events"].to_dataset() for _ in range(2))
    assert one.identical(two)
    with pytest.raises(XGammaError, match="a spectrum has no positions"):
        sample_events(small_spectrum(), 0, [])
    with pytest.raises(MissingDataError, match="no good time intervals"):
        sample_events(ds.drop_vars(["gti_start", "gti_stop"]), 0, [])
