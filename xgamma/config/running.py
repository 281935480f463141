"""Run a configuration, write its products, record where they come from."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from xgamma._version import __version__
from xgamma.config.loading import load_config
from xgamma.core.atomic import place_of
from xgamma.core.bounds import read_text
from xgamma.core.extras import require_package
from xgamma.core.paths import file_path
from xgamma.dl3.opening import open_store
from xgamma.errors import XGammaError, XGammaWarning
from xgamma.io.new_store import refuse_taken
from xgamma.io.opening import format_of_name
from xgamma.io.registry import FormatRecord, find_format
from xgamma.io.remote import is_remote
from xgamma.io.zarr_seal import add_attrs
from xgamma.model.create import create_map, create_spectrum
from xgamma.model.make_axes import energy_axis
from xgamma.reduction.front import reduce

if TYPE_CHECKING:
    from xgamma.config.schema import Axis, Config, Output, Template
    from xgamma.dl3.store import Store

__all__ = ["provenance", "reduce_config"]

PLURAL = {"map": "maps", "spectrum": "spectra"}
RECORDED = ("xgamma", "xarray", "numpy", "astropy", "scipy")


def reduce_config(
    path: str | os.PathLike[str], progress: bool | None = None, write: bool = True
) -> Any:
    """Reduce as a configuration file says, and write its products.

    Parameters
    ----------
    path : path-like
        The file.
    progress : bool, optional
        Show a progress bar. By default, only on a terminal.
    write : bool
        Whether to write the outputs.

    Returns
    -------
    result : Dataset or DataTree
        As returned by `reduce`. Its attributes hold the text of the file (``config``), the versions of
        the libraries (``versions``, JSON) and the SHA-256 of each file of each run (of a Zarr
        archive, of each run: that of the list of its files' digests; ``inputs``, JSON).

    Raises
    ------
    XGammaError
        If the file is wrong, an output exists already (before anything is computed), or a run
        fails.
    """
    place = file_path(path)
    text = read_text(place) if place.is_file() else ""
    config = load_config(place)
    if write:
        for output in config.outputs:
            _check_output(output, config)
    store = _store(config)
    # What goes in, as it is before anything is read: files may change during hours of work.
    source = provenance(text, store)
    makers, run = config.makers, config.run
    tiled = write and run.memory is not None
    options: dict[str, Any] = {"stack": run.stack, "resume": run.resume}
    if tiled:
        (output,) = config.outputs
        options |= {"out": output.path, "memory": run.memory, "overwrite": output.overwrite}
    with _scheduler(run.scheduler) as scheduler:
        result = reduce(
            store,
            _template(config.template, store),
            cutout_width=makers.cutout_width,
            offset_max=makers.offset_max,
            select=tuple(makers.select),
            safe_mask=makers.safe_mask.model_dump() if makers.safe_mask else None,
            background=makers.background,
            errors=run.errors,
            progress=progress,
            name=config.template.name,
            workers=run.workers,
            scheduler=scheduler,
            **options,
        )
    result.attrs |= source
    if tiled:
        add_attrs(Path(config.outputs[0].path), source)
    elif write:
        for output in config.outputs:
            _write(result, output)
    return result


@contextmanager
def _scheduler(name: str) -> Iterator[Any]:
    """Give what `reduce` takes: the name, or a client of the cluster at an address."""
    if "://" not in name:
        yield name
        return
    distributed = require_package("distributed", "A dask cluster", "dask")
    try:
        client = distributed.Client(name, timeout="10s")
    except (OSError, ValueError) as error:
        raise XGammaError(
            f"There is no dask scheduler at {name} ({type(error).__name__}): check run.scheduler."
        ) from None
    with client:
        yield client


def _store(config: Config) -> Any:
    wanted = config.observations
    cone = None
    if wanted.cone:
        center: Any = wanted.cone.center
        cone = (center if isinstance(center, str) else tuple(center), wanted.cone.radius)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", XGammaWarning)
        store = open_store(wanted.store).select(
            wanted.ids,
            target=wanted.target,
            cone=cone,
            frame=wanted.cone.frame if wanted.cone else "icrs",
            time=wanted.time,
        )
    if not len(store):
        raise XGammaError(
            f"No run of {wanted.store} satisfies the conditions under observations: relax target, cone or time."
        )
    return store


def _axis(axis: Axis, name: str) -> xr.DataArray:
    return energy_axis(axis.min, axis.max, axis.nbin, axis.per_decade, name)


def _template(template: Template, store: Store) -> xr.Dataset:
    energy = _axis(template.energy, "energy")
    true: Any = template.energy_true
    if true == "responses":
        true = store
    elif true is not None and not isinstance(true, str):
        true = _axis(true, "energy_true")
    if template.region is not None:
        return create_spectrum(template.region, energy, true, name=template.name)
    center: Any = template.center
    width: Any = template.width
    more: dict[str, Any] = {} if template.binsz_irf is None else {"binsz_irf": template.binsz_irf}
    return create_map(
        center if isinstance(center, str) else tuple(center),
        tuple(width) if isinstance(width, list) else width,
        template.binsz,
        energy,
        true,
        proj=template.proj,
        frame=template.frame,
        name=template.name,
        **more,
    )


def _format(output: Output) -> FormatRecord:
    if output.format is not None:
        return find_format(output.format)
    try:
        return format_of_name(output.path)
    except XGammaError as error:
        raise type(error)(f"{str(error).removesuffix('.')}, or give format.") from None


def _check_output(output: Output, config: Config) -> None:
    """Raise before hours of work rather than after."""
    record = _format(output)
    kind = record.name
    _check_place(output, config, kind)
    made = "map" if config.template.region is None else "spectrum"
    if made not in record.kinds:
        cure = " give template a region, or write FITS." if made == "map" else " write FITS."
        raise XGammaError(
            f"The output '{output.path}' is {kind.upper()}, which stores {PLURAL[record.kinds[0]]}:{cure}"
        )
    if record.write is None:
        raise XGammaError(
            f"The output '{output.path}' is {kind}, which can be read but not written."
        )
    if config.run.memory is not None and (kind != "zarr" or len(config.outputs) > 1):
        raise XGammaError(
            "With run.memory the mosaic is written directly to a Zarr store: give one output, ending in .zarr."
        )
    if config.run.memory is not None and not config.run.stack:
        raise XGammaError("run.memory creates a single mosaic: remove stack: false.")
    if not config.run.stack and not record.collections:
        raise XGammaError(
            f"The output '{output.path}' stores a single dataset: write a collection (stack: false) to NetCDF or Zarr."
        )


def _check_place(output: Output, config: Config, kind: str) -> None:
    """Raise if the output cannot be put where it is to go."""
    if is_remote(output.path):
        if kind != "zarr" or config.run.memory is not None:
            raise XGammaError(
                f"The output '{output.path}' is a URL, which is supported for Zarr only, and not with run.memory: give a local path."
            )
        try:
            refuse_taken(output.path, output.overwrite)
        except XGammaError as error:
            text = str(error).replace("pass overwrite=True", "set overwrite: true")
            raise type(error)(f"The output {text}") from None
        return
    if place_of(output.path).exists() and not output.overwrite:
        raise XGammaError(
            f"The output '{output.path}' already exists: set overwrite: true, or another path."
        )


def _write(result: xr.Dataset | xr.DataTree, output: Output) -> None:
    _format(output).save(result, output.path, output.overwrite)


def provenance(text: str, store: Store) -> dict[str, str]:
    """Return where a product comes from, as attributes.

    Parameters
    ----------
    text : str
        Of the configuration file.
    store : Store
        The runs.

    Returns
    -------
    attrs : dict of str
        ``config``, ``versions`` and ``inputs``.
    """
    versions = {"xgamma": __version__}
    for name in RECORDED[1:]:
        versions[name] = importlib.metadata.version(name)
    return {
        "config": text,
        "versions": json.dumps(versions, sort_keys=True),
        "inputs": json.dumps(_checksums(store), sort_keys=True),
    }


def _checksums(store: Store) -> dict[str, str]:
    """Return the SHA-256 of each file of each run, by its path in the store."""
    if is_remote(store.path):
        return {
            f"runs/{obs_id}": _remote_digest(str(next(iter(groups.values()))[0]))
            for obs_id, groups in store._hdus.items()
        }
    root = Path(store.path)
    folder = (root if root.is_dir() else root.parent).absolute()
    files = sorted({Path(file) for groups in store._hdus.values() for file, _ in groups.values()})
    sums = {}
    for file in files:
        name = file.relative_to(folder) if file.is_relative_to(folder) else file
        if file.is_file():
            sums[str(name)] = _digest(file)
        elif file.is_dir():
            # A run in a Zarr archive.
            inside = (f for f in file.rglob("*") if f.is_file())
            sums[str(name)] = _joint({f.relative_to(file).as_posix(): _digest(f) for f in inside})
    return sums


def _remote_digest(url: str) -> str:
    """Return the digest of those of all that lies below a URL."""
    from fsspec.core import url_to_fs

    system, root = url_to_fs(url)
    digests = {}
    for name in system.find(root):
        with system.open(name) as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        digests[name.removeprefix(root).lstrip("/")] = digest
    return _joint(digests)


def _joint(digests: dict[str, str]) -> str:
    """Return the digest of those of files, by their names: folder by folder, wherever they lie."""
    names = sorted(digests, key=lambda name: name.split("/"))
    return hashlib.sha256("\n".join(f"{digests[n]} {n}" for n in names).encode()).hexdigest()


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
