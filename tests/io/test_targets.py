"""Every writer to places that are no place for it, and on small, full and read-only disks."""

import contextlib
import os
import shutil
import stat

import pytest

from tests.helpers.limits import small_disk
from tests.helpers.writers import INTO, WRITERS, make_things
from xgamma.errors import WriteError, XGammaError

pytest.importorskip("zarr", reason="zarr is not installed: pip install xgamma[dask]")
pytest.importorskip("dask", reason="dask is not installed: pip install xgamma[dask]")
pytestmark = pytest.mark.skipif(os.name != "posix", reason="devices, pipes and links of POSIX")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_things(tmp_path_factory.mktemp("made"))


def tree(folder):
    """What lies in a folder: kinds of things, contents of files, ends of links."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = os.readlink(path)
        elif path.is_file():
            found[name] = path.read_bytes()
        else:
            found[name] = stat.S_IFMT(path.stat().st_mode)
    return found


def place(kind, folder, file):
    """Make a place where nothing can be written."""
    path = folder / file
    if kind == "folder":
        (path / "mine").mkdir(parents=True)
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "link to a device":
        path.symlink_to("/dev/null")
    elif kind == "link to itself":
        path.symlink_to(file)
    elif kind == "below a file":
        path.write_text("mine")
        path = path / file
    elif kind == "long name":
        path = folder / f"{'a' * 300}{''.join(path.suffixes)}"
    elif kind == "no folder":
        path = folder / "none" / file
    return path


KINDS = (
    "folder",
    "pipe",
    "link to a device",
    "link to itself",
    "below a file",
    "long name",
    "no folder",
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", list(WRITERS))
def test_what_cannot_be_a_target(tmp_path, made, name, kind):
    """One sentence that names it; nothing is changed, nothing is left."""
    file, write = WRITERS[name]
    folder = tmp_path / "folder"
    folder.mkdir()
    target = place(kind, folder, file)
    before = tree(folder)
    if name in INTO and kind in ("folder", "no folder"):
        if name == "reduce resume" and kind == "folder":
            with pytest.raises(XGammaError, match="contains something other"):
                write(made, target)
            assert tree(folder) == before
            return
        write(made, target)  # The folder is made, or used beside what is in it.
        assert before.items() <= tree(folder).items()
        return
    with pytest.raises(XGammaError) as caught:
        write(made, target)
    text = str(caught.value)
    assert "\n" not in text
    assert target.stem[:20] in text or str(target.parent) in text or "/dev/null" in text
    assert text.endswith((".", ")"))
    assert ("too long" in text) == (kind == "long name")
    assert tree(folder) == before


@pytest.mark.parametrize("name", list(WRITERS))
def test_a_link_to_nothing_is_followed(tmp_path, made, name):
    """What it names is made there."""
    file, write = WRITERS[name]
    (tmp_path / "there").mkdir()
    (tmp_path / file).symlink_to(f"there/{file}")
    write(made, tmp_path / file)
    assert (tmp_path / file).is_symlink()
    assert (tmp_path / "there" / file).exists()
    assert not list(tmp_path.rglob(".*"))


@pytest.mark.parametrize("free", [0, 30_000])
@pytest.mark.parametrize("name", list(WRITERS))
def test_a_disk_that_is_full(tmp_path, made, name, free):
    """A disk of its own, with nothing left or with room for a part of what is written."""
    file, write = WRITERS[name]
    with small_disk(tmp_path / "disk", "32m") as disk:
        write(made, disk / file)
        before = tree(disk)
        filler = disk / "filler"
        with filler.open("wb") as stream:
            os.posix_fallocate(stream.fileno(), 0, shutil.disk_usage(disk).free - free)
        with contextlib.suppress(OSError), filler.open("ab", 0) as stream:
            while not free and stream.write(bytes(512)):
                pass
        fits = False
        try:
            write(made, disk / file)
            fits = free > 0
        except WriteError as error:
            text = str(error)
            assert "cannot be written" in text
            assert "the disk" in text
            assert "\n" not in text
        assert fits or free or tree(disk) != before
        filler.unlink()
        if not fits:
            assert tree(disk) == before
        write(made, disk / file)


@pytest.mark.parametrize("name", list(WRITERS))
def test_a_disk_that_can_only_be_read(tmp_path, made, name):
    file, write = WRITERS[name]
    with small_disk(tmp_path / "disk", "32m") as disk:
        write(made, disk / file)
        before = tree(disk)
        disk.read_only()
        with pytest.raises(WriteError, match="cannot be written") as caught:
            write(made, disk / file)
        assert "\n" not in str(caught.value)
        assert "read-only" in str(caught.value)
        assert tree(disk) == before
