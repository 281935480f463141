"""The source of a TS map: its counts at each place, with the responses of that place."""

from __future__ import annotations

import numpy as np
from astropy.coordinates import SkyCoord

from xgamma.core.arguments import scalar
from xgamma.errors import XGammaError
from xgamma.fitting.compiled import Compiled
from xgamma.fitting.evaluator import SourceTerm
from xgamma.fitting.likelihood import make_term
from xgamma.modeling.sky_model import SkyModel
from xgamma.numerics.ts_source import Source
from xgamma.typing import AngleLike

__all__ = ["source_everywhere"]

# Kernels are found at so many places at most: a few milliseconds each.
MAX_TILES = 256


class ResponsesAt(Compiled):
    """A dataset whose PSF and dispersion are everywhere those of one pixel.

    Parameters
    ----------
    data : Compiled
        The dataset.
    y, x : float
        The pixel, counted from the first.
    """

    def __init__(self, data: Compiled, y: float, x: float) -> None:
        # What is worked out once, as the exposure, is shared.
        self.__dict__ = data.__dict__.copy()
        self._place = (y, x)

    def pixel(self, vector: np.ndarray) -> tuple[float, float]:
        """Return the middle of the map, where the source is put."""
        return float(self.shape[1] // 2), float(self.shape[2] // 2)

    def at_position(self, irf: np.ndarray, name: str, y: float, x: float) -> np.ndarray:
        """Return a response at the one pixel."""
        return super().at_position(irf, name, *self._place)


def source_everywhere(
    data: Compiled, model: SkyModel, width: AngleLike, pixels: np.ndarray
) -> Source:
    """Return a test source with the responses of each place.

    Parameters
    ----------
    data : Compiled
        Map.
    model : SkyModel
        The source; its position does not matter.
    width : Quantity, str or float, optional
        Side of the square that is looked at.
    pixels : ndarray of bool
        Pixels (y, x) that will be solved.

    Returns
    -------
    source : Source
        Its kernels add up to less than one where the square cuts them off. With the scheme of
        gammapy they add up to one, and are those of the middle of the map everywhere.
    """
    middle = in_the_middle(data, model)
    first = make_term(
        ResponsesAt(data, 0.5 * (data.shape[1] - 1), 0.5 * (data.shape[2] - 1)), middle
    )
    assert isinstance(first, SourceTerm)
    first.update()
    tiles, places = tiles_of(data, pixels)
    half = kernel_half(data, first, width)
    kernels, exposure = [], np.zeros(data.shape)
    for tile, (y, x) in enumerate(places):
        here = ResponsesAt(first.data, y, x)
        term = make_term(here, middle)
        assert isinstance(term, SourceTerm)
        term.update()
        folded = first.flux[:, None] * term.edisp
        inside = tiles == tile
        exposure[:, inside] = folded.T @ data.exposure[:, inside]
        kernels.append(kernel_at(data, term, folded, (round(y), round(x)), half))
    found = np.array(kernels)
    if data.scheme == "gammapy":
        total = found.sum(axis=(2, 3), keepdims=True)
        return Source(found / np.where(total > 0, total, 1.0), exposure, tiles)
    return Source(found, exposure, tiles, at_source=True)


def in_the_middle(data: Compiled, model: SkyModel) -> SkyModel:
    """Return a copy of the model on the middle pixel, without the exposure."""
    if model.spatial is None:
        raise XGammaError(
            f"The test source {model.name!r} requires a spatial component, for example PointSource."
        )
    middle: SkyModel = model.copy()
    assert middle.spatial is not None
    ny, nx = data.shape[1:]
    vector = data.vectors[:, ny // 2 + data.padding, nx // 2 + data.padding]
    lon, lat = np.degrees(np.arctan2(vector[1], vector[0])), np.degrees(np.arcsin(vector[2]))
    middle.spatial.set_position(SkyCoord(lon, lat, unit="deg", frame=data.frame))
    middle.apply_irf = {**middle.apply_irf, "exposure": False}
    return middle


def tiles_of(data: Compiled, pixels: np.ndarray) -> tuple[np.ndarray, list[tuple[float, float]]]:
    """Return the tile of each pixel, and the middle pixel of each.

    A tile is half as wide as the grid of the responses; the map is one tile if they are the
    same everywhere.
    """
    ny, nx = data.shape[1:]
    flat = (data.psf is None or same_everywhere(data.psf)) and same_everywhere(data.edisp)
    if flat or data.scheme == "gammapy":
        return np.zeros((ny, nx), dtype=np.intp), [(float(ny // 2), float(nx // 2))]
    sizes = []
    for labels, step in zip(data.irf_labels, data.label_step, strict=True):
        spacing = abs(labels[1] - labels[0]) / step if labels.size > 1 else max(ny, nx)
        sizes.append(max(spacing / 2, 1.0))
    while np.ceil(ny / sizes[0]) * np.ceil(nx / sizes[1]) > MAX_TILES:
        sizes = [1.1 * size for size in sizes]
    counts = [max(round(n / size), 1) for n, size in zip((ny, nx), sizes, strict=True)]
    rows, columns = (np.arange(n) * k // n for n, k in zip((ny, nx), counts, strict=True))
    number = rows[:, None] * counts[1] + columns
    wanted = np.unique(number[pixels]) if pixels.any() else number[:1, 0]
    places, tiles = [], np.full((ny, nx), -1, dtype=np.intp)
    for i, tile in enumerate(wanted):
        inside = number == tile
        ys, xs = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
        places.append((0.5 * (ys[0] + ys[-1]), 0.5 * (xs[0] + xs[-1])))
        tiles[inside] = i
    return tiles, places


def same_everywhere(irf: np.ndarray) -> bool:
    """Return whether a response (..., y_irf, x_irf) is the same at all its nodes."""
    return bool(np.all(irf == irf[..., :1, :1]))


def kernel_half(data: Compiled, term: SourceTerm, width: AngleLike) -> int:
    """Return the pixels from the middle of the kernel to its border."""
    ny, nx = data.shape[1:]
    box = term.box
    half: int = min(
        ny // 2 - box[0].start,
        box[0].stop - 1 - ny // 2,
        nx // 2 - box[1].start,
        box[1].stop - 1 - nx // 2,
    )
    if width is None:
        return half
    reach = scalar(width, "deg", "kernel_width") / 2
    if not 0 < reach < 90:
        raise XGammaError(f"kernel_width={width!r} must be an angle between 0 and 180 deg.")
    number: int = min(half, round(float(np.radians(reach)) / min(data.scale)))
    return number


def kernel_at(
    data: Compiled, term: SourceTerm, folded: np.ndarray, place: tuple[int, int], half: int
) -> np.ndarray:
    """Return the kernel (energy, k, k): shares of what a source at a place gives in each bin."""
    ny, nx = data.shape[1:]
    cy, cx = ny // 2 - term.box[0].start, nx // 2 - term.box[1].start
    image = term.response[:, cy - half : cy + half + 1, cx - half : cx + half + 1]
    # Energies count with what is seen of them there.
    weights = folded * data.exposure[:, place[0], place[1]][:, None]
    if not weights.any():
        weights = folded
    total = weights.sum(axis=0)
    shares = weights / np.where(total > 0, total, 1.0)
    values: np.ndarray = np.einsum("tr,tyx->ryx", shares, image)
    return values
