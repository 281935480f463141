"""Real data for first steps: fetched once, checked, with its licence."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import url2pathname

import xarray as xr

from xgamma.core.extras import require_package
from xgamma.core.folders import filled_folder
from xgamma.core.paths import file_path
from xgamma.core.write_errors import write_errors
from xgamma.datasets.collection import collect
from xgamma.dl3.backend import GADFBackend
from xgamma.dl3.opening import open_store
from xgamma.errors import MissingDataError, XGammaError
from xgamma.io.fits import read_fits
from xgamma.io.flux_points import read_flux_points
from xgamma.io.ogip_read import read_ogip

if TYPE_CHECKING:
    from pooch import Pooch

__all__ = ["datasets", "fetch", "open_dataset"]

BASE_URL = "https://github.com/gammapy/gammapy-data/raw/main/"
URL_VARIABLE = "XGAMMA_TUTORIAL_URL"


def datasets() -> dict[str, str]:
    """Return the names of the data there is, each with a title.

    Examples
    --------
    >>> datasets()["magic"]
    'Two MAGIC runs on the Crab nebula with RAD_MAX tables'
    """
    return {name: str(entry["title"]) for name, entry in _registry().items()}


def _registry() -> dict[str, Any]:
    return dict(json.loads(Path(__file__).with_name("data.json").read_text()))


def fetch(
    name: str,
    base_url: str | None = None,
    cache: str | os.PathLike[str] | None = None,
    quiet: bool = False,
) -> Path:
    """Download data for a tutorial, unless it is there already, and say under which licence.

    Parameters
    ----------
    name : str
        One of `datasets`.
    base_url : str, optional
        Where the folders lie. By default, the environment variable ``XGAMMA_TUTORIAL_URL``, or the
        repository of gammapy's data,. A folder works as ``file:///...``.
    cache : path-like, optional
        Folder to keep the files in. By default, that of the user for caches.
    quiet : bool
        Whether to print neither licence nor progress.

    Returns
    -------
    folder : Path
        The files, each with the SHA-256 of the registry.

    Raises
    ------
    MissingDataError
        If there are no such data, pooch is not installed, or the server cannot be reached.
    XGammaError
        If a file is not what it should be.

    Examples
    --------
    >>> folder = fetch("hess-dl3-dr1")  # doctest: +SKIP
    """
    registry = _registry()
    if name not in registry:
        raise MissingDataError(
            f"The tutorial data set {name!r} does not exist: choose from {', '.join(registry)}."
        )
    pooch = require_package("pooch", "Fetching tutorial data", "tutorial")
    entry = registry[name]
    url = base_url or os.environ.get(URL_VARIABLE) or BASE_URL
    url = url if url.endswith("/") else f"{url}/"
    folder = file_path(cache, "cache") if cache is not None else Path(pooch.os_cache("xgamma"))
    known = {file: f"sha256:{digest}" for file, digest in entry["files"].items()}
    store = pooch.create(path=folder, base_url=url, registry=known, retry_if_failed=1)
    if not quiet:
        print(f"{entry['title']}\nLicence: {entry['licence']}\nCite: {entry['citation']}")
    pooch.get_logger().setLevel("WARNING")
    with filled_folder(folder) as place:
        for file in known:
            _fetch_one(store, file, url, place)
    return folder / name


def _fetch_one(store: Pooch, file: str, url: str, folder: Path) -> None:
    try:
        with write_errors(folder):
            _downloaded(store, file, url)
    except XGammaError:
        raise
    except ValueError as error:
        if "hash" not in str(error):
            raise
        raise XGammaError(
            f"'{url}{file}' is not the registered file (its SHA-256 differs): use another base_url, or report it."
        ) from None
    except Exception as error:
        # The exceptions of requests are not part of pooch's interface.
        raise MissingDataError(
            f"'{url}{file}' cannot be fetched ({type(error).__name__}): check the network, or set {URL_VARIABLE} to a mirror."
        ) from None


def _downloaded(store: Pooch, file: str, url: str) -> None:
    if url.startswith("file:"):
        store.fetch(file, downloader=_copy)
    else:
        store.fetch(file)


def _copy(url: str, target: Path, _: object) -> None:
    shutil.copyfile(url2pathname(url.removeprefix("file://")), target)


def open_dataset(name: str, **kwargs: Any) -> Any:
    """Fetch data for a tutorial and open it.

    Parameters
    ----------
    name : str
        One of `datasets`.
    **kwargs
        Arguments of `fetch`.

    Returns
    -------
    data : Store, Dataset or DataTree
        A store of runs for ``hess-dl3-dr1``, ``cta-1dc`` and ``magic``; a dataset for ``dl4``
        and ``flux_points``; a collection of spectra for ``joint-crab``; responses for ``irf``.

    Raises
    ------
    MissingDataError, XGammaError
        Under the same conditions as in `fetch`.

    Examples
    --------
    >>> store = open_dataset("hess-dl3-dr1")  # doctest: +SKIP
    """
    return _OPENERS.get(name, Path)(fetch(name, **kwargs))


def _open_hess(folder: Path) -> Any:
    return open_store(folder)


def _open_cta(folder: Path) -> Any:
    return open_store(folder / "index" / "gps", caldb=folder / "caldb")


def _open_magic(folder: Path) -> Any:
    return open_store(folder / "rad_max" / "data")


def _open_dl4(folder: Path) -> Any:
    return read_fits(next(iter(sorted(folder.glob("*.fits.gz")))))


def _open_irf(folder: Path) -> Any:
    return xr.open_datatree(next(iter(sorted(folder.glob("*.fits.gz")))), engine=GADFBackend)


def _open_crab(folder: Path) -> Any:
    return collect(read_ogip(f) for f in sorted((folder / "spectra" / "hess").glob("pha_*.fits")))


def _open_points(folder: Path) -> Any:
    return read_flux_points(folder / "diff_flux_points.fits")


_OPENERS: dict[str, Callable[[Path], Any]] = {
    "hess-dl3-dr1": _open_hess,
    "cta-1dc": _open_cta,
    "magic": _open_magic,
    "dl4": _open_dl4,
    "irf": _open_irf,
    "joint-crab": _open_crab,
    "flux_points": _open_points,
}
