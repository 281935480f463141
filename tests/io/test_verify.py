"""Damage in files that were written here is found by verify, and told in a sentence by readers."""

import json

import numpy as np
import pytest

import xgamma as xg
from xgamma.cli import main
from xgamma.tutorial import example_map

pytest.importorskip("zarr", reason="zarr is not installed: pip install xgamma[dask]")


def flipped(path, position, bit=0x10):
    content = bytearray(path.read_bytes())
    content[position] ^= bit
    path.write_bytes(content)


@pytest.fixture(params=["a.fits", "a.fits.gz", "a.nc", "a.zarr", "tree.zarr", "tree.nc"])
def written(request, tmp_path):
    """A product, as it was written."""
    ds = example_map()
    data = xg.collect([ds, ds.assign_attrs(name="b")]) if "tree" in request.param else ds
    path = tmp_path / request.param
    kind = {".nc": "to_netcdf", ".zarr": "to_zarr"}.get(path.suffix, "to_fits")
    getattr(data.gamma, kind)(path)
    return path


def test_what_was_written_is_sound(written, capsys):
    assert xg.verify(written) == []
    with xg.open(written) as data:
        assert data.gamma.verify() == []
    assert main(["verify", str(written)]) == 0
    assert "unchanged since it was written" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:The header of the HDU")
def test_changed_bytes_are_found(written, capsys):
    """Of values, wherever they are: no flip changes what is read, and passes."""
    rng = np.random.default_rng(3)
    with xg.open(written) as data:
        right = data.load()
    if written.is_dir():
        files = sorted(p for p in written.rglob("*") if p.is_file() and p.name != "zarr.json")
    else:
        files = [written]
    found = 0
    for _ in range(25):
        file = files[rng.integers(len(files))]
        content = file.read_bytes()
        flipped(file, int(rng.integers(len(content))), 1 << int(rng.integers(8)))
        faults = xg.verify(written, "return")
        assert all("\n" not in fault for fault in faults)
        found += bool(faults)
        if not faults:
            try:
                with xg.open(written) as data:
                    back = data.load()
            except xg.XGammaError:
                pass  # Found by reading: a keyword of the frame, say.
            else:
                equal = back.equals(right)
                assert equal, file
        file.write_bytes(content)
    assert found > 5
    assert xg.verify(written) == []
    flipped(files[0], files[0].stat().st_size // 2)
    if written.suffix != ".nc":
        assert main(["verify", str(written)]) == 1
        capsys.readouterr()


@pytest.mark.parametrize("chunks", [None, {}])
@pytest.mark.parametrize("tree", [False, True])
def test_a_changed_chunk_is_named_when_it_is_read(tmp_path, chunks, tree):
    """Opening is lazy: the sentence names store, array and chunk."""
    ds = example_map()
    data = xg.collect([ds, ds.assign_attrs(name="b")]) if tree else ds
    data.gamma.to_zarr(tmp_path / "a.zarr")
    place = "b/counts" if tree else "counts"
    chunk = next(p for p in (tmp_path / "a.zarr" / place / "c").rglob("*") if p.is_file())
    flipped(chunk, 30)
    opened = xg.open(tmp_path / "a.zarr", **({} if chunks is None else {"chunks": chunks}))
    counts = opened[place]
    with pytest.raises(xg.XGammaError, match=rf"a\.zarr' is damaged: a part of {place} .*c/0/0/0'"):
        counts.load()
    with pytest.raises(xg.XGammaError, match="was changed"):
        xg.verify(tmp_path / "a.zarr")


def test_lost_chunks_and_archives(tmp_path):
    obs = xg.dl3.simulate_observation("83.63d 22.51d")
    path = tmp_path / "a.zarr"
    xg.write_archive([obs], path)
    assert xg.verify(path) == []
    chunk = next(p for p in (path / "runs").rglob("c/*") if p.is_file())
    content = chunk.read_bytes()
    flipped(chunk, len(content) // 2)
    with pytest.raises(xg.XGammaError, match="was changed"):
        xg.verify(path)
    chunk.unlink()
    with pytest.raises(xg.XGammaError, match="is missing"):
        xg.verify(path)


def test_stores_of_runs(tmp_path):
    obs = xg.dl3.simulate_observation("83.63d 22.51d")
    xg.dl3.write_store(obs, tmp_path / "runs", compress=False)
    assert xg.verify(tmp_path / "runs") == []
    file = next((tmp_path / "runs" / "data").iterdir())
    flipped(file, file.read_bytes().index(b"BINTABLE") + 2 * 2880 + 5)
    assert len(xg.verify(tmp_path / "runs", "return")) >= 1


def test_refusals(tmp_path):
    with pytest.raises(xg.MissingDataError, match="not opened from a file"):
        xg.verify(example_map())
    with pytest.raises(xg.MissingDataError, match="does not exist"):
        xg.verify(tmp_path / "none")
    with pytest.raises(xg.XGammaError, match="a URL"):
        xg.verify("s3://bucket/a.zarr")
    with pytest.raises(xg.XGammaError, match="neither Zarr nor FITS"):
        xg.verify(tmp_path)


def test_sizes_in_zarr_that_cannot_be(tmp_path):
    """Of shapes and chunks: a sentence, at once, and without the memory."""
    path = tmp_path / "a.zarr"
    example_map().gamma.to_zarr(path)
    for name in ("counts", "energy", "x"):
        file = path / name / "zarr.json"
        text = file.read_text()
        for key, size in [("shape", 2**40), ("chunk", 2**40), ("chunk", 0), ("shape", -5)]:
            document = json.loads(text)
            grid = document["chunk_grid"]["configuration"]["chunk_shape"]
            (document["shape"] if key == "shape" else grid)[-1] = size
            file.write_text(json.dumps(document))
            with pytest.raises(xg.XGammaError):
                xg.open(path)
        file.write_text(text)
