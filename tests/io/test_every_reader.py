"""Every reader of things that are no files: pipes, devices, folders, links in a circle, nothing."""

import contextlib
import os
import signal

import pytest

from tests.helpers.readers import READERS, make_files
from xgamma.errors import XGammaError

pytest.importorskip("zarr", reason="zarr is not installed: pip install xgamma[dask]")
pytestmark = pytest.mark.skipif(os.name != "posix", reason="devices, pipes and links of POSIX")

SECONDS = 10


class Late(BaseException):
    """Not to be taken for a fault of the file."""


@contextlib.contextmanager
def in_time():
    """Fail rather than wait for ever, for somebody who writes into a pipe say."""

    def late(*_):
        raise Late(f"not done after {SECONDS} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return make_files(tmp_path_factory.mktemp("files"))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", list(READERS))
def test_what_is_well_is_read(files, name):
    file, read = READERS[name]
    read(files / file)


def make(kind, path):
    """Put something there that is no file of the kind that is read."""
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "endless device":
        path.symlink_to("/dev/zero")
    elif kind == "empty device":
        path.symlink_to("/dev/null")
    elif kind == "link to itself":
        path.symlink_to(path.name)
    elif kind == "link to nothing":
        path.symlink_to("nothing")
    elif kind == "folder":
        path.mkdir()
    elif kind == "empty file":
        path.touch()
    elif kind == "text":
        path.write_text("Dear reader,\n")
    elif kind == "below a file":
        path.write_text("file")
        return path / path.name
    elif kind == "long name":
        return path.with_name("a" * 300 + path.suffix)
    return path


KINDS = (
    "pipe",
    "endless device",
    "empty device",
    "link to itself",
    "link to nothing",
    "nothing",
    "folder",
    "empty file",
    "text",
    "below a file",
    "long name",
)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", list(READERS))
def test_what_is_no_such_file(tmp_path, name, kind):
    """One sentence that names it, in time."""
    file, read = READERS[name]
    path = make(kind, tmp_path / file.rpartition("/")[2])
    with in_time(), pytest.raises(XGammaError) as caught:
        read(path)
    text = str(caught.value)
    if name not in ("xgamma config", "load_config", "reduce_config", "xgamma reduce"):
        assert "\n" not in text
    assert text.endswith("."), text
    assert len(text) > 30
