"""Every writer on a full disk, without permission, and with failing renames: nothing is lost or left."""

import contextlib
import os
import resource
import stat
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from tests.helpers.path_functions import commands, functions_with_paths
from tests.helpers.writers import COVERED, INTO, WRITERS, make_things
from xgamma.errors import WriteError
from xgamma.tutorial import example_map

pytest.importorskip("zarr", reason="zarr is not installed: pip install xgamma[dask]")
pytest.importorskip("dask", reason="dask is not installed: pip install xgamma[dask]")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """What is written."""
    return make_things(tmp_path_factory.mktemp("made"))


def test_every_writer_is_here():
    """Functions that take a path are swept here, or by those that read; commands too."""
    from tests.helpers.readers import READ_BY

    functions = functions_with_paths()
    assert functions == set(COVERED) | set(READ_BY), "say in tests/helpers what it writes or reads"
    assert set(COVERED.values()) <= set(WRITERS)
    writing = {
        name
        for name, arguments in commands().items()
        if arguments & {"out", "target"} or name == "reduce"
    }
    assert writing == {n.partition(" ")[2] for n in WRITERS if n.startswith("xgamma ")}
    owners = (xg, xg.dl3, xr.Dataset.gamma, xr.DataTree.gamma, xr.DataArray.gamma, xg.Models)
    names = {n for o in owners for n in dir(o) if n.startswith(("write", "to_", "save", "export"))}
    # These give another object, or a text.
    names -= {
        "to_region",
        "to_unit",
        "to_spectrum",
        "to_image",
        "to_dataset",
        "to_yaml",
        "to_map",
        "to_masked",
        "to_onoff",
    }
    assert {f"Models.{n}" if n == "write" else n for n in names} <= {n.split()[0] for n in WRITERS}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def held_open(folder: Path) -> list[str]:
    """Files in a folder that this process holds open, deleted ones too."""
    found = []
    for name in os.listdir("/proc/self/fd") if sys.platform == "linux" else ():
        with contextlib.suppress(OSError):
            found.append(os.readlink(f"/proc/self/fd/{name}"))
    return [f for f in found if f.startswith(str(folder)) and f.endswith("(deleted)")]


@contextlib.contextmanager
def full_disk():
    """No file may grow beyond 100 bytes, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextlib.contextmanager
def failing_renames():
    """No file or folder may be moved to its place."""
    from xgamma.core import atomic

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied", str(args[0]))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", refuse)
        patch.setattr(os, "rename", refuse)
        patch.setattr(atomic, "_exchanged", lambda *_: False)
        yield


@contextlib.contextmanager
def locked(folder: Path):
    """Nothing may be made in a folder, which holds for all but root."""
    folder.chmod(0o555)
    try:
        yield
    finally:
        folder.chmod(0o755)


@pytest.mark.parametrize("fault", ["full", "renames", "locked"])
@pytest.mark.parametrize("name", list(WRITERS))
def test_nothing_is_lost_or_left(tmp_path, made, name, fault):
    file, write = WRITERS[name]
    if (name, fault) == ("fetch", "renames"):
        pytest.skip("pooch copies what it cannot move")
    if fault == "locked" and os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    folder = tmp_path / "folder"
    folder.mkdir()
    target = folder / file
    write(made, target)
    before = contents(folder)
    assert before
    inner = target if name in INTO else folder
    faults = {"full": full_disk, "renames": failing_renames, "locked": lambda: locked(inner)}
    with faults[fault](), pytest.raises(WriteError, match="cannot be written") as caught:
        write(made, target)
    text = str(caught.value)
    assert "\n" not in text
    assert file.partition(".")[0] in text or name == "write_datasets"
    assert isinstance(caught.value, OSError)
    assert contents(folder) == before
    assert not held_open(tmp_path)
    write(made, target)


@pytest.mark.parametrize("name", list(WRITERS))
def test_a_new_file_on_a_full_disk(tmp_path, made, name):
    file, write = WRITERS[name]
    folder = tmp_path / "folder"
    folder.mkdir()
    with full_disk(), pytest.raises(WriteError, match="cannot be written"):
        write(made, folder / file)
    assert not list(folder.iterdir())


@pytest.mark.parametrize("name", [n for n in WRITERS if n not in INTO])
def test_permissions_and_links_stay(tmp_path, made, name):
    """What a link points to is replaced, and has the permissions of what was there."""
    file, write = WRITERS[name]
    real, link = tmp_path / f"real-{file}", tmp_path / file
    write(made, real)
    mode = 0o750 if real.is_dir() else 0o640
    real.chmod(mode)
    link.symlink_to(real.name)
    inode = real.stat().st_ino
    write(made, link)
    assert link.is_symlink()
    assert real.stat().st_ino != inode
    assert stat.S_IMODE(real.stat().st_mode) == mode
    names = {real.name, link.name}
    assert {p.name for p in tmp_path.iterdir()} >= names


def test_a_link_to_nothing_and_to_itself(tmp_path):
    path = tmp_path / "a.fits"
    path.symlink_to("b.fits")
    example_map().gamma.to_fits(path)
    assert (tmp_path / "b.fits").is_file()
    loop = tmp_path / "loop.fits"
    loop.symlink_to("loop.fits")
    with pytest.raises(xg.XGammaError, match="link to itself"):
        example_map().gamma.to_fits(loop)


@pytest.mark.parametrize("suffix", [".nc", ".fits", ".yaml"])
def test_devices_and_pipes_are_not_replaced(tmp_path, made, suffix):
    path = tmp_path / f"pipe{suffix}"
    os.mkfifo(path)
    write = next(w for f, w in WRITERS.values() if f == f"a{suffix}")
    with pytest.raises(xg.XGammaError, match="a device or a pipe"):
        write(made, path)
    assert stat.S_ISFIFO(path.stat().st_mode)


@pytest.mark.parametrize("attrs", [0, 20])
@pytest.mark.parametrize("lazy", [False, True])
def test_a_file_that_fails_in_the_middle_is_closed(tmp_path, lazy, attrs):
    """HDF5 keeps a file open that it cannot flush, deleted or not; and tries again at the end.

    More than eight attributes lie in a heap of their own, which closing reads again.
    """
    values = np.random.default_rng(0).random((8, 200, 200))
    ds = xr.Dataset({"counts": (("energy", "y", "x"), values)})
    ds.attrs = {f"note{k}": "x" * 100 for k in range(attrs)}
    ds = ds.chunk(energy=1) if lazy else ds
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, hard))
    try:
        with pytest.raises(WriteError):
            ds.gamma.to_netcdf(tmp_path / "a.nc")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []
    assert not held_open(tmp_path)
    ds.gamma.to_netcdf(tmp_path / "a.nc")
    np.testing.assert_array_equal(xr.open_dataset(tmp_path / "a.nc").counts, values)


def test_threads_that_go_on_leave_nothing(tmp_path):
    """Dask raises at the first failure; chunks that were at work came back as a folder."""
    import dask.array

    def block(block_info=None):
        import time

        if block_info[None]["chunk-location"] == (0,):
            raise OSError(28, "No space left on device")
        time.sleep(0.3)
        return np.ones(10)

    values = dask.array.map_blocks(block, dtype=float, chunks=((10,) * 8,))
    ds = xr.Dataset({"counts": ("x", values)})
    with pytest.raises(WriteError, match="the disk is full"):
        ds.gamma.to_zarr(tmp_path / "a.zarr")
    assert list(tmp_path.iterdir()) == []


def test_errors_of_what_is_read_pass(tmp_path):
    """A source that vanished while it was written elsewhere is no fault of the target."""
    import dask.array

    def block():
        raise FileNotFoundError(2, "No such file", "source.nc")

    ds = xr.Dataset({"counts": ("x", dask.array.map_blocks(block, dtype=float, chunks=((10,),)))})
    for write in (ds.gamma.to_zarr, ds.gamma.to_netcdf):
        with pytest.raises(FileNotFoundError) as caught:
            write(tmp_path / "a")
        assert not isinstance(caught.value, WriteError)
    assert list(tmp_path.iterdir()) == []
