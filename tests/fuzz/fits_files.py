"""Damage to FITS files: cards that contradict the bytes or each other, values that cannot be."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from tests.fuzz.mutant import Mutant, damaged_values
from xgamma.fits.headers import is_structural

__all__ = ["REMOVE", "fits_mutants", "headers", "known", "layout_mutants", "mutant"]

CARD, BLOCK = 80, 2880
REMOVE = object()
# Cards whose other value is another observation, or another map: not an impossible one.
MEANT = re.compile(
    r"(RA|DEC|ALT|AZ)_(PNT|OBJ)|OBS_ID|OBJECT|EXTNAME|C(RVAL|RPIX|DELT|TYPE|UNIT|ROTA)\d|EQUINOX|RADE.*"
    r"|L..POLE|GEOLON|GEOLAT|ALTITUDE|TELESCOP|INSTRUME|(LO|HI)_THRES|TREF.*|TTYPE\d+|DATE.*|TIME.*"
    r"|LIVETIME|EXPOSURE|DEADC|BACKSCAL|AREASCAL|HDUCLAS\d|HDUCLASS|EXTVER|(ANC|BACK|RESP)(FILE|R?FILE)"
)
# Other units of the same kind are another value; these are none.
UNITS = ("kg", "furlong", "1/0", "", REMOVE)


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
        assert end + 1 < len(cards), "no room for another card"
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


def fits_mutants(folder: Path) -> Iterator[Mutant]:
    """Yield the damages by intent of each FITS file of a product."""
    for path in sorted(folder.rglob("*.fits")):
        name = str(path.relative_to(folder))
        with fits.open(path, memmap=False) as hdus:
            for number, hdu in enumerate(hdus):
                yield from _header_mutants(name, number, hdu.header)
                if isinstance(hdu, fits.BinTableHDU):
                    yield from _table_mutants(name, number, hdu)
                elif hdu.data is not None:
                    yield from _image_mutants(name, number, hdu)
                if number:
                    yield _hdus(name, number, hdu.name)


def _header_mutants(name: str, number: int, header: Any) -> Iterator[Mutant]:
    def made(intent: str, key: str, value: Any, meant: bool = False) -> Mutant:
        shown = "removed" if value is REMOVE else repr(value)
        what = f"{name}[{header.get('EXTNAME', number)}] {key}={shown} (was {header.get(key)!r})"
        apply = partial(_set_card, name=name, number=number, key=key, value=value)
        return Mutant(intent, what, apply, meant)

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
            yield from (made("units", key, unit, key[0] == "C") for unit in UNITS)
        elif re.match(r"MJDREF|TIME|TSTA|TSTO|DATE|ONTIME|LIVET|DEADC|TELAP|EXPOSU", key):
            values = (REMOVE, -1, 0, np.nan, "nonsense", 1e9, "2020-13-45")
            meant = MEANT.fullmatch(key) is not None
            yield from (made("times", key, v, meant or v == 0) for v in values)
        elif not is_structural(key):
            values = (REMOVE, -1, "nonsense", 1e9, 0, np.nan, True)
            meant = MEANT.fullmatch(key) is not None or isinstance(header[key], str)
            yield from (made("headers", key, v, meant) for v in values)


def _set_card(folder: Path, name: str, number: int, key: str, value: Any) -> None:
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(mutant(data, number, key, value))


def _table_mutants(name: str, number: int, hdu: Any) -> Iterator[Mutant]:
    def made(intent: str, what: str, how: Any, meant: bool) -> Mutant:
        apply = partial(_edit, name=name, number=number, how=how)
        return Mutant(intent, f"{name}[{hdu.name}] {what}", apply, meant)

    rows = len(hdu.data)
    for column in hdu.columns.names:
        values = np.asarray(hdu.data[column])
        axis = column.endswith(("_LO", "_HI", "_MIN", "_MAX"))
        if values.dtype.kind in "if":
            for damage, new in damaged_values(values).items():
                how = partial(_set_column, column=column, values=new)
                intent = "axes" if axis else "columns"
                yield made(intent, f"{column}: {damage}", how, _meant(hdu.name, column, damage))
        yield made("columns", f"{column} dropped", partial(_drop_column, column=column), False)
        how = partial(_rename, column=column, new="OTHER")
        yield made("columns", f"{column} renamed", how, False)
        text = partial(_to_text, column=column)
        yield made("columns", f"{column} as text", text, False)
    if rows:
        yield made("columns", "no rows", partial(_rows, index=slice(0, 0)), False)
        yield made("columns", "rows twice", partial(_rows, index=[*range(rows)] * 2), True)
        yield made("columns", "half of the rows", partial(_rows, index=slice(rows // 2)), True)


def _meant(hdu: str, column: str, damage: str) -> bool:
    """Tell whether other values may just be other data."""
    if (
        hdu == "EVENTS"
        or column in ("START", "STOP")
        or ("TIME" in column and damage == "negative")
    ):
        return True
    if damage in ("NaN", "all NaN", "infinite", "negative"):
        return False
    return not column.endswith(("_LO", "_HI", "_MIN", "_MAX"))


def _image_mutants(name: str, number: int, hdu: Any) -> Iterator[Mutant]:
    for damage, new in damaged_values(np.asarray(hdu.data)).items():
        how = partial(_set_image, values=new)
        apply = partial(_edit, name=name, number=number, how=how)
        meant = damage not in ("NaN", "all NaN", "infinite", "negative")
        yield Mutant("pixels", f"{name}[{hdu.name}]: {damage}", apply, meant)


def _hdus(name: str, number: int, shown: str) -> Mutant:
    return Mutant("HDUs", f"{name}[{shown}] lost", partial(_lose, name=name, number=number), True)


def _lose(folder: Path, name: str, number: int) -> None:
    with fits.open(folder / name, memmap=False) as hdus:
        kept = [h.copy() for k, h in enumerate(hdus) if k != number]
    fits.HDUList(kept).writeto(folder / name, overwrite=True, output_verify="ignore")


def _edit(folder: Path, name: str, number: int, how: Any) -> None:
    with fits.open(folder / name, memmap=False) as hdus:
        new = [how(h) if k == number else h for k, h in enumerate(hdus)]
        fits.HDUList(new).writeto(folder / name, overwrite=True, output_verify="ignore")


def _set_column(hdu: Any, column: str, values: np.ndarray) -> Any:
    hdu.data[column][:] = values
    return hdu


def _set_image(hdu: Any, values: np.ndarray) -> Any:
    hdu.data = values
    return hdu


def _other_columns(hdu: Any, columns: list[Any], rows: int | None = None) -> Any:
    plain = [
        k for k in hdu.header if k and not is_structural(k) and k not in ("CHECKSUM", "DATASUM")
    ]
    new = fits.BinTableHDU.from_columns(columns, nrows=len(hdu.data) if rows is None else rows)
    for key in plain:
        if key not in new.header and key not in ("COMMENT", "HISTORY"):
            new.header[key] = hdu.header[key]
    return new


def _copy(column: Any, hdu: Any, **changes: Any) -> Any:
    options = {"name": column.name, "format": column.format, "unit": column.unit, "dim": column.dim}
    return fits.Column(**{**options, "array": hdu.data[column.name], **changes})


def _drop_column(hdu: Any, column: str) -> Any:
    return _other_columns(hdu, [_copy(c, hdu) for c in hdu.columns if c.name != column])


def _rename(hdu: Any, column: str, new: str) -> Any:
    columns = [_copy(c, hdu, **({"name": new} if c.name == column else {})) for c in hdu.columns]
    return _other_columns(hdu, columns)


def _to_text(hdu: Any, column: str) -> Any:
    text = {"format": "8A", "dim": None, "array": np.array(["nonsense"] * len(hdu.data))}
    columns = [_copy(c, hdu, **(text if c.name == column else {})) for c in hdu.columns]
    return _other_columns(hdu, columns)


def _rows(hdu: Any, index: Any) -> Any:
    rows = hdu.data[index]
    columns = [_copy(c, hdu, array=rows[c.name]) for c in hdu.columns]
    return _other_columns(hdu, columns, len(rows))
