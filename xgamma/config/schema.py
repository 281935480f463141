"""What a configuration file may say, as pydantic models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    model_validator,
)

from xgamma.background.registry import choose_background
from xgamma.core.units import position, to_value
from xgamma.io.registry import find_format
from xgamma.io.remote import is_remote
from xgamma.makers.safe_mask import DEFAULT, choose_safe_masks
from xgamma.reduction.survey import memory_bytes

__all__ = ["Config"]


def _quantity(unit: str) -> Any:
    def check(value: object) -> Any:
        to_value(value, unit, "the value")
        return value

    return AfterValidator(check)


def _position(value: Any) -> Any:
    position(value if isinstance(value, str) else tuple(value))
    return value


def _place(value: object) -> Path | str:
    if not isinstance(value, (str, Path)) or not str(value):
        raise ValueError("a path or a URL is required")
    return value if is_remote(value) else Path(value)


def _background(value: Any) -> Any:
    choose_background(value)
    return value


# A URL stays a text: a path would join its slashes.
Place = Annotated[Any, PlainValidator(_place)]
Angle = Annotated[str | float, _quantity("deg")]
Energy = Annotated[str | float, _quantity("TeV")]
Position = Annotated[str | list[float], AfterValidator(_position)]
# The name of a background method, or that and its options, which its function names.
Background = Annotated[Any, PlainValidator(_background)]
Number = str | int
Selected = Literal["counts", "exposure", "background", "psf", "edisp"]


class Section(BaseModel):
    """A part of the file: unknown fields are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Cone(Section):
    """Runs that point into a circle."""

    center: Position
    radius: Angle
    frame: str = "icrs"


class Observations(Section):
    """Which runs: all conditions must hold."""

    store: Place
    ids: list[Number] | None = None
    target: str | list[str] | None = None
    cone: Cone | None = None
    time: tuple[str, str] | None = None


class Axis(Section):
    """A logarithmic energy axis."""

    min: Energy
    max: Energy
    nbin: Annotated[int, Field(gt=0)]
    per_decade: bool = False


class Template(Section):
    """The grid: a map around a position, or the spectrum of a region."""

    energy: Axis
    energy_true: Axis | Literal["reco", "responses"] | None = None
    name: str | None = None
    center: Position | None = None
    width: Angle | list[Angle] | None = None
    binsz: Angle | None = None
    binsz_irf: Angle | None = None
    proj: str = "CAR"
    frame: str = "icrs"
    region: str | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> Template:
        sky = [n for n in ("center", "width", "binsz") if getattr(self, n) is not None]
        if self.region is not None and sky:
            raise ValueError(f"give either region (a spectrum) or {sky[0]} (a map), not both")
        if self.region is None and len(sky) < 3:
            missing = next(n for n in ("center", "width", "binsz") if n not in sky)
            raise ValueError(f"a map requires {missing}, a spectrum requires region")
        return self


class SafeMask(BaseModel):
    """Methods of the safe mask and their options."""

    model_config = ConfigDict(extra="allow", frozen=True)
    methods: list[str] = list(DEFAULT)

    @model_validator(mode="after")
    def _known(self) -> SafeMask:
        choose_safe_masks(self.model_dump())
        return self


class Makers(Section):
    """What is done with each run."""

    select: list[Selected] = Field(default_factory=lambda: list(get_args(Selected)))
    cutout_width: Angle | None = None
    offset_max: Angle | None = None
    safe_mask: SafeMask | None = None
    background: Background = None


def _scheduler(value: str) -> str:
    if value not in {"threads", "processes"} and "://" not in value:
        raise ValueError("use threads, processes, or the address of a dask scheduler: tcp://…")
    return value


def _memory(value: str) -> str:
    memory_bytes(value)
    return value


class Run(Section):
    """How the work is done."""

    scheduler: Annotated[str, AfterValidator(_scheduler)] = "threads"
    workers: Annotated[int, Field(gt=0)] | None = None
    errors: Literal["raise", "warn"] = "raise"
    stack: bool = True
    resume: Path | None = None
    memory: Annotated[str, AfterValidator(_memory)] | None = None


def _format(value: str) -> str:
    return find_format(value).name


class Output(Section):
    """A file to write."""

    path: Place
    format: Annotated[str, AfterValidator(_format)] | None = None
    overwrite: bool = False


class Config(Section):
    """The whole file."""

    observations: Observations
    template: Template
    makers: Makers = Makers()
    run: Run = Run()
    outputs: Annotated[list[Output], Field(min_length=1)]
