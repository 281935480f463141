"""Tables of flux points that lost a column, are out of order, or hold impossible errors."""

import numpy as np
import pytest
from astropy.table import Table

import xgamma as xg

GOOD = {
    "e_ref": [1.0, 2.0, 4.0],
    "e_min": [0.7, 1.4, 2.8],
    "e_max": [1.4, 2.8, 5.6],
    "dnde": [3e-12, 1e-12, -1e-14],
    "dnde_err": [1e-13, 1e-13, 1e-13],
}
UNITS = {"e_ref": "TeV", "e_min": "TeV", "e_max": "TeV", "dnde": "cm-2 s-1 TeV-1"}
UNITS["dnde_err"] = UNITS["dnde"]


def written(path, **changes):
    columns = {k: v for k, v in (GOOD | changes).items() if v is not None}
    table = Table(columns, units={k: UNITS[k] for k in columns}, meta={"SED_TYPE": "dnde"})
    table.write(path / "points.ecsv")
    return path / "points.ecsv"


def test_a_flux_below_zero_is_a_value(tmp_path):
    points = xg.read_flux_points(written(tmp_path))
    np.testing.assert_allclose(points.dnde, GOOD["dnde"])


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"e_max": None}, "has a column e_min, but no e_max"),
        ({"e_min": None}, "has a column e_max, but no e_min"),
        ({"e_ref": [1, 4, 2], "e_min": None, "e_max": None}, "do not increase"),
        ({"e_ref": [1, 1, 2], "e_min": None, "e_max": None}, "do not increase"),
        ({"dnde_err": [1e-13, -1e-13, 1e-13]}, "errors below 0"),
    ],
)
def test_refused(tmp_path, changes, sentence):
    with pytest.raises(xg.XGammaError, match=sentence):
        xg.read_flux_points(written(tmp_path, **changes))
