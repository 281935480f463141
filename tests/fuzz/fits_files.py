"""Damage to the headers of FITS files: cards that contradict the bytes or each other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from tests.fuzz.mutant import ABSENT, FRAME, OBSERVATION, Mutant
from xgamma.fits.headers import is_structural

__all__ = ["REMOVE", "header_mutants", "headers", "known", "layout_mutants", "mutant"]

CARD, BLOCK = 80, 2880


class Special(Enum):
    """What is done to a card instead of another value; an enumeration survives pickling."""

    REMOVE = "removed"


REMOVE = Special.REMOVE
# Cards whose other value is another observation, or another place, and not an impossible one.
OBSERVED = re.compile(
    r"(RA|DEC|ALT|AZ)_(PNT|OBJ)|OBS_ID|OBJECT|EQUINOX|RADE.*|GEOLON|GEOLAT|ALTITUDE|TELESCOP|INSTRUME"
    r"|(LO|HI)_THRES|TREF.*|DATE.*|TIME(-|OFFS).*|TSTART|TSTOP|LIVETIME|ONTIME|EXPOSURE|DEADC|BACKSCAL"
    r"|AREASCAL|MJDREF[IF]|NORM.*|REFERENC|SIGMA_.*|CREATOR|ORIGIN|AUTHOR|HDUDOC|HDUVERS|OBSERVER|NAME"
)
PLACED = re.compile(r"C(RVAL|RPIX|DELT|ROTA)\d|PC\d_\d|CD\d_\d|L..POLE")
TIMES = re.compile(r"MJDREF|TIME|TSTA|TSTO|DATE|ONTIME|LIVET|DEADC|TELAP|EXPOSU")


def headers(data: bytes) -> list[tuple[int, int]]:
    """Return the byte range of each header of a FITS file, by HDU number."""
    ranges = []
    position = 0
    with fits.HDUList.fromstring(data) as hdus:
        for hdu in hdus:
            stop = position + len(hdu.header.tostring())
            size = int(np.prod([hdu.header[f"NAXIS{i + 1}"] for i in range(hdu.header["NAXIS"])]))
            size = size * bool(hdu.header["NAXIS"]) + hdu.header.get("PCOUNT", 0)
            ranges.append((position, stop))
            size *= abs(hdu.header["BITPIX"]) // 8
            position = stop + -(-size // BLOCK) * BLOCK
    assert position == len(data)
    return ranges


def mutant(data: bytes, number: int, key: str, value: Any) -> bytes:
    """Return a file with one card of one header changed, added or removed, in place."""
    start, stop = headers(data)[number]
    cards = [data[i : i + CARD] for i in range(start, stop, CARD)]
    places = [i for i, card in enumerate(cards) if card[:8].rstrip() == key.encode()]
    if value is REMOVE:
        new = b"COMMENT removed".ljust(CARD)
    elif isinstance(value, float) and not np.isfinite(value):
        new = f"{key:8}= {value!s:>20}".encode().ljust(CARD)
    else:
        new = str(fits.Card(key, value)).encode().ljust(CARD)
    if places:
        cards[places[0]] = new
    else:
        end = next(i for i, card in enumerate(cards) if card.rstrip() == b"END")
        if end + 1 == len(cards):
            cards += [b" " * CARD] * (BLOCK // CARD)
        cards[end : end + 2] = [new, b"END".ljust(CARD)]
    return data[:start] + b"".join(cards) + data[stop:]


def layout_mutants(header: Any) -> Iterator[tuple[str, Any]]:
    """Yield cards that contradict the layout of a table or an image."""
    for key in [k for k in header if re.fullmatch(r"NAXIS\d", k)]:
        n = header[key]
        for value in (n - 1, n + 1, n // 2, 2 * n + 1, 40 * n + 77, -n, 2**40, "many", 1.5, REMOVE):
            if value is REMOVE or value != n:
                yield key, value
    yield from (("BITPIX", v) for v in (7, -8, "x"))
    yield from (("NAXIS", v) for v in (0, 1, 3, -2, 2000, "two") if v != header["NAXIS"])
    if "TFIELDS" not in header:
        return
    yield from (("PCOUNT", v) for v in (-1, 1, 100, BLOCK, 20 * BLOCK, "x"))
    yield from (("GCOUNT", v) for v in (0, 2, -1))
    yield from (("TFIELDS", v) for v in (0, header["TFIELDS"] - 1, header["TFIELDS"] + 1, "x"))
    for n in range(1, header["TFIELDS"] + 1):
        yield from _column_layout(header, n)


def _column_layout(header: Any, n: int) -> Iterator[tuple[str, Any]]:
    form = header[f"TFORM{n}"]
    found = re.fullmatch(r"(\d*)([A-Z])", form)
    if found is None:
        yield f"TFORM{n}", "5Y"
        return
    count, code = found.groups()
    other = {"E": "DJIAK", "D": "EKJA", "K": "JEI", "J": "KI", "A": "IE"}.get(code, "EDJ")
    for new in [f"{count}{c}" for c in other] + [f"{int(count or 1) + 1}{code}", "5Y", ""]:
        # The same bytes may well be whole numbers where GADF does not say what they are.
        alike = {"E": "J", "D": "K"}.get(code)
        if alike is None or new != f"{count}{alike}" or known(header, n):
            yield f"TFORM{n}", new
    if f"TDIM{n}" in header and int(count or 1) > 1:
        dims = re.findall(r"\d+", header[f"TDIM{n}"])
        yield f"TDIM{n}", "(" + ",".join(dims[::-1]) + ")"
        yield f"TDIM{n}", "(" + ",".join([str(int(dims[0]) + 1), *dims[1:]]) + ")"
        yield f"TDIM{n}", "(1)"
        yield f"TDIM{n}", "(a,b)"
        yield f"TDIM{n}", REMOVE


def known(header: Any, n: int) -> bool:
    """Tell whether GADF says that a column holds real numbers."""
    name = header[f"TTYPE{n}"]
    return name in ("RA", "DEC", "ENERGY", "EFFAREA", "MATRIX") or name.endswith(("_LO", "_HI"))


def header_mutants(name: str, number: int, header: Any) -> Iterator[Mutant]:
    """Yield the damages of the cards of one HDU, in place."""

    def made(intent: str, key: str, value: Any, meant: str = "") -> Mutant:
        shown = "removed" if value is REMOVE else repr(value)
        what = f"{name}[{header.get('EXTNAME', number)}] {key}={shown} (was {header.get(key)!r})"
        apply = partial(_set_card, name=name, number=number, key=key, value=value)
        # CHECKSUM tells of any other card.
        return Mutant(intent, what, apply, "" if "CHECKSUM" in header else meant)

    if header["NAXIS"]:
        yield from (made("layout", key, value) for key, value in layout_mutants(header))
    for key in header:
        if (
            not key
            or key in ("COMMENT", "HISTORY")
            or (is_structural(key) and not key.startswith("T"))
        ):
            continue
        if re.match(r"TUNIT|CUNIT|BUNIT", key):
            # A map that is alone has no quantity that another unit would contradict.
            alone = key == "BUNIT" and number == 0
            for unit in other_units(header[key]):
                yield made("units", key, unit, OBSERVATION * (alone and unit in KINDS))
        elif re.match(r"TTYPE", key):
            continue  # Columns are renamed as such.
        elif not is_structural(key):
            number_ = isinstance(header[key], (int, float)) and not isinstance(header[key], bool)
            values = (REMOVE, -1, "nonsense", 1e9, 0, np.nan, True, header.get(key, 0))
            values = values[:-1] + ((3 * header[key] + 1,) if number_ else ("2020-13-45", ""))
            intent = "times" if TIMES.match(key) else "headers"
            yield from (made(intent, key, v, meaning(key, header[key], v)) for v in values)


def meaning(key: str, old: Any, value: Any) -> str:
    """Return why another value of a card may be right."""
    place = PLACED.fullmatch(key) is not None
    if not place and OBSERVED.fullmatch(key) is None:
        return ""
    if value is REMOVE:
        return ABSENT
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and np.isfinite(value)
    same = number if isinstance(old, (int, float)) else isinstance(value, str)
    return (FRAME if place else OBSERVATION) if same else ""


ALIKE = (
    ("TeV", "GeV", "MeV"),
    ("deg", "rad", "arcmin"),
    ("s", "h", "d"),
    ("m2", "cm2"),
    ("m", "km"),
)


# The last is a unit too, deg2.
KINDS = ("kg", "TeV", "deg", "s", "m2", "1 / (s TeV sr)", "10**3 TeV", "deg deg")


def other_units(unit: str) -> Iterator[Any]:
    """Yield units of other kinds, and what is no unit."""
    alike = next((group for group in ALIKE if str(unit).strip() in group), ())
    yield from (k for k in KINDS if k not in alike and k != str(unit).strip())
    yield from ("furlong", "1/0", "TeV/", "(")
    yield from ("", REMOVE) if str(unit).strip() else ()


def _set_card(folder: Path, name: str, number: int, key: str, value: Any) -> None:
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(mutant(data, number, key, value))
