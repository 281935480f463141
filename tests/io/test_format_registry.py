"""File formats by name, content and ending: everywhere the same ones, one's own among them."""

import json

import numpy as np
import pytest

import xgamma as xg
from tests.helpers.registries import restore_after
from xgamma.cli import main
from xgamma.errors import XGammaError
from xgamma.io.registry import REGISTRY
from xgamma.tutorial import example_map, example_spectrum

OWN = {"fits", "netcdf", "ogip", "zarr"}
REGION = "icrs;circle(83.63, 22.01, 0.2)"


@pytest.fixture(autouse=True)
def _registry_as_before(monkeypatch):
    restore_after(REGISTRY, monkeypatch)


def sniff(path, head):
    return head.startswith(b'{"counts"')


def read(path, scale=1):
    content = json.loads(path.read_text())
    ds = xg.create_spectrum(REGION, xg.energy_axis(1, 10, len(content["counts"])))
    return ds.assign(counts=("energy", np.array(content["counts"]) * scale))


def write(ds, path, overwrite=False):
    path.write_text(json.dumps({"counts": ds.counts.values.tolist()}))


def register(**changes):
    given = {"name": "json", "summary": "Counts in JSON.", "sniff": sniff, "read": read}
    given |= {"write": write, "suffixes": (".json",), "kinds": ("spectrum",), **changes}
    return xg.register_format(xg.FormatRecord(**given))


def test_every_format_is_known():
    assert set(xg.list_formats()) >= OWN
    collections = {n for n in OWN if xg.find_format(n).collections}
    assert collections == {"netcdf", "zarr"}
    assert xg.find_format("ogip").kinds == ("spectrum",)


@pytest.mark.parametrize("ending", [".nc", ".nc4", ".zarr", ".fits", ".fits.gz"])
def test_what_is_written_by_its_ending_is_read_by_its_content(tmp_path, ending):
    from xgamma.io.opening import write_dataset

    ds = example_map()
    write_dataset(ds, tmp_path / f"a{ending}")
    (tmp_path / f"a{ending}").rename(tmp_path / "renamed")
    with xg.open(tmp_path / "renamed") as back:
        np.testing.assert_array_equal(back.counts, ds.counts)


def test_a_spectrum_is_told_from_other_fits(tmp_path):
    ds = example_spectrum()
    xg.find_format("ogip").save(ds, tmp_path / "a.fits")
    xg.find_format("fits").save(ds, tmp_path / "b.fits")
    for name in ("a", "b"):
        np.testing.assert_array_equal(xg.open(tmp_path / f"{name}.fits").counts, ds.counts)


def test_a_format_of_ones_own_is_known_everywhere(tmp_path, capsys):
    register()
    ds = example_spectrum()
    ds.gamma.to_netcdf(tmp_path / "a.nc")
    assert main(["convert", str(tmp_path / "a.nc"), str(tmp_path / "a.json"), "--quiet"]) == 0
    assert json.loads((tmp_path / "a.json").read_text())["counts"] == ds.counts.values.tolist()
    np.testing.assert_array_equal(xg.open(tmp_path / "a.json").counts, ds.counts)
    np.testing.assert_array_equal(xg.open(tmp_path / "a.json", scale=2).counts, 2 * ds.counts)
    assert main(["info", str(tmp_path / "a.json")]) == 0
    assert "Spectrum dataset" in capsys.readouterr().out
    assert main(["convert", str(tmp_path / "a.json"), str(tmp_path / "b.nc"), "--quiet"]) == 0
    np.testing.assert_array_equal(xg.open(tmp_path / "b.nc").counts, ds.counts)
    with pytest.raises(XGammaError, match="format 'json': got an unexpected keyword argument 'x'"):
        xg.open(tmp_path / "a.json", x=1)


def test_a_format_within_fits_is_asked_before_fits(tmp_path):
    ds = example_spectrum()
    ds.gamma.to_fits(tmp_path / "a.fits")
    register(
        sniff=lambda path, head: head.startswith(b"SIMPLE"),
        read=lambda path: ds.assign(counts=ds.counts * 0),
    )
    assert float(xg.open(tmp_path / "a.fits").counts.sum()) == 0


def test_a_file_that_two_formats_claim_is_refused(tmp_path):
    register()
    register(name="other", suffixes=())
    (tmp_path / "a.json").write_text('{"counts": [1]}')
    with pytest.raises(XGammaError, match=r"matches the formats 'json' and 'other'"):
        xg.open(tmp_path / "a.json")


def test_what_a_format_cannot_hold_is_refused(tmp_path):
    from xgamma.io.opening import write_dataset

    register()
    with pytest.raises(XGammaError, match="'json' stores a spectrum, not a map"):
        write_dataset(example_map(), tmp_path / "a.json")
    tree = xg.collect([example_spectrum()])
    with pytest.raises(XGammaError, match="'json' stores a single dataset, not a collection"):
        write_dataset(tree, tmp_path / "a.json")
    with pytest.raises(XGammaError, match="'fits' stores a single dataset, not a collection"):
        write_dataset(tree, tmp_path / "a.fits")
    with pytest.raises(XGammaError, match=r"does not match any format: use .*\.json"):
        write_dataset(tree, tmp_path / "a.txt")
    register(name="half", sniff=lambda p, h: h.startswith(b"half"), suffixes=(".h",), read=None)
    (tmp_path / "a.h").write_text("half")
    with pytest.raises(XGammaError, match="'half', which can be written but not read"):
        xg.open(tmp_path / "a.h")
    register(name="rest", sniff=lambda p, h: False, suffixes=(".r",), write=None)
    with pytest.raises(XGammaError, match="'rest' can be read but not written"):
        write_dataset(example_spectrum(), tmp_path / "a.r")


def test_what_a_format_returns_is_checked(tmp_path):
    (tmp_path / "a.json").write_text('{"counts": [1]}')
    register(read=lambda path: 3)
    with pytest.raises(XGammaError, match=r"'json' returned int for .*: it must return a Dataset"):
        xg.open(tmp_path / "a.json")


def test_a_dataset_of_another_format_must_follow_the_model(tmp_path):
    (tmp_path / "a.json").write_text('{"counts": [1]}')
    register(read=lambda path: example_map().isel(energy=[0, 2]))
    with pytest.raises(XGammaError, match="have gaps"):
        xg.open(tmp_path / "a.json")


def test_records_that_say_nothing_usable_are_refused():
    with pytest.raises(
        XGammaError, match=r"ending '\.nc' of the format 'json' is already used by 'netcdf'"
    ):
        register(suffixes=(".nc",))
    with pytest.raises(XGammaError, match="requires read=, write= or both"):
        register(read=None, write=None)
    with pytest.raises(XGammaError, match="write 'JSON' in lower case"):
        register(suffixes=("JSON",))
    with pytest.raises(XGammaError, match=r"kinds=\(\) of 'json' is not recognised"):
        register(kinds=())
