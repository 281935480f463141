"""Safe-mask methods by name: those of this package's modules, of users, and of other packages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import xarray as xr

from xgamma.core.records import FunctionRecord
from xgamma.core.registry import Registry
from xgamma.errors import XGammaError
from xgamma.model.operation import outside

__all__ = [
    "SafeMaskRecord",
    "find_safe_mask",
    "find_safe_masks",
    "list_safe_masks",
    "register_safe_mask",
]

PLACES = ("run", "position", "maps")


@dataclass(frozen=True)
class SafeMaskRecord(FunctionRecord):
    """A safe-mask method: a function of a dataset and an observation, and its requirements.

    Parameters
    ----------
    name : str
        Name by which `safe_mask`, ``xg.reduce`` and configurations select it in their ``methods``.
    summary : str
        One-line description.
    function : callable
        ``function(ds, obs, **options)`` of a filled dataset and its run (None where there is none);
        returns an array of bool over some of the dims ``energy``, ``y``, ``x``, True where data can
        be trusted. Options of `safe_mask` (``position``, ``irfs``, …) are passed if its signature
        names them: positions as `SkyCoord`, ``fixed_offset`` in degrees. Users pass further options
        to `safe_mask` by name.
    needs_run : bool
        Whether it requires the observation.
    needs : tuple of str
        Variables of the dataset that it requires.
    looks_at : {"maps", "position", "run"}
        Data that it uses: the filled maps; the filled maps at one position (``position``,
        ``fixed_offset``); or only the pointing and the responses of the observation. ``xg.reduce``
        fills no more than is used, and lazy maps are computed unless only the observation is used.

    Examples
    --------
    >>> import xgamma as xg
    >>> def enough_counts(ds, obs=None, *, least: int = 1):
    ...     return ds.counts.sum(["y", "x"]) >= least
    >>> record = xg.SafeMaskRecord("enough-counts", "Energies with counts.", enough_counts)
    >>> record = xg.register_safe_mask(record)
    >>> from xgamma.tutorial import example_map
    >>> ds = xg.safe_mask(example_map(), methods=["enough-counts"], least=10**6)
    >>> bool(ds.mask_safe.any())
    False
    """

    needs_run: bool = False
    needs: tuple[str, ...] = ()
    looks_at: Literal["maps", "position", "run"] = "maps"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.looks_at not in PLACES:
            raise XGammaError(
                f"looks_at={self.looks_at!r} of {self.name!r} is not recognised: use one of {', '.join(PLACES)}."
            )

    def looks_at_maps(self, irfs: str) -> bool:
        """Return whether it looks at filled maps; ``irfs="DL3"`` turns some to the run."""
        return self.looks_at != "run" and not (irfs == "DL3" and "irfs" in self.options)

    def mask(self, ds: xr.Dataset, obs: xr.DataTree | None, given: dict[str, Any]) -> xr.Variable:
        """Return the mask of a dataset, with what the function takes of the options given."""
        taken = {name: value for name, value in given.items() if name in self.options}
        # What others wrote is checked like any call of a user.
        made = outside(self.function, ds, obs, **taken)
        variable = getattr(made, "variable", made)
        if not isinstance(variable, xr.Variable) or variable.dtype != bool:
            what = getattr(made, "dtype", type(made).__name__)
            raise XGammaError(
                f"The safe-mask method {self.name!r} returned {what}: it must return a boolean "
                "array with named dimensions."
            )
        here = {d: ds.sizes[d] for d in ("energy", "y", "x") if d in ds.dims}
        if not set(variable.sizes.items()) <= set(here.items()):
            raise XGammaError(
                f"The safe-mask method {self.name!r} returned an array with dims {dict(variable.sizes)}, but the counts have {here}."
            )
        return variable


REGISTRY = Registry(
    "safe-mask method",
    SafeMaskRecord,
    "xgamma.safe_masks",
    package="xgamma.makers.safe_masks",
)


def register_safe_mask(record: SafeMaskRecord) -> SafeMaskRecord:
    """Register a safe-mask method.

    Parameters
    ----------
    record : SafeMaskRecord
        Name, function and requirements.

    Returns
    -------
    record : SafeMaskRecord
        The same.

    Raises
    ------
    XGammaError
        If the name is taken.

    Examples
    --------
    >>> import xgamma as xg
    >>> def not_first(ds, obs=None):
    ...     return ds.energy > ds.energy[0]
    >>> record = xg.register_safe_mask(
    ...     xg.SafeMaskRecord("not-first", "All bins but one.", not_first)
    ... )
    >>> xg.list_safe_masks()["not-first"]
    'All bins but one.'
    """
    return REGISTRY.register(record)


def find_safe_mask(name: str) -> SafeMaskRecord:
    """Return a safe-mask method.

    Parameters
    ----------
    name : str
        Name of the method; those of other packages are found by their entry points in the group
        ``xgamma.safe_masks``.

    Returns
    -------
    record : SafeMaskRecord
        Function, options and requirements.

    Raises
    ------
    XGammaError
        If there is none.

    Examples
    --------
    >>> import xgamma as xg
    >>> list(xg.find_safe_mask("offset-max").options)
    ['offset_max']
    """
    return REGISTRY.find(name)


def list_safe_masks() -> dict[str, str]:
    """Return the safe-mask methods, including those of other packages.

    Returns
    -------
    methods : dict
        One-line description by name.

    Examples
    --------
    >>> import xgamma as xg
    >>> xg.list_safe_masks()["offset-max"]
    'Offsets from the pointing position below offset_max.'
    """
    return REGISTRY.summaries()


def find_safe_masks(
    methods: str | SafeMaskRecord | Iterable[str | SafeMaskRecord],
) -> tuple[SafeMaskRecord, ...]:
    """Return several methods, by their names or as they are; one alone may be given.

    Examples
    --------
    >>> [record.name for record in find_safe_masks("bkg-peak")]
    ['bkg-peak']
    """
    if isinstance(methods, (str, SafeMaskRecord)):
        methods = [methods]
    if not isinstance(methods, Iterable):
        names = ", ".join(REGISTRY.records())
        raise XGammaError(f"methods={methods!r} must be a list of names: choose from {names}.")
    return tuple(m if isinstance(m, SafeMaskRecord) else find_safe_mask(m) for m in methods)
