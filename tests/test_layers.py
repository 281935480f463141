"""The shape of the package: layers, no circles, imports at the top of modules.

The order of the layers is the import contract of ``pyproject.toml``, which ``lint-imports`` keeps
for modules; here it is asked of every import, those inside functions too.
"""

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from xgamma.core.late import imported
from xgamma.dl3.writer import write_observation
from xgamma.simulate.observations import simulate_observation

ROOT = Path(__file__).parents[1]
CONTRACT = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
# Packages that an installation may lack, or that come with one of those.
OPTIONAL = {
    *("dask", "distributed", "zarr", "numcodecs", "google_crc32c", "fsspec", "matplotlib"),
    *("iminuit", "reproject", "pydantic", "naima", "pooch", "ipywidgets"),
    "fcntl",  # of Python, on Unix only
}
# Imports of xgamma inside a function: of modules that import an optional package at their top.
NEEDS_OPTIONAL = {"xgamma.io.remote_writing": "zarr", "xgamma.config.schema": "pydantic"}
# Lines of a module, and of the body of a function.
LONGEST_MODULE, LONGEST_FUNCTION = 350, 50
# Share of the parameters that may be of the type Any.
ANY = 0.03
# Methods of lower layers that hand on to a higher one, by `xgamma.core.late`: doors of users.
DOORS = {
    "xgamma.dl3": "xgamma.dl3 has offered the simulation of runs from the start",
    "xgamma.modeling.spectrum_base": "spectrum.plot() draws",
    "xgamma.io.formats.flux_maps": "xg.open reads norms with their model",
    "xgamma.io.formats.datasets_yaml": "xg.open reads datasets with their models",
}


def _modules():
    found = {}
    for path in sorted((ROOT / "xgamma").rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = ast.parse(path.read_text())
    return found


MODULES = _modules()
ORDER = {
    module.strip(): rank
    for rank, layer in enumerate(reversed(CONTRACT["contracts"][0]["layers"]))
    for module in layer.split("|")
}


def _targets(node):
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    whole = [f"{node.module}.{alias.name}" for alias in node.names]
    return [name if name in MODULES else str(node.module) for name in whole]


def _imports(tree, inside=False):
    """Yield (target, line, whether it is inside a function) of each import."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for target in _targets(node):
                yield target, node.lineno, inside
        function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from _imports(node, inside or function)


EDGES = {
    name: {t for t, _, _ in _imports(tree) if t in MODULES and t != name}
    for name, tree in MODULES.items()
}


def _layer(module):
    return ".".join(module.split(".")[:2])


def test_every_package_has_a_layer():
    assert {_layer(name) for name in MODULES} - {"xgamma"} == set(ORDER)


def test_no_layer_imports_a_higher_one():
    upward = [
        f"{name} -> {target}"
        for name, targets in EDGES.items()
        for target in targets
        if name != "xgamma" and (target == "xgamma" or ORDER[_layer(target)] > ORDER[_layer(name)])
    ]
    assert not upward


def _circles():
    """Return the modules of circles: what remains when those without importers are taken away."""
    left = {name: set(targets) for name, targets in EDGES.items()}
    while True:
        free = [name for name, targets in left.items() if not targets & left.keys()]
        if not free:
            break
        for name in free:
            del left[name]
    # Also those that merely lead to a circle go.
    while True:
        used = set().union(*left.values()) if left else set()
        free = [name for name in left if name not in used]
        if not free:
            return sorted(left)
        for name in free:
            del left[name]


def test_no_module_imports_itself_through_others():
    assert not _circles()


@pytest.mark.parametrize("name", MODULES)
def test_imports_stand_at_the_top(name):
    hidden = [
        f"{name}:{line} imports {target}"
        for target, line, inside in _imports(MODULES[name])
        if inside and target.partition(".")[0] not in OPTIONAL and target not in NEEDS_OPTIONAL
    ]
    assert not hidden


def test_what_needs_an_optional_package_imports_it_at_its_top():
    for name, package in NEEDS_OPTIONAL.items():
        assert package in {t.partition(".")[0] for t, _, _ in _imports(MODULES[name])}


def test_doors_to_higher_layers_are_known():
    """A path in a text is an import too: below the accessors only the doors name a higher layer."""
    found = set()
    for name, tree in MODULES.items():
        if name == "xgamma" or ORDER[_layer(name)] >= ORDER["xgamma.accessors"]:
            continue
        for node in ast.walk(tree):
            text = node.value if isinstance(node, ast.Constant) else None
            target = text.partition(":")[0] if isinstance(text, str) else ""
            if target in MODULES and "." in target:
                higher = ORDER[_layer(target)] > ORDER[_layer(name)]
                found |= {name} if higher else set()
    assert found == set(DOORS)


@pytest.mark.parametrize("name", MODULES)
def test_lower_layers_call_functions_not_accessors(name):
    """``ds.gamma.x`` is an import of a higher layer that no contract sees."""
    if name == "xgamma" or ORDER[_layer(name)] >= ORDER["xgamma.accessors"]:
        return
    found = [n for n in ast.walk(MODULES[name]) if isinstance(n, ast.Attribute)]
    assert not [f"{name}:{n.lineno} {ast.unparse(n)}" for n in found if n.attr == "gamma"]


def test_paths_to_late_imports_lead_somewhere():
    for name, tree in MODULES.items():
        for node in ast.walk(tree):
            text = node.value if isinstance(node, ast.Constant) else None
            if isinstance(text, str) and re.fullmatch(r"xgamma(\.\w+)+:\w+", text):
                assert imported(text) is not None, f"{name} names {text}"


def test_import_of_the_package_loads_the_accessors_and_nothing_else():
    code = (
        "import sys, json, xarray; before = set(sys.modules); import xgamma;"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout)
    assert not [m for m in loaded if not m.startswith("xgamma")]
    assert len(loaded) < 25, loaded


# Packages that other jobs need, as for regions, figures or NetCDF files, and what those bring.
UNNEEDED = ("regions", "matplotlib", "PIL", "pyparsing", "netCDF4", "h5netcdf", "zarr", "iminuit")
REDUCE = """
import sys, xgamma as xg
energy, true = (xg.energy_axis("0.5 TeV", "50 TeV", 4, name=n) for n in ("energy", "energy_true"))
template = xg.create_map("83.63d 22.01d", "2 deg", "0.5 deg", energy, true)
safe = {"methods": ["aeff-default", "offset-max"], "offset_max": "1 deg"}
ds = xg.reduce(xg.open_store(sys.argv[1]), template, safe_mask=safe, progress=False)
assert ds.counts.sum() > 0
print(*{name.partition(".")[0] for name in sys.modules})
"""


def test_the_main_job_loads_no_package_that_it_does_not_need(tmp_path):
    """Each costs start-up time: regions and what it brings a fifth of a second."""
    path = write_observation(simulate_observation("83.63d 22.01d", seed=1), tmp_path / "run.fits")
    command = [sys.executable, "-c", REDUCE, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert not set(UNNEEDED) & set(done.stdout.split())


@pytest.mark.parametrize("name", MODULES)
def test_modules_and_functions_are_short(name):
    """A module is one job, a function tens of lines: its docstring does not count."""
    tree = MODULES[name]
    assert tree.body == [] or tree.body[-1].end_lineno <= LONGEST_MODULE, "split it by job"
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = {f.name: _body_lines(f) for f in functions if _body_lines(f) > LONGEST_FUNCTION}
    assert not long


def test_few_parameters_are_of_any_type():
    """What is passed on or only shown is `object`; `Any` is for what other libraries leave open."""
    parameters = [p for tree in MODULES.values() for p in _parameters(tree)]
    loose = [p for p in parameters if p.annotation is None or _is_any(p.annotation)]
    assert len(loose) < ANY * len(parameters), f"{len(loose)} of {len(parameters)}"


def _parameters(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            a = node.args
            several = [p for p in (a.vararg, a.kwarg) if p]
            for p in (*a.posonlyargs, *a.args, *a.kwonlyargs, *several):
                if p.arg not in ("self", "cls"):
                    yield p


def _is_any(annotation):
    return ast.unparse(annotation) in ("Any", "Any | None")


def _body_lines(function):
    """Return the number of lines of a function below its signature and docstring."""
    first = function.body[0]
    stated = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    start = first.end_lineno if stated else first.lineno - 1
    return function.end_lineno - start
