"""Mosaics of ``reduce(out=)`` are sealed, and so is what it goes on from."""

import shutil

import pytest

import xgamma as xg
from tests.helpers.runs import template
from xgamma.dl3 import simulate_store

pytest.importorskip("zarr", reason="zarr is not installed: pip install xgamma[dask]")
pytest.importorskip("dask", reason="dask is not installed: pip install xgamma[dask]")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    pointings = [(83.63, 22.01), (84.63, 22.01)]
    return xg.open_store(simulate_store(folder / "store", pointings=pointings, livetime="1 min"))


@pytest.fixture(scope="module")
def job():
    into = template(("4 deg", "3 deg"), "0.2 deg")
    return {"into": into, "offset_max": "1 deg", "progress": False, "select": ["counts"]}


def test_a_finished_mosaic_verifies(runs, job, tmp_path):
    path = tmp_path / "m.zarr"
    ds = xg.reduce(runs, out=path, **job)
    assert xg.verify(path) == []
    assert xg.open(path).gamma.verify() == []
    assert set(ds.variables) == set(xg.open(path).variables)
    shutil.rmtree(path / "mask_safe" if (path / "mask_safe").exists() else path / "counts")
    with pytest.raises(xg.XGammaError, match="is missing"):
        xg.open(path)
    xg.reduce(runs, out=path, overwrite=True, **job)
    assert xg.verify(path) == []


@pytest.mark.parametrize("damage", ["lost", "changed"])
@pytest.mark.parametrize("tiled", [False, True])
def test_resume_checks_what_it_goes_on_from(runs, job, tmp_path, tiled, damage):
    """A chunk of partial results, each one in turn, lost or with one bit changed."""
    kept = tmp_path / "kept"
    options = dict(job, resume=kept)

    def go(which, name):
        return xg.reduce(which, **options, **({"out": tmp_path / name} if tiled else {}))

    first = [runs[runs.obs_ids[0]]]
    one = xg.reduce(first, **options, **({"out": tmp_path / "a.zarr"} if tiled else {}))
    assert float(one.counts.sum()) > 0
    chunks = [p for p in kept.rglob("*") if p.is_file() and "c" in p.relative_to(kept).parts]
    assert chunks
    for number, chunk in enumerate(chunks):
        content = chunk.read_bytes()
        if damage == "lost":
            chunk.unlink()
        else:
            chunk.write_bytes(content[:-9] + bytes([content[-9] ^ 4]) + content[-8:])
        with pytest.raises(xg.XGammaError, match=r"damaged|incomplete"):
            go(first, f"{number}.zarr")
        chunk.write_bytes(content)
    go(first, "z.zarr")
