"""Background methods by name: those of this package's modules, of users, and of other packages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import xarray as xr

from xgamma.core.records import FunctionRecord
from xgamma.core.registry import Registry
from xgamma.dl3 import observation
from xgamma.errors import MissingDataError, XGammaError
from xgamma.model.check import require_usable
from xgamma.model.operation import outside
from xgamma.model.schema import kind

__all__ = [
    "BackgroundCall",
    "BackgroundRecord",
    "choose_background",
    "find_background",
    "list_backgrounds",
    "looks_at_safe_bins_only",
    "register_background",
]

KINDS = ("map", "spectrum")


@dataclass(frozen=True)
class BackgroundRecord(FunctionRecord):
    """A background method: a function of a dataset and an observation, and its requirements.

    Parameters
    ----------
    name : str
        Name by which ``xg.reduce(background=...)``, collections and configurations select it.
    summary : str
        One-line description.
    function : callable
        ``function(ds, obs, **options)`` of a filled dataset and its run (None where there is
        none); returns a new dataset with ``background``, or with ``counts_off``, ``acceptance``
        and ``acceptance_off``. Its options are those of its signature.
    kinds : tuple of {"map", "spectrum"}
        Kinds of dataset that it accepts.
    needs_run : bool
        Whether it requires the observation, for example for its events.
    safe_only : bool
        Whether it uses only safe bins (``mask_safe``). If True, ``xg.reduce`` does not fill pixels
        beyond `offset_max`; otherwise it fills the whole cutout.

    Examples
    --------
    >>> import xgamma as xg
    >>> def tenth_background(ds, obs=None, *, share: float = 0.1):
    ...     return ds.assign(background=ds.counts * share)
    >>> record = xg.BackgroundRecord("tenth", "A tenth of the counts.", tenth_background)
    >>> xg.register_background(record).options["share"].default
    0.1
    """

    kinds: tuple[str, ...] = KINDS
    needs_run: bool = False
    safe_only: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.kinds or not set(self.kinds) <= set(KINDS):
            raise XGammaError(
                f"kinds={self.kinds!r} of {self.name!r} is not recognised: use ('map',), ('spectrum',) or both."
            )


REGISTRY = Registry(
    "background method", BackgroundRecord, "xgamma.backgrounds", package="xgamma.background"
)


def register_background(record: BackgroundRecord) -> BackgroundRecord:
    """Register a background method.

    Parameters
    ----------
    record : BackgroundRecord
        Name, function and requirements.

    Returns
    -------
    record : BackgroundRecord
        The same.

    Raises
    ------
    XGammaError
        If the name is taken.

    Examples
    --------
    >>> import xgamma as xg
    >>> def half_background(ds, obs=None):
    ...     return ds.assign(background=ds.counts * 0.5)
    >>> record = xg.BackgroundRecord("half", "Half of the counts.", half_background)
    >>> record = xg.register_background(record)
    >>> "half" in xg.list_backgrounds()
    True
    """
    return REGISTRY.register(record)


def find_background(name: str) -> BackgroundRecord:
    """Return a background method.

    Parameters
    ----------
    name : str
        Name of the method; those of other packages are found by their entry points in the group
        ``xgamma.backgrounds``.

    Returns
    -------
    record : BackgroundRecord
        Function, options and requirements.

    Raises
    ------
    XGammaError
        If there is none.

    Examples
    --------
    >>> import xgamma as xg
    >>> list(xg.find_background("ring").options)
    ['r_in', 'width', 'exclusion']
    """
    return REGISTRY.find(name)


def list_backgrounds() -> dict[str, str]:
    """Return the background methods, including those of other packages.

    Returns
    -------
    methods : dict
        One-line description by name.

    Examples
    --------
    >>> import xgamma as xg
    >>> xg.list_backgrounds()["ring"]
    'Counts in a ring around each pixel.'
    """
    return REGISTRY.summaries()


@dataclass(frozen=True)
class BackgroundCall:
    """A background method with its options: a function of dataset and run that can be pickled.

    Parameters
    ----------
    record : BackgroundRecord
        The method.
    options : dict
        Keywords of its function.

    Raises
    ------
    XGammaError
        If the function has no such option, or needs one that is not given.

    Examples
    --------
    >>> import xgamma as xg
    >>> from xgamma.tutorial import example_map
    >>> ring = xg.find_background("ring")
    >>> BackgroundCall(ring, {"r_in": "0.3 deg", "width": "0.2 deg"})(example_map()).gamma.kind
    'map_onoff'
    """

    record: BackgroundRecord
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.record.require_options(self.options)

    def __call__(self, ds: xr.Dataset, obs: xr.DataTree | None = None) -> xr.Dataset:
        """Return the dataset with its background."""
        record = self.record
        what = kind(ds).removesuffix("_onoff")
        if what not in record.kinds:
            others = [n for n, r in REGISTRY.records().items() if what in r.kinds]
            raise XGammaError(
                f"The background method {record.name!r} requires a {record.kinds[0]}: for a "
                f"{what} use one of {', '.join(others)}."
            )
        if record.needs_run and obs is None:
            raise MissingDataError(
                f"The background method {record.name!r} requires the run: pass the observation."
            )
        # What others wrote is checked like any call of a user.
        made = outside(record.function, ds, obs, **self.options)
        if not isinstance(made, xr.Dataset):
            run = "" if obs is None else f" for run {observation.obs_id(obs)}"
            raise XGammaError(
                f"The background method {record.name!r} returned {type(made).__name__}{run}: "
                "it must return a Dataset."
            )
        return require_usable(made)


def choose_background(
    background: Mapping[str, Any] | str | Callable[..., xr.Dataset] | None,
) -> Callable[..., xr.Dataset] | None:
    """Return the function ``f(ds, obs)`` that `xgamma.reduce` was asked for.

    Parameters
    ----------
    background : str, dict, callable or None
        The name of a method; a dict with its name as ``"name"`` (or ``"method"``, where that is no
        option of its own) and its options; a function, which is returned as it is.

    Returns
    -------
    function : callable or None
        None if nothing is asked for.

    Raises
    ------
    XGammaError
        If there is no such method, or it has no such option.

    Examples
    --------
    >>> choose_background({"name": "fov", "method": "fit"}).options
    {'method': 'fit'}
    >>> choose_background({"method": "fov"}).record.name
    'fov'
    """
    if background is None or callable(background):
        return background
    if isinstance(background, str):
        return BackgroundCall(find_background(background))
    if not isinstance(background, Mapping):
        raise XGammaError(
            f"background={background!r} is not valid: give the name of a method, a dict such as "
            "{'method': 'fov', 'exclusion': ...}, or a function."
        )
    options = dict(background)
    name = options.pop("name", None)
    if name is None:
        name = options.pop("method", "fov")
    return BackgroundCall(find_background(name), options)


def looks_at_safe_bins_only(background: Any) -> bool:
    """Return whether a background, as `xgamma.reduce` takes it, looks at safe bins only.

    Examples
    --------
    >>> looks_at_safe_bins_only("fov"), looks_at_safe_bins_only(lambda ds, obs: ds)
    (True, False)
    """
    chosen = choose_background(background)
    if isinstance(chosen, BackgroundCall):
        return chosen.record.safe_only
    return chosen is None
