"""Damage to tables, images and the order of HDUs of FITS files, and rewriting that changes nothing."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.io import fits

from tests.fuzz.fits_files import ALIKE, REMOVE, header_mutants, headers, mutant
from tests.fuzz.mutant import ABSENT, IMPOSSIBLE, SHOWN, UNIT, VALUE, Mutant, damaged_values
from xgamma.fits.headers import is_structural

__all__ = ["fits_mutants", "foreign_mutants"]

SUMS = ("CHECKSUM", "DATASUM")
# Tables whose rows are data, of which there may be more or fewer.
ROWS = ("EVENTS", "GTI", "FLUXPOINTS", "OBS_INDEX", "HDU_INDEX", "OBS-INDEX", "HDU-INDEX", "")
AXES = re.compile(
    r".*_(LO|HI|MIN|MAX)|CHANNEL|F_CHAN|N_CHAN|N_GRP|E_REF|E_MIN|E_MAX|TIME|START|STOP"
)


def fits_mutants(folder: Path, listed: bool = True) -> Iterator[Mutant]:
    """Yield the damages by intent of each FITS file of a product; `listed` if it knows its HDUs."""
    for path in sorted(folder.rglob("*.fits")):
        name = str(path.relative_to(folder))
        with fits.open(path, memmap=False) as hdus:
            for number, hdu in enumerate(hdus):
                yield from header_mutants(name, number, hdu.header)
                if isinstance(hdu, fits.BinTableHDU):
                    yield from _table_mutants(name, number, hdu)
                    yield from _rewritten(name, number, hdu)
                elif hdu.data is not None:
                    yield from _image_mutants(name, number, hdu)
            yield from _hdu_mutants(name, hdus, listed)


def foreign_mutants(folder: Path) -> Iterator[Mutant]:
    """As `fits_mutants`, of files of others, which do not say what belongs to them."""
    return fits_mutants(folder, listed=False)


def _table_mutants(name: str, number: int, hdu: Any) -> Iterator[Mutant]:
    def made(intent: str, what: str, how: Any, meant: str = "") -> Mutant:
        apply = partial(_edit, name=name, number=number, how=how)
        return Mutant(intent, f"{name}[{hdu.name}] {what}", apply, meant)

    rows = len(hdu.data)
    for column in hdu.columns.names:
        values = np.asarray(hdu.data[column])
        axis = AXES.fullmatch(column.upper()) is not None and hdu.name != "EVENTS"
        if values.dtype.kind in "if" and column != "JSON":
            for damage, new in damaged_values(values).items():
                how = partial(_set_column, column=column, values=new)
                meant = "" if axis else SHOWN if damage in IMPOSSIBLE else VALUE
                if column in ("START", "STOP", "TIME") and damage not in IMPOSSIBLE:
                    meant = VALUE
                yield made("axes" if axis else "columns", f"{column}: {damage}", how, meant)
        elif values.dtype.kind == "U":
            for damage, new in _texts(values).items():
                how = partial(_set_column, column=column, values=new)
                yield made("texts", f"{column}: {damage}", how, VALUE)
        extra = column.upper() not in NEEDED
        yield made(
            "columns", f"{column} dropped", partial(_drop_column, column=column), ABSENT * extra
        )
        how = partial(_rename, column=column, new="OTHER")
        yield made("columns", f"{column} renamed", how, ABSENT * extra)
        yield made("columns", f"{column} as text", partial(_to_text, column=column))
        twice = partial(_repeat, name=name, number=number, column=column)
        yield Mutant("columns", f"{name}[{hdu.name}] {column} twice", twice)
        if values.dtype.kind == "f":
            whole = partial(_to_whole, column=column)
            yield made("columns", f"{column} of whole numbers", whole, VALUE)
    if rows:
        data = VALUE if hdu.name in ROWS else ""
        yield made("rows", "no rows", partial(_rows, index=slice(0, 0)), data)
        yield made("rows", "rows twice", partial(_rows, index=[*range(rows)] * 2), data)
        if rows > 1:
            some = data or VALUE * (hdu.name == "GTI")
            yield made("rows", "half of the rows", partial(_rows, index=slice(rows // 2)), some)
            backwards = partial(_rows, index=slice(None, None, -1))
            yield made("rows", "rows backwards", backwards, data)


# Columns without which, or under another name, a product is another one.
NEEDED = {
    "RA", "DEC", "ENERGY", "TIME", "START", "STOP", "COUNTS", "CHANNEL", "MATRIX", "SPECRESP", "EFFAREA",
    "RPSF", "BKG", "BGD", "RAD_MAX", "NORM", "E_MIN", "E_MAX", "ENERG_LO", "ENERG_HI", "F_CHAN", "N_CHAN",
    "N_GRP", "DATA", "JSON", "QUALITY", "GROUPING", "OBS_ID",
}  # fmt: skip


def _rewritten(name: str, number: int, hdu: Any) -> Iterator[Mutant]:
    """Yield the same table in other words, and units that do not belong to its numbers."""
    names = hdu.columns.names

    def made(what: str, how: Any, meant: str = "") -> Mutant:
        apply = partial(_edit, name=name, number=number, how=how)
        return Mutant("in other words", f"{name}[{hdu.name}] {what}", apply, meant)

    yield made("columns backwards", partial(_reorder, order=names[::-1]))
    lower = {n: n.lower() for n in names if n != n.lower()}
    if lower and hdu.name != "FLUXPOINTS":
        yield made("names in small letters", partial(_rename_all, new=lower))
    for column in hdu.columns:
        kind = np.asarray(hdu.data[column.name]).dtype.kind
        number_ = names.index(column.name) + 1
        if kind == "f" and re.fullmatch(r"\d*[ED]", column.format):
            apply = partial(_scale, name=name, number=number, column=number_, factor=4.0)
            what = f"{name}[{hdu.name}] {column.name} scaled by TSCAL"
            yield Mutant("in other words", what, apply)
            if column.format.endswith("E"):
                wide = partial(_widen, column=column.name)
                yield made(f"{column.name} in double precision", wide)
            for value in (0, "x", np.nan, -1):
                apply = partial(_card, name=name, number=number, key=f"TSCAL{number_}", value=value)
                sealed = "CHECKSUM" in hdu.header
                yield Mutant(
                    "scaling",
                    f"{name}[{hdu.name}] TSCAL{number_}={value}",
                    apply,
                    VALUE * (value == -1 and not sealed),
                )
        alike = next((g for g in ALIKE if (column.unit or "") in g), ())
        for unit in (a for a in alike if a != column.unit):
            how = partial(_convert, column=column.name, unit=unit)
            yield made(f"{column.name} in {unit}", how)
            how = partial(_convert, column=column.name, unit=unit, factor=1.0)
            apply = partial(_edit, name=name, number=number, how=how)
            what = f"{name}[{hdu.name}] {column.name} said to be in {unit}"
            yield Mutant("units", what, apply, UNIT)


def _image_mutants(name: str, number: int, hdu: Any) -> Iterator[Mutant]:
    for damage, new in damaged_values(np.asarray(hdu.data)).items():
        how = partial(_set_image, values=new)
        apply = partial(_edit, name=name, number=number, how=how)
        meant = SHOWN if damage in IMPOSSIBLE else VALUE
        yield Mutant("pixels", f"{name}[{hdu.name}]: {damage}", apply, meant)
    if number:
        apply = partial(_edit, name=name, number=number, how=_compressed)
        yield Mutant("in other words", f"{name}[{hdu.name}] compressed", apply)


def _hdu_mutants(name: str, hdus: Any, listed: bool) -> Iterator[Mutant]:
    size = len(hdus)
    names = [h.name for h in hdus]

    def made(intent: str, what: str, order: Any) -> Mutant:
        lost = {*range(size)} - {*order}
        meant = ABSENT if lost and not listed and not {names[i] for i in lost} & {"EVENTS"} else ""
        return Mutant(intent, f"{name} {what}", partial(_hdus, name=name, order=order), meant)

    rest = range(1, size)
    if size > 2 and not names[0].startswith("COUNTS"):
        yield made("in other words", "HDUs backwards", [0, *rest[::-1]])
    for k in rest:
        yield made("HDUs", f"[{names[k]}] lost", [i for i in range(size) if i != k])
        yield made("HDUs", f"[{names[k]}] twice", [*range(size), k])
        if size > 2:
            yield made("HDUs", f"[{names[k]}] for {names[k % (size - 1) + 1]}", [
                k if i == k % (size - 1) + 1 else i for i in range(size)
            ])  # fmt: skip
    yield Mutant("in other words", f"{name} gzipped", partial(_gzip, name=name))


def _hdus(folder: Path, name: str, order: list[int]) -> None:
    with fits.open(folder / name, memmap=False) as hdus:
        kept = [hdus[k].copy() for k in order]
    fits.HDUList(kept).writeto(folder / name, overwrite=True, output_verify="ignore")


def _gzip(folder: Path, name: str) -> None:
    (folder / name).write_bytes(gzip.compress((folder / name).read_bytes()))


def _edit(folder: Path, name: str, number: int, how: Callable[[Any], Any]) -> None:
    with fits.open(folder / name, memmap=False) as hdus:
        new = [how(h) if k == number else h for k, h in enumerate(hdus)]
        fits.HDUList(new).writeto(folder / name, overwrite=True, output_verify="ignore")


def _card(folder: Path, name: str, number: int, key: str, value: Any) -> None:
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(mutant(data, number, key, value))


def _scale(folder: Path, name: str, number: int, column: int, factor: float) -> None:
    """Multiply a column by a number, and undo that by TSCAL."""
    data = bytearray((folder / name).read_bytes())
    with fits.open(folder / name, memmap=False) as hdus:
        dtype, rows = hdus[number].columns.dtype.newbyteorder(">"), len(hdus[number].data)
    start = headers(bytes(data))[number][1]
    table = np.ndarray(rows, dtype, data, start)
    table[dtype.names[column - 1]] *= factor
    found = mutant(bytes(data), number, f"TSCAL{column}", 1 / factor)
    for key in SUMS:
        found = mutant(found, number, key, REMOVE)
    (folder / name).write_bytes(found)


def _set_column(hdu: Any, column: str, values: np.ndarray) -> Any:
    hdu.data[column][:] = values
    return hdu


def _set_image(hdu: Any, values: np.ndarray) -> Any:
    hdu.data = values
    return hdu


def _compressed(hdu: Any) -> Any:
    header = hdu.header.copy()
    for key in SUMS:
        header.remove(key, ignore_missing=True)
    return fits.CompImageHDU(
        hdu.data, header, name=hdu.name, compression_type="GZIP_2", quantize_level=0.0
    )


def _texts(values: np.ndarray) -> dict[str, np.ndarray]:
    order = np.random.default_rng(1).permutation(values.size)
    made = {
        "empty": np.full_like(values, ""),
        "shuffled": values.ravel()[order].reshape(values.shape),
        "one value everywhere": np.full_like(values, values.ravel()[0] if values.size else ""),
        "dots": np.full_like(values, ".."),
        "slashes": np.full_like(values, "/etc/passwd"),
    }
    return {n: v for n, v in made.items() if not np.array_equal(v, values)}


def _other_columns(hdu: Any, columns: list[Any], rows: int | None = None) -> Any:
    plain = [k for k in hdu.header if k and not is_structural(k) and k not in SUMS]
    new = fits.BinTableHDU.from_columns(
        columns, nrows=len(hdu.data) if rows is None else rows, name=hdu.name
    )
    for key in plain:
        if key not in new.header and key not in ("COMMENT", "HISTORY"):
            new.header[key] = hdu.header[key]
    return new


def _copy(column: Any, hdu: Any, **changes: Any) -> Any:
    options = {"name": column.name, "format": column.format, "unit": column.unit, "dim": column.dim}
    return fits.Column(**{**options, "array": hdu.data[column.name], **changes})


def _changed(hdu: Any, column: str, **changes: Any) -> Any:
    columns = [_copy(c, hdu, **(changes if c.name == column else {})) for c in hdu.columns]
    return _other_columns(hdu, columns)


def _drop_column(hdu: Any, column: str) -> Any:
    return _other_columns(hdu, [_copy(c, hdu) for c in hdu.columns if c.name != column])


def _rename(hdu: Any, column: str, new: str) -> Any:
    return _changed(hdu, column, name=new)


def _rename_all(hdu: Any, new: dict[str, str]) -> Any:
    columns = [_copy(c, hdu, name=new.get(c.name, c.name)) for c in hdu.columns]
    return _other_columns(hdu, columns)


def _repeat(folder: Path, name: str, number: int, column: str) -> None:
    """Add a column of the same name whose values are others."""

    def added(hdu: Any) -> Any:
        values = hdu.data[column]
        other = 2 * values if np.asarray(values).dtype.kind in "if" else values
        columns = [_copy(c, hdu) for c in hdu.columns]
        return _other_columns(
            hdu, [*columns, _copy(hdu.columns[column], hdu, name="COPY", array=other)]
        )

    _edit(folder, name, number, added)
    with fits.open(folder / name) as hdus:
        last = len(hdus[number].columns)
    _card(folder, name, number, f"TTYPE{last}", column)


def _reorder(hdu: Any, order: list[str]) -> Any:
    return _other_columns(hdu, [_copy(hdu.columns[n], hdu) for n in order])


def _to_text(hdu: Any, column: str) -> Any:
    return _changed(
        hdu, column, format="8A", dim=None, array=np.array(["nonsense"] * len(hdu.data))
    )


def _to_whole(hdu: Any, column: str) -> Any:
    """Round numbers, as a program does that knows no others."""
    values = hdu.data[column]
    form = re.sub("[ED]", "J", hdu.columns[column].format)
    return _changed(hdu, column, format=form, array=np.rint(values).astype("i4"))


def _widen(hdu: Any, column: str) -> Any:
    form = hdu.columns[column].format.replace("E", "D")
    return _changed(hdu, column, format=form, array=np.asarray(hdu.data[column], "f8"))


def _convert(hdu: Any, column: str, unit: str, factor: float | None = None) -> Any:
    old = hdu.columns[column].unit
    factor = u.Unit(old).to(unit) if factor is None else factor
    form = hdu.columns[column].format.replace("E", "D")
    values = np.asarray(hdu.data[column], "f8") * factor
    return _changed(hdu, column, unit=unit, format=form, array=values)


def _rows(hdu: Any, index: Any) -> Any:
    rows = hdu.data[index]
    columns = [_copy(c, hdu, array=rows[c.name]) for c in hdu.columns]
    return _other_columns(hdu, columns, len(rows))
