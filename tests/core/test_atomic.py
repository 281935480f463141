"""A file appears whole or not at all."""

import pytest

from xgamma.core.atomic import atomic_path
from xgamma.errors import MissingDataError, WriteError, XGammaError


def test_replaces_when_the_block_succeeds(tmp_path):
    path = tmp_path / "map.fits.gz"
    path.write_text("old")
    with atomic_path(path) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.name.endswith(".fits.gz")
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_file(tmp_path, error):
    path = tmp_path / "map.nc"
    path.write_text("old")

    def fail():
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_block_that_writes_nothing_fails(tmp_path):
    path = tmp_path / "map.nc"
    path.write_text("old")
    with pytest.raises(WriteError, match="No such file"), atomic_path(path):
        pass
    assert path.read_text() == "old"


def test_refusals(tmp_path):
    path = tmp_path / "map.nc"
    path.write_text("old")
    with (
        pytest.raises(XGammaError, match="already exists: pass overwrite=True"),
        atomic_path(path, overwrite=False),
    ):
        pytest.fail("the block ran")
    with (
        pytest.raises(MissingDataError, match="create it first"),
        atomic_path(tmp_path / "a" / "b.nc"),
    ):
        pytest.fail("the block ran")
    with pytest.raises(XGammaError, match="is a folder"), atomic_path(tmp_path):
        pytest.fail("the block ran")
