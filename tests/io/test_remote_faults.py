"""File systems behind URLs that refuse to be written: one sentence, a `WriteError`."""

import pytest

import xgamma as xg
from xgamma.errors import WriteError
from xgamma.tutorial import example_map

pytest.importorskip("zarr", reason="zarr is not installed: pip install xgamma[dask]")
fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed: pip install fsspec")

FAULTS = {
    "rights": PermissionError("Access Denied"),
    "bucket": FileNotFoundError("The specified bucket does not exist"),
    "full": OSError(28, "No space left on device"),
    "read only": NotImplementedError(),
    "network": ConnectionError("Connection reset by peer"),
}
WRITERS = {
    "dataset": lambda url: example_map().gamma.to_zarr(url),
    "lazy": lambda url: example_map().chunk(x=5).gamma.to_zarr(url),
    "tree": lambda url: xg.collect([example_map()]).gamma.to_zarr(url),
    "archive": lambda url: xg.write_archive(
        [xg.dl3.simulate_observation("83.63d 22.51d", events=False)], url
    ),
}


@pytest.mark.parametrize("writer", list(WRITERS))
@pytest.mark.parametrize("fault", list(FAULTS))
def test_a_refused_write_is_a_sentence(monkeypatch, writer, fault):
    from fsspec.implementations.memory import MemoryFileSystem

    def refuse(*args, **kwargs):
        raise FAULTS[fault]

    for name in ("pipe_file", "pipe", "_open", "open"):
        monkeypatch.setattr(MemoryFileSystem, name, refuse)
    url = f"memory://{writer}-{fault.replace(' ', '-')}/a.zarr"
    with pytest.raises(WriteError, match="cannot be written") as caught:
        WRITERS[writer](url)
    assert url in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, OSError)


def test_what_is_read_meanwhile_passes(tmp_path):
    import dask.array
    import xarray as xr

    def block():
        raise FileNotFoundError(2, "No such file", str(tmp_path / "source.nc"))

    ds = xr.Dataset({"counts": ("x", dask.array.map_blocks(block, dtype=float, chunks=((10,),)))})
    with pytest.raises(FileNotFoundError) as caught:
        ds.gamma.to_zarr("memory://passes/a.zarr")
    assert not isinstance(caught.value, WriteError)
