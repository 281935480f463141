"""Nothing is allocated, and no file is read, that a number in a file or a call makes endless."""

import gzip
import os

import numpy as np
import pytest

import xgamma as xg
from tests.helpers.limits import limited
from xgamma.config import load_config
from xgamma.core.bounds import read_text, require_regular, require_room
from xgamma.core.safe_yaml import load_yaml
from xgamma.errors import XGammaError

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n"
    for a, b in zip("abcdefghi", "bcdefghij", strict=True)
)
MERGES = "a: &a {k: 1}\n" + "".join(
    f"{b}: &{b} {{<<: [{', '.join([f'*{a}'] * 10)}]}}\n"
    for a, b in zip("abcdefghi", "bcdefghij", strict=True)
)
BOMBS = {
    "aliases": (LAUGHS, "aliases"),
    "merges": (MERGES, "aliases"),
    "depth": ("[" * 100_000, "deep"),
    "fields in fields": ("{a: " * 100_000, "deep"),
    "itself": ("a: &a [*a]", "refers to itself"),
    "digits": ("a: " + "1" * 10_000, "digits"),
    "month": ("a: 2024-13-01", "month"),
    "object": ("a: !!python/object/apply:os.system [true]", "tag"),
    "control": ("a: \0", "special characters"),
}


@pytest.mark.parametrize(("text", "match"), BOMBS.values(), ids=list(BOMBS))
def test_yaml_that_grows(text, match):
    """Refused in one line, wherever YAML comes in."""
    with pytest.raises(XGammaError, match=match) as caught:
        load_yaml(text, "a.yaml")
    assert "\n" not in str(caught.value)
    with pytest.raises(XGammaError, match=match):
        xg.Models.from_yaml(text)


def test_yaml_that_grows_in_files(tmp_path):
    """Of configurations, models, and models in the attributes of a dataset."""
    path = tmp_path / "a.yaml"
    path.write_text(LAUGHS)
    for read in (load_config, xg.Models.read):
        with pytest.raises(XGammaError, match="aliases"):
            read(path)
    path.write_bytes(b"a: \xff")
    for read in (load_config, xg.Models.read):
        with pytest.raises(XGammaError, match="not a text file: byte 3"):
            read(path)
    with xg.set_options(max_text_bytes=2), pytest.raises(XGammaError, match="max_text_bytes"):
        read_text(path)


def test_yaml_with_honest_aliases():
    assert load_yaml("a: &a {k: 1}\nb: {<<: *a, l: 2}\nc: [*a, *a]", "")["b"] == {"k": 1, "l": 2}


def readers():
    """All that take the path of a file."""
    from xgamma.cli import main
    from xgamma.modeling.ebl import read_ebl
    from xgamma.modeling.temporal import read_light_curve

    def command(path):
        if main(["info", str(path)]):
            raise XGammaError("a device or a pipe")

    return {
        "open": xg.open,
        "open_store": xg.open_store,
        "read_fits": xg.read_fits,
        "read_map": xg.read_map,
        "read_ogip": xg.read_ogip,
        "read_flux_points": xg.read_flux_points,
        "Models.read": xg.Models.read,
        "load_config": load_config,
        "read_light_curve": read_light_curve,
        "read_ebl": read_ebl,
        "info": command,
    }


@pytest.mark.parametrize("kind", ["pipe", "device"])
@pytest.mark.parametrize("name", list(readers()))
def test_pipes_and_devices(tmp_path, name, kind):
    """None is opened, which waits for ever (a pipe) or has no end (/dev/zero)."""
    if kind == "pipe":
        path = tmp_path / "pipe.fits"
        os.mkfifo(path)
    else:
        path = "/dev/zero"
    with pytest.raises(XGammaError, match="a device or a pipe"):
        readers()[name](path)


def test_pipes_are_not_opened_to_guess_their_format(tmp_path):
    import xarray as xr

    path = tmp_path / "a.fits"
    os.mkfifo(path)
    engines = [e for e in xr.backends.list_engines().values() if "xgamma" in type(e).__module__]
    assert len(engines) == 2
    for engine in engines:
        assert not engine.guess_can_open(path)


@pytest.mark.parametrize("read", ["open", "read_map", "open_store"])
def test_gzip_bombs(tmp_path, read):
    """A file that unpacks to a thousand times its size is refused before it does."""
    path = tmp_path / "a.fits.gz"
    head = b"SIMPLE  =                    T".ljust(80) + b"END".ljust(2800)
    with gzip.open(path, "wb", compresslevel=1) as stream:
        stream.write(head)
        for _ in range(64):
            stream.write(bytes(2**20))
    with xg.set_options(max_bytes=2**24), pytest.raises(XGammaError, match="unpacks to more than"):
        getattr(xg, read)(path)


def test_a_gzip_bomb_larger_than_memory(tmp_path):
    """2 GB of zeros, in a process that may have 1.5 GB."""
    path = tmp_path / "a.fits.gz"
    head = b"SIMPLE  =                    T".ljust(80) + b"END".ljust(2800)
    part = gzip.compress(bytes(2**24))
    with path.open("wb") as stream:
        stream.write(gzip.compress(head))
        for _ in range(128):
            stream.write(part)
    code = """
    import sys, xgamma as xg
    try:
        xg.open(sys.argv[1])
    except xg.XGammaError as error:
        print(error)
    """
    assert "fit into memory when unpacked" in limited(code, path, memory=3 * 2**29)


AXES = {
    "energy": lambda: xg.energy_axis("1 TeV", "10 TeV", 1e11),
    "energy per decade": lambda: xg.energy_axis("1 TeV", "10 TeV", 1e11, per_decade=True),
    "rad": lambda: xg.rad_axis("1 deg", 10**11),
    "migra": lambda: xg.migra_axis(nbin=10**11),
    "binsz": lambda: xg.create_map((0, 0), "5 deg", "1e-9 deg"),
    "tiny binsz": lambda: xg.create_map((0, 0), "5 deg", 5e-324),
    "npix": lambda: xg.create_map((0, 0), npix=10**12),
    "infinite npix": lambda: xg.create_map((0, 0), npix=np.inf),
    "binsz_irf": lambda: xg.create_map(
        (0, 0), "5 deg", "1 deg", xg.energy_axis(1, 10, 3), binsz_irf="1e-10 deg"
    ),
}


@pytest.mark.parametrize("make", AXES.values(), ids=list(AXES))
def test_sizes_that_are_refused(make):
    with pytest.raises(
        XGammaError, match=r"(would take|exceed) .*: (use fewer bins|use larger pixels)"
    ):
        make()


def test_whole_numbers_of_bins():
    """A number of bins that is none was cut off (2.5 bins were two)."""
    for make in (xg.rad_axis, xg.migra_axis):
        with pytest.raises(XGammaError, match="nbin="):
            make(nbin=2.5)


def test_response_pixels_are_not_finer_than_the_map():
    """A map of the whole sky of 2 deg had 900 x 1800 pixels of responses for its 90 x 180."""
    energy = xg.energy_axis(1, 10, 3)
    ds = xg.create_map(binsz="2 deg", energy=energy)
    assert (ds.sizes["y_irf"], ds.sizes["x_irf"]) == (90, 180)
    np.testing.assert_allclose(ds.x_irf, ds.x)
    ds = xg.create_map((0, 0), "4 deg", "0.02 deg", energy)
    assert (ds.sizes["y_irf"], ds.sizes["x_irf"]) == (20, 20)
    ds = xg.create_map((0, 0), "4 deg", "1 deg", energy, binsz_irf="0.2 deg")
    assert ds.sizes["x_irf"] == 20


def test_room():
    with pytest.raises(XGammaError, match="exceed any available memory: ask"):
        require_room(np.inf, "It", "ask for less")
    with pytest.raises(XGammaError):
        require_room(np.nan, "It", "ask for less")
    with xg.set_options(max_bytes=1e15):
        require_room(1e9, "It", "ask for less")
    require_regular("/no/such/file")


def test_filled_spectra_share_the_bound():
    ds = xg.create_spectrum("icrs;circle(83.63, 22.01, 0.1)", xg.energy_axis(1, 10, 1000))
    obs = xg.dl3.simulate_observation("83.63d 22.51d", events=False)
    with xg.set_options(max_bytes=1e5), pytest.raises(XGammaError, match=r"Filling .* would take"):
        ds.gamma.fill(obs)
