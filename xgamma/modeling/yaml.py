"""Models as YAML text, in the schema of gammapy, both ways."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import Any

import numpy as np
import yaml

from xgamma.core.reading import reading
from xgamma.core.safe_yaml import load_yaml
from xgamma.core.units import parse_unit
from xgamma.errors import XGammaError, shown
from xgamma.modeling.count_models import FoVBackground, TemplateNPred
from xgamma.modeling.model_base import Model
from xgamma.modeling.parameter import Component, Parameter
from xgamma.modeling.prior import LAWS, Prior
from xgamma.modeling.registry import ROLES, find_model
from xgamma.modeling.scaled_spectrum import ScaledSpectrum
from xgamma.modeling.sky_model import SkyModel
from xgamma.modeling.spectrum_base import CompoundSpectrum
from xgamma.modeling.template_file import map_from_text, map_to_text, read_template
from xgamma.modeling.yaml_fields import (
    entries_of,
    field_of,
    fields_of,
    number_of,
    prior_number,
    square_of,
)

__all__ = ["from_yaml", "to_yaml"]


def to_yaml(models: Iterable[Model]) -> str:
    """Write models as YAML text.

    Parameters
    ----------
    models : iterable of Model
        Models.

    Returns
    -------
    text : str
        A document with the list ``components``.

    Examples
    --------
    >>> print(to_yaml([FoVBackground("gc")]).splitlines()[0])
    components:
    """
    labels = link_labels(models)
    data = {"components": [model_to_dict(model, labels) for model in models]}
    return yaml.safe_dump(data, sort_keys=False)


def from_yaml(text: str) -> list[Model]:
    """Read models from YAML text.

    Parameters
    ----------
    text : str
        A document with the list ``components``.

    Returns
    -------
    models : list of Model
        Models; parameters with the same ``link`` are shared.

    Raises
    ------
    XGammaError
        If the text is not YAML, or names a model that does not exist.

    Examples
    --------
    >>> [model.name for model in from_yaml(to_yaml([FoVBackground("gc")]))]
    ['gc-bkg']
    """
    data = load_yaml(text, "The models are not valid YAML:")
    if not isinstance(data, dict) or "components" not in data:
        raise XGammaError("The models' YAML has no list 'components'.")
    links: dict[str, Parameter] = {}
    models = []
    for k, entry in enumerate(entries_of(data, "components", "The models' YAML")):
        name = shown(entry.get("name")) if isinstance(entry, dict) else shown(entry)
        with reading(f"components[{k}], {name}, of the models' YAML", "correct this entry"):
            models.append(model_from_dict(fields_of(entry, "A model"), links))
    return models


def link_labels(models: Iterable[Model]) -> dict[int, str]:
    """Return a label for each parameter that two components share."""
    seen: set[int] = set()
    labels: dict[int, str] = {}
    number = count(1)
    for model in models:
        for _, parameter in model.named_parameters():
            if id(parameter) in seen and id(parameter) not in labels:
                labels[id(parameter)] = f"{parameter.name}@link{next(number)}"
            seen.add(id(parameter))
    return labels


def model_to_dict(model: Model, labels: dict[int, str]) -> dict[str, Any]:
    """Return one model as plain data."""
    data: dict[str, Any] = {"name": model.name, "type": type_name(model)}
    for role, component in model.components().items():
        data[role] = component_to_dict(component, labels)
    if model.datasets is not None:
        data["datasets_names"] = list(model.datasets)
    if isinstance(model, SkyModel) and not all(model.apply_irf.values()):
        data["apply_irf"] = dict(model.apply_irf)
    if isinstance(model, TemplateNPred):
        if model.filename is None:
            data["map"] = map_to_text(model.map)
        else:
            data["filename"] = str(model.filename)
    return data


def type_name(model: Model) -> str:
    """Return the name of a model's class in the schema."""
    names = {
        SkyModel: "SkyModel",
        FoVBackground: "FoVBackgroundModel",
        TemplateNPred: "TemplateNPredModel",
    }
    return names[type(model)]


def component_to_dict(component: Component, labels: dict[int, str]) -> dict[str, Any]:
    """Return one component as plain data."""
    data: dict[str, Any] = {"type": component.tag}
    if isinstance(component, CompoundSpectrum):
        data["model1"] = component_to_dict(component.model1, labels)
        data["model2"] = component_to_dict(component.model2, labels)
        data["operator"] = component.operator
    else:
        if isinstance(component, ScaledSpectrum):
            data["model"] = component_to_dict(component.model, {})
        named = component.named_parameters()
        data["parameters"] = [parameter_to_dict(name, p, labels) for name, p in named]
        data |= component.extra()
    covariance = component.covariance
    if covariance is not None and np.any(covariance != np.diag(np.diag(covariance))):
        # Without it the error bands of a fit would be lost; other readers pass it over.
        data["covariance"] = covariance.tolist()
    return data


def parameter_to_dict(name: str, parameter: Parameter, labels: dict[int, str]) -> dict[str, Any]:
    """Return one parameter as plain data."""
    data: dict[str, Any] = {
        "name": name,
        "value": float(parameter.value),
        # The FITS spelling is the one every reader knows.
        "unit": parse_unit(parameter.unit).to_string("fits") if parameter.unit else "",
        "error": float(parameter.error),
        "min": float(parameter.min),
        "max": float(parameter.max),
        "frozen": bool(parameter.frozen),
    }
    if id(parameter) in labels:
        data["link"] = labels[id(parameter)]
    if parameter.prior is not None:
        law = LAWS[parameter.prior.kind]
        values = dict(zip(law.names, parameter.prior.numbers, strict=True))
        data["prior"] = {
            "type": law.tag,
            "parameters": [{"name": k, "value": float(v)} for k, v in values.items()],
            "weight": float(parameter.prior.weight),
        }
    return data


def model_from_dict(data: dict[str, Any], links: dict[str, Parameter]) -> Model:
    """Make one model from plain data."""
    parts: dict[str, Any] = {
        role: component_from_dict(data[role], role, links)
        for role in ROLES
        if data.get(role) is not None
    }
    kind, name, datasets = (
        data.get("type", "SkyModel"),
        data.get("name"),
        data.get("datasets_names"),
    )
    if kind in {"SkyModel", "sky-model"}:
        if "spectral" not in parts:
            raise XGammaError(f"The model {name!r} has no spectral component.")
        irf = data.get("apply_irf")
        return SkyModel(**parts, name=name, datasets=datasets, apply_irf=irf)
    if kind in {"FoVBackgroundModel", "fov-bkg"}:
        return FoVBackground(datasets or (), name=name, **parts)
    if kind in {"TemplateNPredModel"}:
        filename = None if "map" in data else field_of(data, "filename", f"The model {name!r}")
        parts.pop("spatial", None)
        counts = map_from_text(data["map"]) if filename is None else read_template(filename)
        return TemplateNPred(counts, name=name, datasets=datasets, filename=filename, **parts)
    raise XGammaError(
        f"The model type {kind!r} of {name!r} is not recognised: use SkyModel, FoVBackgroundModel or "
        "TemplateNPredModel."
    )


def component_from_dict(data: dict[str, Any], role: str, links: dict[str, Parameter]) -> Any:
    """Make one component from plain data."""
    data = fields_of(data, f"The {role} component of a model")
    cls = find_model(role, str(data.get("type")))
    component: Any
    if cls is CompoundSpectrum:
        what = "The compound spectrum"
        first, second = (
            component_from_dict(field_of(data, n, what), role, links) for n in ("model1", "model2")
        )
        component = CompoundSpectrum(first, second, field_of(data, "operator", what))
    elif cls is ScaledSpectrum:
        if "model" not in data:
            raise XGammaError(
                "The ScaleSpectralModel does not specify the spectrum it scales, which gammapy "
                "does not write to YAML: create it with xg.ScaledSpectrum(model)."
            )
        component = ScaledSpectrum(component_from_dict(data["model"], role, {}))
    else:
        component = cls.from_extra(data)
    what = f"The {role} component {cls.tag}"
    for entry in entries_of(data, "parameters", what):
        set_from_dict(component, fields_of(entry, f"A parameter of {cls.tag}"), links)
    if data.get("covariance") is not None:
        component.covariance = square_of(data["covariance"], what)
    return component


def set_from_dict(component: Component, data: dict[str, Any], links: dict[str, Parameter]) -> None:
    """Set or link one parameter of a component."""
    name = str(field_of(data, "name", f"A parameter of {type(component).__name__}"))
    if name not in component._parameters:
        raise XGammaError(f"{type(component).__name__} has no parameter {name!r}.")
    link = None if data.get("link") is None else str(data["link"])
    if link in links:
        setattr(component, name, links[link])
        return
    spec = component.specs[name]
    frozen = data.get("frozen", spec.frozen)
    if not isinstance(frozen, bool):
        raise XGammaError(
            f"The parameter {name!r} has frozen: {shown(frozen)}, where true or false is needed."
        )
    parameter = Parameter(
        name,
        number_of(component, data, "value"),
        parse_unit(str(data.get("unit", spec.unit))).to_string(),
        number_of(component, data, "min", spec.min),
        number_of(component, data, "max", spec.max),
        frozen,
        number_of(component, data, "error", 0.0),
        prior_from_dict(data.get("prior")),
        spec.log,
    )
    setattr(component, name, parameter)
    if link:
        links[link] = parameter


def prior_from_dict(data: dict[str, Any] | None) -> Prior | None:
    """Make a prior from plain data."""
    if not data:
        return None
    data = fields_of(data, "A prior")
    values = {}
    for p in entries_of(data, "parameters", "A prior"):
        entry = fields_of(p, "A parameter of a prior")
        name = str(field_of(entry, "name", "A parameter of a prior"))
        values[name] = prior_number(field_of(entry, "value", f"The parameter {name!r} of a prior"))
    weight = prior_number(data.get("weight", 1.0))
    for kind, law in LAWS.items():
        if field_of(data, "type", "A prior") == law.tag:
            first, second, *rest = (values.get(name, np.nan) for name in law.names)
            return Prior(kind, first, second, weight, *rest)
    known = ", ".join(law.tag for law in LAWS.values())
    raise XGammaError(f"The prior {data['type']!r} is not recognised: use one of {known}.")
