"""Every function that takes a path, found by looking: what it writes, and what it reads."""

import argparse
import importlib
import inspect
import pkgutil

import xgamma
from xgamma.cli import parser

# Parameters that are paths whatever their annotation.
NAMES = {"path", "out", "file", "files", "filename", "cache", "resume", "folder"}
# Modules below those that a user calls: their paths were checked, or are those of an open file.
INNER = {
    "accessors",
    "core",
    "dl3.fingerprint",
    "dl3.index",
    "dl3.index_search",
    "fits",
    "io.fits_responses",
    "io.fits_tables",
    "io.flux_points_checks",
    "io.flux_points_table",
    "io.formats",
    "io.manifest",
    "io.netcdf",
    "io.netcdf_seal",
    "io.ogip_response",
    "io.remote",
    "io.remote_writing",
    "io.sidecar",
    "io.zarr_broken",
    "io.zarr_documents",
    "io.zarr_groups",
    "io.zarr_seal",
    "reduction.checkpoint",
    "reduction.processes",
    "reduction.sums",
    "reduction.survey_store",
    "reduction.tile_files",
    "reduction.transport",
}
# These take a path and neither read nor write a file there.
NEITHER = {
    "dl3.opening.holds_runs",
    "dl3.store.Store.__init__",
    "io.fermi_files.fermi_kind",
    "io.fits_maps.is_map",
    "io.fits_maps.read_map_hdu",
    "io.opening.format_of_name",
    "io.registry.FormatRecord.__init__",
    "modeling.count_models.TemplateNPred.__init__",
    "modeling.ebl.EBLAbsorption.__init__",
    "modeling.template_map.TemplateMap.__init__",
    "modeling.template_nd.TemplateMapND.__init__",
    "modeling.template_nd.TemplateSpectrumND.__init__",
    "modeling.temporal.LightCurve.__init__",
    "modeling.temporal.PhaseCurve.__init__",
    "modeling.covariance_file.take_covariance",
    "reduction.cluster.Tree.write",
    "reduction.tiles.TiledSums.__init__",
}


def _is_inner(module):
    return any(module == name or module.startswith(f"{name}.") for name in INNER)


def _is_path(parameter):
    return "Path" in str(parameter.annotation) or parameter.name in NAMES


def _functions(module):
    for name in getattr(module, "__all__", ()):
        found = getattr(module, name)
        if getattr(found, "__module__", None) != module.__name__:
            continue
        if inspect.isfunction(found):
            yield name, found
        elif inspect.isclass(found):
            for inner, member in vars(found).items():
                member = getattr(member, "__func__", member)
                if inspect.isfunction(member) and (inner == "__init__" or inner[0] != "_"):
                    yield f"{name}.{inner}", member


def functions_with_paths():
    """Return the functions that a user may call with a path, as ``"module.function"``."""
    found = {
        f"{getattr(xgamma, name).__module__.removeprefix('xgamma.')}.{name}"
        for name in xgamma.__all__
        if inspect.isfunction(getattr(xgamma, name))
        and any(_is_path(p) for p in inspect.signature(getattr(xgamma, name)).parameters.values())
    }
    for info in pkgutil.walk_packages(xgamma.__path__, "xgamma."):
        short = info.name.removeprefix("xgamma.")
        if short == "__main__" or _is_inner(short):
            continue
        for name, function in _functions(importlib.import_module(info.name)):
            parameters = inspect.signature(function).parameters.values()
            if any(_is_path(p) for p in parameters):
                found.add(f"{short}.{name}")
    return found - NEITHER


def commands():
    """Return the commands of the command line, each with the names of its arguments."""
    choices = next(
        a for a in parser()._actions if isinstance(a, argparse._SubParsersAction)
    ).choices
    return {name: {a.dest for a in command._actions} for name, command in choices.items()}
