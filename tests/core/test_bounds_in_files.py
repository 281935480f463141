"""Sizes in files and calls that no memory holds are refused before anything is allocated."""

import contextlib
import json

import netCDF4
import numpy as np
import pytest

import xgamma as xg
from tests.helpers.limits import limited
from xgamma.errors import XGammaError
from xgamma.tutorial import example_map


def huge(path, kind):
    """A file of some kilobytes that says it holds labels or texts of gigabytes."""
    with netCDF4.Dataset(path, "w") as file:
        group = file.createGroup("b") if kind.startswith("group") else file
        if kind.endswith("labels"):
            group.createDimension("x", 2**40)
            group.createVariable("x", "f8", ("x",), chunksizes=(2**20,), zlib=True)
        else:
            group.createDimension("obs", 2)
            group.createDimension("width", 2**31)
            group.createVariable("obs_id", "S1", ("obs", "width"), chunksizes=(1, 2**20), zlib=True)


@pytest.mark.parametrize("kind", ["labels", "texts", "group labels", "group texts"])
def test_netcdf_labels_and_texts(tmp_path, kind):
    """With 2 GB of address space; a bomb of zeros would unpack to all of it."""
    path = tmp_path / "a.nc"
    huge(path, kind)
    assert path.stat().st_size < 2**20
    said = limited(
        """
        import sys, xgamma as xg
        xg.set_options(max_bytes=1e9)
        try:
            xg.open(sys.argv[1])
        except xg.XGammaError as error:
            print(error)
        """,
        path,
    )
    assert "would take" in said
    assert said.count("\n") == 1


def nested(depth):
    return "[" * depth + "]" * depth


@pytest.mark.parametrize("depth", [900, 100_000])
def test_deep_json_in_zarr(tmp_path, depth):
    path = tmp_path / "a.zarr"
    pytest.importorskip("zarr")
    example_map().gamma.to_zarr(path)
    for where in ("", "counts"):
        file = path / where / "zarr.json"
        text = file.read_text()
        document = json.loads(text)
        document["attributes"]["deep"] = "@"
        file.write_text(json.dumps(document).replace('"@"', nested(depth)))
        with contextlib.suppress(XGammaError):
            xg.open(path)
        assert xg.verify(path, "return")
        file.write_text(text)


@pytest.mark.filterwarnings("ignore:.*its checksum is missing")
@pytest.mark.parametrize("text", [nested(100_000), "{", "[1, 2]", "5"])
def test_json_in_attributes_of_netcdf(tmp_path, text):
    path = tmp_path / "a.nc"
    example_map().gamma.to_netcdf(path)
    with netCDF4.Dataset(path, "a") as file:
        file.json_attributes = text
    with pytest.raises(XGammaError, match="is not valid JSON"):
        xg.open(path)


def test_upsampling_factors():
    ds = example_map()
    for refused in (
        lambda: ds.gamma.upsample(10**6),
        lambda: ds.gamma.upsample(energy=10**12),
        lambda: ds.counts.gamma.upsample(10**6),
        lambda: ds.chunk(x=5).gamma.upsample(10**12),
    ):
        with pytest.raises(XGammaError, match="would take"):
            refused()


@pytest.mark.parametrize("amplitude", ["1e3 cm-2 s-1 TeV-1", "1e25 cm-2 s-1 TeV-1"])
def test_numbers_of_drawn_events(amplitude):
    """Of a source given in the wrong unit: more events than memory, or than there are numbers."""
    from xgamma.numerics.sampling import draw_cells, draw_counts

    with pytest.raises(XGammaError, match=r"events (would take|are predicted)"):
        xg.dl3.simulate_observation("83.63d 22.51d", amplitude=amplitude)
    rng = np.random.default_rng(0)
    with pytest.raises(XGammaError, match="would take"):
        draw_cells(rng, np.full(10, 1e12))
    with pytest.raises(XGammaError, match="check amplitude"):
        draw_counts(rng, np.array([1.0, 1e19]))
