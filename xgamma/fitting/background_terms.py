"""Predicted counts of a dataset's background and of templates of counts."""

from __future__ import annotations

import numpy as np

from xgamma.errors import XGammaError
from xgamma.fitting.compiled import Compiled
from xgamma.fitting.evaluator import Box, component_key
from xgamma.modeling.count_models import FoVBackground, TemplateNPred

__all__ = ["BackgroundTerm", "TemplateTerm"]


class BackgroundTerm:
    """The background of a dataset, times the factor of its `FoVBackground` if there is one."""

    def __init__(self, compiled: Compiled, model: FoVBackground | None) -> None:
        if compiled.background is None:
            raise XGammaError(
                f"The dataset {compiled.name!r} has no background for the model "
                f"{model.name if model else None!r}: fill one first."
            )
        self.data, self.model = compiled, model
        self.base = compiled.background
        self.factor = np.ones(compiled.energy.size)
        self._spatial_key: tuple[float, ...] | None = None
        self._spectral_key: tuple[float, ...] | None = None
        self.reshaped = False

    def update(self) -> bool:
        """Bring `factor` and `base` up to date; return whether they changed."""
        if self.model is None:
            return False
        spatial, spectral = component_key(self.model.spatial), component_key(self.model.spectral)
        self.reshaped = self.model.spatial is not None and spatial != self._spatial_key
        changed = self.reshaped or spectral != self._spectral_key
        if self.reshaped:
            self.base = self._reshape()
        if spectral != self._spectral_key:
            self.factor = self.model.spectral.kernel(self.data.energy)
        self._spatial_key, self._spectral_key = spatial, spectral
        return changed

    def _reshape(self) -> np.ndarray:
        assert self.model is not None
        assert self.model.spatial is not None
        pad = self.data.padding
        inner = (slice(pad, pad + self.data.shape[1]), slice(pad, pad + self.data.shape[2]))
        points = self.data.vectors[:, inner[0], inner[1]]
        brightness = self.model.spatial.on_points(points, self.data.frame)
        assert self.data.background is not None
        values: np.ndarray = self.data.background * np.nan_to_num(brightness)
        return values

    @property
    def npred(self) -> np.ndarray:
        """Background counts (energy, y, x)."""
        return self.base if self.model is None else self.base * self.factor[:, None, None]


class TemplateTerm:
    """Counts of a `TemplateNPred`."""

    def __init__(self, compiled: Compiled, model: TemplateNPred) -> None:
        self.data, self.model = compiled, model
        try:
            wanted = {d: compiled.ds.coords[d] for d in compiled.dims if d in model.map.dims}
            counts = model.map.reindex(wanted, method="nearest", tolerance=1e-6, fill_value=0)
        except (ValueError, KeyError):
            counts = model.map
        missing = [d for d in compiled.dims if d not in counts.dims]
        sizes = {d: compiled.ds.sizes[d] for d in compiled.dims}
        if missing or any(counts.sizes[d] != n for d, n in sizes.items()):
            raise XGammaError(
                f"The template {model.name!r} has the dims {dict(model.map.sizes)}, not those of "
                f"the counts of {compiled.name!r}, {sizes}."
            )
        self.base = np.asarray(counts.transpose(*compiled.dims).values, float).reshape(
            compiled.shape
        )
        self.box: Box = (slice(0, compiled.shape[1]), slice(0, compiled.shape[2]))
        self.npred = self.base
        self._key: tuple[float, ...] | None = None

    def update(self) -> bool:
        """Bring `npred` up to date; return whether it changed."""
        key = component_key(self.model.spectral)
        if key == self._key:
            return False
        self._key = key
        self.npred = self.base * self.model.spectral.kernel(self.data.energy)[:, None, None]
        return True

    @property
    def contributes(self) -> bool:
        """Whether the template holds any counts."""
        return bool(np.any(self.base))
