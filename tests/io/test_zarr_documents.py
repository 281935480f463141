"""The one reader of descriptions in Zarr folders: damage, links, stores in stores."""

import json
import shutil

import pytest

import xgamma as xg
from tests.helpers.filled_datasets import filled
from xgamma.io.zarr_documents import Documents, UnusualError, read_documents, walk


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A collection of two datasets, never changed."""
    path = tmp_path_factory.mktemp("zarr") / "two.zarr"
    xg.collect([filled("map"), filled("spectrum")]).gamma.to_zarr(path)
    return path


@pytest.fixture
def store(written, tmp_path):
    """A copy of it."""

    return shutil.copytree(written, tmp_path / "two.zarr")


def test_both_ways_of_reading_find_the_same(written):
    groups, described = walk(written, Documents())
    found = read_documents(written)
    assert described == found
    assert next(iter(groups)) == "/"
    assert len(groups) == 3
    files = {p.parent.relative_to(written).as_posix() for p in written.rglob("zarr.json")}
    assert set(found) == {name.removeprefix(".") for name in files}
    for path, document in found.items():
        assert document == json.loads((written / path / "zarr.json").read_text())


@pytest.mark.parametrize("text", ["", "{", "[1]", "not json"])
def test_a_damaged_description_is_empty_for_one_and_unusual_for_the_other(store, text):
    child = next(p for p in store.iterdir() if p.is_dir())
    (child / "zarr.json").write_text(text)
    assert read_documents(store)[child.name] == {}
    with pytest.raises((UnusualError, ValueError, AttributeError)):
        walk(store, Documents())


def test_a_folder_without_description_is_unusual_but_what_is_below_is_found(store):
    child = next(p for p in store.iterdir() if p.is_dir())
    (child / "zarr.json").unlink()
    found = read_documents(store)
    assert child.name not in found
    assert f"{child.name}/counts" in found
    with pytest.raises(UnusualError):
        walk(store, Documents())


def test_links_are_followed_but_not_in_circles(store, tmp_path):
    child = next(p for p in store.iterdir() if p.is_dir())
    child.rename(tmp_path / "elsewhere")
    child.symlink_to(tmp_path / "elsewhere")
    groups, described = walk(store, Documents())
    assert f"/{child.name}" in groups
    assert f"{child.name}/counts" in described
    assert set(xg.open(store).children) == {p.name for p in store.iterdir() if p.is_dir()}
    (tmp_path / "elsewhere" / "back").symlink_to(store)
    assert not any("back" in path.split("/") for path in read_documents(store))


def test_what_lies_in_a_store_inside_is_left_out(store, written):

    shutil.copytree(written, store / "inner")
    inner = {path for path in read_documents(store) if path.startswith("inner")}
    assert len(inner) > 1
    kept = {path for path in read_documents(store, within=True) if path.startswith("inner")}
    assert kept == {"inner"}


def test_what_is_no_folder_holds_nothing(tmp_path):
    assert read_documents(tmp_path / "nothing") == {}
