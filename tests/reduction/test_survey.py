"""A mosaic in tiles equals the one in memory, and stays within its bound."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from tests.helpers.runs import template
from xgamma.dl3 import simulate_store
from xgamma.reduction.survey import memory_bytes, reduce_survey
from xgamma.reduction.tile_files import TileFiles
from xgamma.reduction.tiles import TiledSums, Tiles

pytest.importorskip("zarr", reason="zarr is not installed: pip install xgamma[dask]")
pytest.importorskip("dask", reason="dask is not installed: pip install xgamma[dask]")


@pytest.fixture(scope="module")
def strip(tmp_path_factory):
    """Runs along a strip of the sky, in no order."""
    folder = tmp_path_factory.mktemp("strip")
    pointings = [(83.63 + dx, 22.01 + dy) for dx, dy in ((1, 0), (-2, 0.3), (2, 0), (0, -0.3))]
    return xg.open_store(simulate_store(folder / "store", pointings=pointings, livetime="2 min"))


@pytest.fixture(scope="module")
def job():
    return {
        "into": template(("8 deg", "4 deg"), "0.1 deg"),
        "offset_max": "1 deg",
        "safe_mask": ["aeff-default"],
        "progress": False,
    }


def equal(a, b):
    assert set(a.variables) == set(b.variables)
    assert set(a.attrs) == set(b.attrs)
    for name in b.variables:
        assert a[name].dims == b[name].dims
        assert a[name].dtype == b[name].dtype
        x, y = a[name].values, b[name].values
        if x.dtype.kind == "f":
            np.testing.assert_allclose(x, y, rtol=1e-6, err_msg=name)
        else:
            np.testing.assert_array_equal(x, y, err_msg=name)


@pytest.mark.parametrize("scheduler", [None, "processes"])
def test_tiles_give_the_mosaic(strip, job, tmp_path, monkeypatch, scheduler):
    monkeypatch.setattr("xgamma.reduction.survey.TILE", 20)
    job = {**job, "scheduler": scheduler}
    options = {**job, "background": {"method": "fov"}}
    ds = xg.reduce(strip, out=tmp_path / "m.zarr", memory="75 MB", **options)
    assert ds.counts.chunks is not None
    equal(ds.load(), xg.reduce(strip, **options))
    assert [p.name for p in tmp_path.iterdir()] == ["m.zarr"]


def test_odd_numbers_of_runs(strip, job, tmp_path):
    runs = [strip[k] for k in (1, 2, 3, 4, 2)]
    options = {**job, "select": ["counts"], "workers": 2}
    ds = xg.reduce(runs, out=tmp_path / "m.zarr", memory="75 MB", **options)
    xr.testing.assert_identical(ds.counts.load(), xg.reduce(runs, **options).counts)


@pytest.mark.parametrize("option", ["out", "resume"])
def test_no_urls(strip, job, option):
    with pytest.raises(xg.XGammaError, match=f"{option}='memory://m.zarr' is a URL"):
        xg.reduce(strip, **job, **{option: "memory://m.zarr"})


def test_on_off_tiles(strip, job, tmp_path):
    options = {**job, "background": {"method": "ring", "r_in": "0.3 deg", "width": "0.2 deg"}}
    ds = xg.reduce(strip, out=tmp_path / "m.zarr", memory="95 MB", **options)
    equal(ds.load(), xg.reduce(strip, **options))


def test_tiles_are_written_and_read_back(strip, job, tmp_path):
    tree = xg.reduce(strip, stack=False, **job)
    whole = xg.stack([node.to_dataset() for node in tree.children.values()])
    from xgamma.datasets.mosaic import Mosaic
    from xgamma.datasets.stack import covering

    limit = 1.2e6
    sums = TiledSums(job["into"], TileFiles(tmp_path / "sums"), limit, side=20)
    for _ in range(2):
        for node in tree.children.values():
            part = Mosaic(covering([node.to_dataset()]))
            part.add(node.to_dataset())
            sums.add(part)
    assert sums.spilled > 0
    # One tile more than the limit is held while another is written.
    assert sums.peak < limit + 6e5
    assert sums.total("counts") == 2 * float(whole.counts.sum())


def test_the_bound_is_too_small(strip, job, tmp_path):
    for memory in ("1 MB", "0.1 kB"):
        with pytest.raises(xg.XGammaError, match="too small"):
            xg.reduce(strip, out=tmp_path / "m.zarr", memory=memory, **job)
    assert not list(tmp_path.iterdir())
    sums = TiledSums(job["into"], TileFiles(tmp_path / "sums"), 1e3)
    from xgamma.datasets.mosaic import Mosaic

    part = Mosaic(job["into"])
    part.add(xg.reduce(strip, **job))
    with pytest.raises(xg.XGammaError, match="One tile of the mosaic takes"):
        sums.add(part)


@pytest.mark.parametrize(
    ("npix", "binsz_irf"), [(80, "0.5 deg"), (37, "0.3 deg"), (41, "0.27 deg")]
)
def test_tiles_cover_both_grids_once(npix, binsz_irf):
    into = xg.create_map(
        (0, 0),
        npix=(npix, npix + 9),
        binsz="0.1 deg",
        energy=xg.energy_axis(1, 10, 1),
        binsz_irf=binsz_irf,
        energy_true="reco",
    )
    tiles = Tiles(into, 12)
    for dims in (("y", "x"), ("y_irf", "x_irf")):
        seen = xr.DataArray(np.zeros([into.sizes[d] for d in dims]), dims=dims)
        for key in tiles:
            tile = tiles.at(key)._asdict()
            seen[{d: tile[d] for d in dims}] += 1
        assert (seen == 1).all()


def test_a_survey_needs_cutouts_of_a_map(strip, job, tmp_path):
    whole = {k: v for k, v in job.items() if k != "offset_max"}
    with pytest.raises(xg.XGammaError, match="offset_max or cutout_width"):
        xg.reduce(strip, out=tmp_path / "m.zarr", **whole)
    spectrum = xg.create_spectrum(
        "icrs;circle(83.63, 22.01, 0.2)", xg.energy_axis(1, 10, 3), energy_true="reco"
    )
    with pytest.raises(xg.XGammaError, match="give a sky map"):
        xg.reduce(strip, out=tmp_path / "m.zarr", into=spectrum)
    with pytest.raises(xg.XGammaError, match="omit stack"):
        xg.reduce(strip, out=tmp_path / "m.zarr", stack=False, **job)


def test_the_store_appears_whole_or_not_at_all(strip, job, tmp_path, monkeypatch):
    monkeypatch.setattr("xgamma.reduction.survey.write_mosaic", lambda *a: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        xg.reduce(strip, out=tmp_path / "m.zarr", **job)
    assert not list(tmp_path.iterdir())


def test_an_existing_store_is_kept_unless_asked(strip, job, tmp_path):
    one = strip.select(obs_id=strip.obs_ids[:1])
    xg.reduce(one, out=tmp_path / "m.zarr", **job)
    with pytest.raises(xg.XGammaError, match="already exists"):
        xg.reduce(one, out=tmp_path / "m.zarr", **job)
    xg.reduce(one, out=tmp_path / "m.zarr", overwrite=True, **job)


@pytest.mark.parametrize("wrong", ["much", "2 XB", "-1 GB", "0", ""])
def test_sizes(wrong):
    assert memory_bytes("2GB") == memory_bytes(2e9) == 2e9
    with pytest.raises(xg.XGammaError, match="'2 GB'"):
        memory_bytes(wrong)


def test_runs_that_all_miss(strip, job, tmp_path):
    far = {**job, "into": template("2 deg", center=(200.0, -60.0))}
    with (
        pytest.warns(xg.XGammaWarning, match="omitted"),
        pytest.raises(xg.XGammaError, match="No run was reduced"),
    ):
        xg.reduce(strip, out=tmp_path / "m.zarr", **far)
    assert reduce_survey.__doc__


SURVEY = """
import resource, sys
from pathlib import Path
import numpy as np
import xgamma as xg
from astropy.coordinates import SkyCoord
from xgamma.dl3 import simulate_store

folder = Path(sys.argv[1])
at = SkyCoord(np.linspace(-28, 28, 6), [-3, 2, 0, 1, -2, 3], unit="deg", frame="galactic")
pointings = [(p.ra.deg, p.dec.deg) for p in at.icrs]
options = {"livetime": "1 min", "source": None, "compress": False}
store = xg.open_store(simulate_store(folder / "store", pointings=pointings, **options))
axes = [xg.energy_axis("0.1 TeV", "100 TeV", 20, name=n) for n in ("energy", "energy_true")]


def into(width):
    return xg.create_map((0, 0), width, "0.02 deg", *axes, frame="galactic")


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


near = xg.create_map((at[0].l.deg, at[0].b.deg), "1 deg", "0.1 deg", axes[0], frame="galactic")
first = store.select(obs_id=store.obs_ids[:1])
xg.reduce(first, into=near, cutout_width="1 deg", out=folder / "first.zarr", progress=False)
before = peak()
survey = into(("60 deg", "10 deg"))
options = {"offset_max": "1 deg", "workers": 1, "progress": False}
ds = xg.reduce(store, into=survey, out=folder / "m.zarr", memory="200 MB", **options)
assert dict(ds.counts.sizes) == {"energy": 20, "y": 500, "x": 3000}
assert ds.nbytes > 6e8
print(int(ds.counts_sum.sum()), (peak() - before) / 1e6)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is measured as Linux counts it")
def test_a_survey_of_60_by_10_degrees_within_200_mb(tmp_path):
    command = [sys.executable, "-c", SURVEY, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    counts, grown = done.stdout.split()
    assert int(counts) > 0
    assert float(grown) < 200
