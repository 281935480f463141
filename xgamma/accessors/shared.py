"""What maps and datasets have in common, and what datasets and collections of them have."""

from __future__ import annotations

from typing import Any

from xgamma.accessors.members import Method, Property
from xgamma.core.hints import Hints

__all__ = ["Accessor", "OfDatasets", "OnSky"]


class Accessor(Hints):
    """Base of the accessors: it holds what it hangs on, and nothing else."""

    def __init__(self, obj: Any):
        self._obj = obj


class OnSky(Accessor):
    """The sky and the axes of maps and datasets."""

    frame = Property("xgamma.model.frame:frame_of")
    wcs = Property("xgamma.model.frame:wcs_of")
    center = Property("xgamma.model.sky")
    lonlat = Property("xgamma.model.sky")
    solid_angle = Property("xgamma.model.sky")
    separation = Method("xgamma.model.sky")
    edges = Method("xgamma.model.quantities:edges_of")
    region_mask = Method("xgamma.model.regions")
    boundary_mask = Method("xgamma.datasets.smooth")
    energy_mask = Method("xgamma.datasets.masks")
    cutout = Method("xgamma.datasets.cutout")


class OfDatasets(Accessor):
    """Models on one dataset or on many, and estimates that take both."""

    models = Property("xgamma.fitting.attached:models_of")
    with_models = Method("xgamma.fitting.attached")
    stat_sum = Method("xgamma.fitting.compare")
    flux_points = Method("xgamma.estimators.flux_points")
    energy_morphology = Method("xgamma.estimators.energy_morphology")
    flux_profile = Method("xgamma.estimators.flux_profile")
    nested_test = Method("xgamma.estimators.nested")
