"""Every writer, on data with a dim of its own: it is there on reading back, or the writing is refused."""

import numpy as np
import pytest

import xgamma as xg
from tests.sweeps.cases import KINDS, made

WRITERS = {
    "to_fits": (".fits", lambda ds, path: ds.gamma.to_fits(path), xg.open),
    "to_netcdf": (".nc", lambda ds, path: ds.gamma.to_netcdf(path), xg.open),
    "to_zarr": (".zarr", lambda ds, path: ds.gamma.to_zarr(path), xg.open),
    "to_ogip": (".pha", lambda ds, path: ds.gamma.to_ogip(path), xg.open),
    "write_flux_points": (".fits", xg.write_flux_points, xg.read_flux_points),
}
TIMES = np.array(["2024-01-01", "2024-01-02"], "datetime64[ns]")
# How a dim comes to data: on the variable that counts, on all, on another, alone.
WITH = {
    "nothing": lambda ds, name: ds,
    "one": lambda ds, name: ds.assign({name: ds[name].expand_dims(night=2)}),
    "all": lambda ds, name: ds.expand_dims(night=2),
    "times": lambda ds, name: ds.expand_dims(night=TIMES),
    "other": lambda ds, name: ds.assign(other=ds[name].expand_dims(night=[0.1, 0.2])),
    "alone": lambda ds, name: ds.assign(other=("night", [1.0, 2.0])),
}


@pytest.fixture(scope="module")
def things():
    work = made()
    found = {kind: KINDS[kind](work) for kind in ("map", "spectrum", "points", "curve")}
    return found


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("how", WITH)
@pytest.mark.parametrize("kind", ["map", "spectrum", "points", "curve"])
def test_axis_is_kept_or_refused(kind, how, writer, things, tmp_path):
    ds = things[kind]
    ds = WITH[how](ds, "counts" if "counts" in ds else "norm")
    suffix, write, read = WRITERS[writer]
    path = tmp_path / f"a{suffix}"
    try:
        write(ds, path)
    except xg.XGammaError:
        assert not list(tmp_path.iterdir())
        return
    back = read(path)
    # OGIP and tables hold the responses and rows of observations differently, or not.
    inherent = {"to_ogip": {"obs"}}.get(writer, set())
    lost = {str(d) for d, n in ds.sizes.items() if back.sizes.get(d) != n} - inherent
    assert not lost


@pytest.mark.parametrize("coords", [{}, {"night": TIMES}, {"night": [0.1, 0.2]}])
def test_axis_of_a_map_is_kept_or_refused(coords, things, tmp_path):
    array = things["map"].counts.expand_dims(coords or {"night": 2})
    with pytest.raises(xg.XGammaError, match="night"):
        array.gamma.to_fits(tmp_path / "a.fits")


@pytest.mark.parametrize(
    "use",
    [
        lambda ds, model: xg.fit(ds, model),
        lambda ds, model: xg.stat_sum(ds, model),
        lambda ds, model: ds.gamma.info_dict(),
        lambda ds, model: xg.plot_flux_points(ds),
    ],
    ids=["fit", "stat_sum", "info_dict", "plot_flux_points"],
)
def test_what_takes_one_spectrum_refuses_several(use, things):
    model = xg.SkyModel(xg.PowerLaw(), name="crab")
    with pytest.raises(xg.AxisError, match=r"several spectra, along 'time': .*isel\(time=0\)"):
        use(things["curve"], model)
    assert np.isfinite(xg.stat_sum(things["curve"].isel(time=0), model))
