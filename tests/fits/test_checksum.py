"""Sums of FITS files: equal to those of astropy, and noticed when they do not fit."""

import numpy as np
import pytest
from astropy.io import fits

import xgamma as xg
from xgamma.fits.checksum import check_sums, summed, with_sums
from xgamma.tutorial import example_map


@pytest.mark.parametrize("seed", range(20))
def test_sums_are_those_of_astropy(tmp_path, seed):
    """Of images of any size and of headers that fill their block or not; `fits.open` warns otherwise."""
    rng = np.random.default_rng(seed)
    hdu = fits.PrimaryHDU(rng.integers(0, 256, rng.integers(1, 9000)).astype("u1"))
    for k in range(rng.integers(0, 40)):
        hdu.header[f"KEY{k}"] = float(rng.random())
    path = tmp_path / "a.fits"
    hdu.writeto(path)
    header, data = with_sums(path.read_bytes())
    assert len(header) % 2880 == 0
    path.write_bytes(header + data)
    with fits.open(path, checksum=True) as hdus:
        assert hdus[0].verify_checksum() == 1
        assert hdus[0].verify_datasum() == 1
        assert int(hdus[0].header["DATASUM"]) == summed(data)


def writers():
    ds = example_map()
    return {
        "to_fits": ("a.fits", ds.gamma.to_fits),
        "to_fits packed": ("a.fits.gz", ds.gamma.to_fits),
        "map": ("a.fits", ds.counts.gamma.to_fits),
        "to_ogip": ("a.fits", ds.gamma.to_spectrum("icrs;circle(83.63, 22.01, 0.3)").gamma.to_ogip),
    }


@pytest.mark.parametrize("name", list(writers()))
def test_what_is_written_has_sums(tmp_path, name):
    """Every HDU of every FITS product; pytest makes an error of astropy's warning."""
    file, write = writers()[name]
    write(tmp_path / file)
    for path in tmp_path.iterdir():
        with fits.open(path, checksum=True) as hdus:
            for hdu in hdus:
                assert {"DATASUM", "CHECKSUM"} <= set(hdu.header), hdu.name


def test_runs_have_sums(tmp_path):
    obs = xg.dl3.simulate_observation("83.63d 22.51d")
    xg.dl3.write_observation(obs, tmp_path / "a.fits.gz")
    with fits.open(tmp_path / "a.fits.gz", checksum=True) as hdus:
        assert all({"DATASUM", "CHECKSUM"} <= set(hdu.header) for hdu in hdus)


def test_changed_values_are_warned_of_and_refused_by_verify(tmp_path):
    """A bit of the background; before, another number without a word."""
    path = tmp_path / "a.fits"
    ds = example_map()
    ds.gamma.to_fits(path)
    with fits.open(path) as hdus:
        at = hdus["BACKGROUND"].fileinfo()["datLoc"] + 2
    content = bytearray(path.read_bytes())
    content[at] ^= 0x40
    path.write_bytes(content)
    with pytest.warns(xg.XGammaWarning, match=r"HDU 'BACKGROUND' .* damaged, or was changed"):
        xg.open(path).load()
    with pytest.warns(xg.XGammaWarning, match="delete DATASUM"):
        xg.read_map(path, hdu="BACKGROUND").load()
    with pytest.raises(xg.XGammaError, match="delete DATASUM"):
        xg.verify(path)


def test_changed_headers_are_noticed():
    header, data = with_sums(
        fits.PrimaryHDU(np.ones((2, 3))).header.tostring().encode() + bytes(2880)
    )
    bad = header.replace(b"NAXIS1  =                    3", b"NAXIS1  =                    2")
    assert bad != header
    cards = {"CHECKSUM": header.split(b"CHECKSUM= '")[1][:16].decode()}
    check_sums(cards, header + data, 0, len(header), 48, "file")
    with pytest.raises(xg.XGammaError, match="The header of the file is damaged"):
        check_sums(cards, bad + data, 0, len(header), 48, "file")


def test_without_sums(tmp_path):
    example_map().gamma.to_fits(tmp_path / "a.fits", checksum=False)
    assert b"DATASUM" not in (tmp_path / "a.fits").read_bytes()
