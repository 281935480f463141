"""The table reader against astropy, type by type, and broken files."""

import gzip
import pickle

import numpy as np
import pytest
import xarray as xr
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from xarray.core import indexing

from xgamma.errors import MissingDataError, XGammaError
from xgamma.fits.bytes import parse_header, parse_value
from xgamma.fits.files import open_fits
from xgamma.fits.lazy_columns import LazyColumn

N = 5
RNG = np.random.default_rng(0)
COLUMNS = [
    fits.Column("B", "B", array=np.arange(N, dtype="u1")),
    fits.Column("I", "I", array=np.arange(N) - 2),
    fits.Column("J", "3J", array=RNG.integers(-9, 9, (N, 3))),
    fits.Column("K", "K", array=np.arange(N) * 2**40),
    fits.Column("E", "6E", dim="(3,2)", array=RNG.normal(size=(N, 2, 3))),
    fits.Column("D", "D", unit="s", array=RNG.normal(size=N)),
    fits.Column("C", "C", array=RNG.normal(size=N) + 1j),
    fits.Column("M", "M", array=RNG.normal(size=N) + 1j),
    fits.Column(
        "A", "8A", array=np.array(["a", " b ", "", "été".encode("latin-1"), "12345678"], "S8")
    ),
    fits.Column("A2", "8A", dim="(4,2)", array=np.array([["ab", "cd"]] * N)),
    fits.Column("L", "L", array=np.array([True, False, True, True, False])),
    fits.Column("X", "10X", array=RNG.integers(0, 2, (N, 10)).astype(bool)),
    fits.Column("U2", "I", bzero=2**15, array=np.array([0, 1, 65535, 3, 4], "u2")),
    fits.Column("U4", "J", bzero=2**31, array=np.array([0, 1, 2**32 - 1, 3, 4], "u4")),
    fits.Column("U8", "K", bzero=2**63, array=np.array([0, 1, 2**64 - 1, 3, 4], "u8")),
    fits.Column("S1", "B", bzero=-128, array=np.array([-128, -1, 0, 1, 127], "i1")),
    fits.Column("V", "PE()", array=np.array([[1.0, 2.0]] * N)),
    fits.Column("R", "PJ()", array=np.array([np.arange(i) for i in range(N)], dtype=object)),
]


@pytest.fixture
def table(write):
    hdu = fits.BinTableHDU.from_columns(COLUMNS, name="DATA")
    return open_fits(write([hdu])).table("data")


def lazy(table, name, **kwargs):
    return indexing.LazilyIndexedArray(LazyColumn(table, name, **kwargs))


@pytest.mark.parametrize("name", [c.name for c in COLUMNS if c.name not in ("A", "A2", "R", "V")])
def test_like_astropy(table, name):
    with fits.open(table.file.path, uint=True) as hdus:
        expected = np.array(hdus[1].data[name])
    values = table.read(name)
    assert_array_equal(values, expected)
    assert values.dtype.isnative
    if name != "S1":  # astropy makes these floats
        assert values.dtype == expected.dtype.newbyteorder("=")
    assert values.flags.owndata or values.base is not None
    assert_array_equal(
        xr.Variable([f"d{i}" for i in range(expected.ndim)], lazy(table, name)), expected
    )


def test_text(table):
    assert table.read("A").tolist() == ["a", " b", "", "été", "12345678"]
    assert table.read("A2").tolist() == [["ab", "cd"]] * N


def test_variable_length(table):
    assert_array_equal(table.read("V"), [[1.0, 2.0]] * N)
    assert [len(row) for row in table.read("R")] == [0, 1, 2, 3, 4]


def test_partial_reading(table):
    whole = table.read("E")
    variable = xr.Variable(("row", "a", "b"), lazy(table, "E"))
    assert_array_equal(variable[1:3, 1].values, whole[1:3, 1])
    assert_array_equal(variable[[3, 0], :, [2, 1]].values, whole[[3, 0]][:, :, [2, 1]])
    assert_array_equal(xr.Variable("row", lazy(table, "X", row=2))[3].values, table.read("X")[2, 3])


def test_blank(write):
    blank = fits.Column("N", "J", null=-1, array=np.array([1, -1, 3]))
    full = fits.Column("F", "J", null=-1, array=np.array([1, 2, 3]))
    table = open_fits(write([fits.BinTableHDU.from_columns([blank, full])])).tables[0]
    assert_array_equal(table.read("N"), [1, np.nan, 3])
    assert table.read("F").dtype == "i4"
    assert LazyColumn(table, "N").dtype == "f8"


@pytest.mark.parametrize(("form", "kind"), [("I", "f8"), ("E", "f4"), ("D", "f8")])
def test_scaled(write, form, kind):
    path = write([fits.BinTableHDU.from_columns([fits.Column("S", form, array=[1, 2, 3])])])
    fits.setval(path, "TSCAL1", value=0.5, ext=1)
    fits.setval(path, "TZERO1", value=3.0, ext=1)
    values = open_fits(path).tables[0].read("S")
    assert_array_equal(values, [3.5, 4.0, 4.5])
    assert values.dtype == kind


def test_no_rows(write):
    columns = [fits.Column("A", "E"), fits.Column("B", "4E", dim="(2,2)"), fits.Column("C", "8A")]
    table = open_fits(write([fits.BinTableHDU.from_columns(columns, nrows=0)])).tables[0]
    assert [table.read(c).shape for c in "ABC"] == [(0,), (0, 2, 2), (0,)]


def test_header(write):
    hdu = fits.BinTableHDU.from_columns([fits.Column("A", "E", array=[1.0])], name="H")
    hdu.header["QUOTED"] = "O'Hara"
    hdu.header["YES"] = True
    hdu.header["LONGTEXT"] = "x" * 150
    hdu.header["HIERARCH a long key"] = 3
    hdu.header["BIG"] = 1.5e300
    hdu.header.add_comment("not a value = here")
    header = open_fits(write([hdu])).tables[0].header
    assert header["QUOTED"] == "O'Hara"
    assert header["YES"] is True
    assert header["LONGTEXT"] == "x" * 150
    assert header["A LONG KEY"] == 3
    assert header["BIG"] == 1.5e300
    assert "COMMENT" not in header


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("  1.5D3 / x", 1500.0),
        (" 42", 42),
        (" 'a/b  ' / c", "a/b"),
        ("  / nothing", None),
        (" F", False),
    ],
)
def test_values(text, value):
    assert parse_value(text) == value


TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60)
NUMBER = st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False)


# A comment that finds no room beside a long text is cut by astropy, which says so.
@pytest.mark.filterwarnings("ignore:Card is too long")
@given(st.lists(TEXT | NUMBER | st.booleans(), min_size=1, max_size=8))
def test_header_like_astropy(values):
    header = fits.Header({"SIMPLE": True})
    for i, value in enumerate(values):
        header[f"KEY{i}"] = (value, "a comment / with 'marks'" if i % 2 else "")
    data = header.tostring().encode()
    parsed, stop = parse_header(data, 0)
    again = fits.Header.fromstring(data)
    assert stop == len(data)
    for i, value in enumerate(values):
        read = parsed[f"KEY{i}"]
        # astropy misreads an empty text before a comment with quotes, and rounds long numbers.
        assert read == (value.rstrip() if isinstance(value, str) else again[f"KEY{i}"])
        assert type(read) is type(value)


def test_gzip_in_members_and_pickle(write, hdus):
    plain = write(hdus).read_bytes()
    path = write(hdus, "again.fits")
    path.write_bytes(gzip.compress(plain[:5000]) + gzip.compress(plain[5000:]))
    file = open_fits(path)
    again = pickle.loads(pickle.dumps(file))
    assert len(pickle.dumps(file)) < 20000
    assert_array_equal(again.table("EVENTS").read("TIME"), file.table("EVENTS").read("TIME"))


def test_missing_file(tmp_path):
    with pytest.raises(MissingDataError, match=r"The file .*nothing.fits does not exist"):
        open_fits(tmp_path / "nothing.fits")
    with pytest.raises(XGammaError, match="cannot be read"):
        open_fits(tmp_path)


@pytest.mark.parametrize("keep", [0.3, 0.99])
def test_truncated_gzip(write, hdus, keep):
    path = write(hdus)
    data = gzip.compress(path.read_bytes())
    path.write_bytes(data[: int(keep * len(data))])
    with pytest.raises(XGammaError, match=r"run.fits is truncated: its gzip stream ends early"):
        open_fits(path)


def test_damaged_gzip(write, hdus):
    path = write(hdus)
    data = bytearray(gzip.compress(path.read_bytes()))
    data[len(data) // 2 : len(data) // 2 + 40] = b"\xff" * 40
    path.write_bytes(bytes(data))
    with pytest.raises(XGammaError, match=r"damaged|truncated"):
        open_fits(path)


@pytest.mark.parametrize(
    ("size", "message"),
    [(2880 + 1000, "no END card"), (2880 * 3 + 50, "HDU 'EVENTS' ends at byte")],
)
def test_truncated_fits(write, hdus, size, message):
    path = write(hdus)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(XGammaError, match=f"truncated.*{message}"):
        open_fits(path)


def test_no_fits(tmp_path):
    (tmp_path / "text.fits").write_text("hello")
    with pytest.raises(XGammaError, match="not a FITS file"):
        open_fits(tmp_path / "text.fits")


def test_missing_hdu_and_column(write, hdus):
    file = open_fits(write(hdus))
    with pytest.raises(MissingDataError, match=r"no HDU 'PSF': it has 'EVENTS', 'GTI', 'AEFF'"):
        file.table("PSF")
    with pytest.raises(
        MissingDataError, match=r"'GTI' .* has no column MIDDLE: it has START, STOP"
    ):
        file.table("gti").read("MIDDLE")


def test_parse_header_skips_end_inside_a_value():
    cards = ["SIMPLE  =                    T", "KEY     = 'END     '", "END"]
    data = "".join(c.ljust(80) for c in cards).ljust(2880).encode()
    assert parse_header(data, 0) == ({"SIMPLE": True, "KEY": "END"}, 2880)
