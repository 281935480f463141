"""Each variable and axis in another unit of its kind: the same result, without exception."""

import pytest
import xarray as xr

from tests.sweeps.cases import CASES, called, expected, made, same, targets
from xgamma.core.units import conversion

# Each variable or axis, and the units that it is tried in.
UNITS = {
    "energy": ("GeV", "MeV", "keV"),
    "energy_true": ("GeV", "keV", "MeV"),
    "rad": ("rad", "arcmin", "arcsec"),
    "exposure": ("cm2 s", "m2 h", "km2 s"),
    "psf": ("deg-2", "arcmin-2"),
    "psf_exposure": ("cm2 s", "m2 h"),
    "edisp_exposure": ("cm2 s", "m2 h"),
    "livetime": ("h", "min"),
    "ontime": ("h", "min"),
    "gti": ("min", "h"),
    "time": ("min", "h"),
    "pointing": ("rad", "arcmin"),
}
PARTS = {
    **{dim: (dim, f"{dim}_lo", f"{dim}_hi") for dim in ("energy", "energy_true", "rad")},
    "gti": ("gti_start", "gti_stop"),
    "time": ("time_start", "time_stop"),
    "pointing": ("pointing_lon", "pointing_lat"),
}
JOINT = [{name: units[k % len(units)] for name, units in UNITS.items()} for k in range(3)]


def changed(ds, units):
    """The dataset with variables, or axes and their edges, in other units."""
    new = {}
    for name, unit in units.items():
        for part in PARTS.get(name, (name,)):
            if part in ds.variables:
                variable = ds.variables[part]
                values = variable.values.astype(float) * conversion(variable.attrs["units"], unit)
                new[part] = xr.Variable(variable.dims, values, {**variable.attrs, "units": unit})
    coords = {k: v for k, v in new.items() if k in ds.coords}
    return ds.assign_coords(coords).assign({k: v for k, v in new.items() if k not in coords})


def compared(key, units, folder):
    """Assert that the result in other units is the same, and that there is one."""
    world = {k: changed(ds, units) for k, ds in made().items()} | {"folder": folder}
    found = called(key, world, CASES[key].compare)
    if CASES[key].compare:
        same(expected(key), found, CASES[key].rtol)


COMPARED = [key for key in targets() if not key.startswith("plot")]


@pytest.mark.parametrize("key", COMPARED)
@pytest.mark.filterwarnings("ignore::xgamma.XGammaWarning")
def test_units(key, tmp_path):
    """All at once; one after the other where that is not the same."""
    for together in JOINT:
        try:
            compared(key, together, tmp_path)
        except Exception:
            for name, unit in together.items():
                try:
                    compared(key, {name: unit}, tmp_path)
                except Exception as error:
                    raise AssertionError(f"{name} in {unit}: {error!r}") from error
