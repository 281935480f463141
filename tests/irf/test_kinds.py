"""Each kind of response is stated once: one module makes it read, written, checked and drawn."""

import ast
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from tests.helpers.runs import responses, simulated
from xgamma.dl3 import read_observation, write_observation
from xgamma.dl3.row_tables import all_groups
from xgamma.irf import registry
from xgamma.irf.kind import Column, PSFKind, ResponseKind
from xgamma.irf.kinds.psf_king import PSF_KING
from xgamma.model.axes import coords_from_edges
from xgamma.model.sanity import ValueRule

PACKAGE = Path(xg.__file__).parent


@pytest.fixture
def registered():
    """Register kinds for one test."""
    before = dict(registry.RESPONSES._records)
    yield registry.register_response
    registry.RESPONSES._records = before


def some_values(kind, seed=1):
    """A response of a kind with positive values on small axes."""
    rng = np.random.default_rng(seed)
    coords = {}
    for dim in kind.dims:
        log = dim.startswith("energy")
        unit = {"e": "TeV", "m": ""}.get(dim[0], "deg")
        edges = np.geomspace(0.1, 10, 5) if log else np.linspace(0, 2, len(dim))
        coords |= coords_from_edges(edges, dim, unit, "log" if log else "lin")
    shape = [len(coords[dim][1]) for dim in kind.dims]
    return kind.dataset({c.name: 0.1 + rng.random(shape) for c in kind.columns}, coords)


@pytest.mark.parametrize("kind", registry.kinds(), ids=lambda kind: kind.name)
def test_every_kind_survives_a_file(kind, tmp_path):
    run, ds = simulated(), some_values(kind)
    run[kind.group] = xr.DataTree(ds)
    write_observation(run, tmp_path / "run.fits")
    back = read_observation(tmp_path / "run.fits")[kind.group].to_dataset()
    for column in kind.columns:
        xr.testing.assert_equal(back[column.name].variable, ds[column.name].variable)
    assert registry.kind_of(back, ResponseKind) is kind
    assert back.attrs["HDUCLAS4"] == kind.name
    assert all(kind.rule(column.name) is not None for column in kind.columns)


def test_groups_keep_their_order():
    assert all_groups() == (
        *("events", "gti", "pointing"),
        *("aeff", "edisp", "psf", "bkg", "rad_max"),
    )


def test_a_new_psf_is_one_record(registered, tmp_path):
    """A kind that is registered is read, written, checked, filled and drawn from; nothing else is told."""
    column = Column("core", ("R_CORE",), "deg", ValueRule(not_all_zero=True))

    def profiles(ds, energy, rad, offset):
        core = float(ds["core"].mean())
        shape = (offset.size, energy.size, rad.size)
        return np.broadcast_to(np.exp(-0.5 * (rad / core) ** 2), shape)

    kind = PSFKind(
        name="PSF_CORE",
        summary="A Gaussian of one width.",
        dims=PSF_KING.dims,
        columns=(column,),
        marks=frozenset({"R_CORE"}),
        profiles=profiles,
        containment=lambda ds, energy, radius, offset: np.full(energy.size, 0.5),
        draw_radius=lambda rng, ds, energy, offset: np.full(energy.size, 0.01),
    )
    registered(kind)
    ds = some_values(kind)
    irfs = responses() | {"psf": ds.assign(core=ds["core"] * 0 + 0.05)}
    irfs["psf"]["core"].attrs["units"] = "deg"
    run = simulated(irfs)
    write_observation(run, tmp_path / "run.fits")
    back = read_observation(tmp_path / "run.fits")
    assert back["psf"].attrs["HDUCLAS4"] == "PSF_CORE"
    template = xg.create_map(
        (83.63, 22.0), "1 deg", "0.5 deg", xg.energy_axis(1, 10, 2), rad=xg.rad_axis("0.3 deg", 60)
    )
    psf = template.gamma.fill(back, select=["psf"]).psf.isel(energy_true=0, y_irf=0, x_irf=0)
    assert psf.values[0] / psf.values[20] == pytest.approx(
        np.exp((0.1025**2 - 0.0025**2) / 0.005), rel=1e-3
    )
    bad = back["psf"].to_dataset().load()
    bad["core"][0, 0] = -1
    back["psf"] = xr.DataTree(bad)
    assert any("'core' are negative" in issue for issue in xg.validate(back, "return"))


def test_a_name_is_one_kind(registered):
    with pytest.raises(xg.XGammaError, match=r"PSF_KING.*choose another name"):
        registered(replace(PSF_KING, profiles=lambda ds, energy, rad, offset: None))


def texts(path):
    """The texts in the code of a module, without docstrings."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return {n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)}


def test_classes_and_columns_of_responses_stand_in_one_module_each():
    """What was stated for reading, writing, checking and simulating apart."""
    # An RMF of OGIP has a column MATRIX too.
    known = {p: texts(p) for p in PACKAGE.rglob("*.py") if "ogip" not in p.name}
    for kind in registry.kinds():
        words = {kind.name, *(c.names[0] for c in kind.columns if len(c.names[0]) > 5)}
        for word in words - {kind.group.upper()}:
            homes = [path.name for path, found in known.items() if word in found]
            assert len(homes) == 1, f"{word} is stated in {homes}"
