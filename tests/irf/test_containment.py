"""The fraction of a PSF within a radius, of every kind of PSF."""

import numpy as np
import pytest
import xarray as xr
from scipy.integrate import quad

from xgamma.irf.kind import PSFKind
from xgamma.irf.registry import kind_of
from xgamma.numerics.responses import king_profile


def containment(psf, energy, radius, offset):
    return kind_of(psf, PSFKind).containment(psf, energy, radius, np.array([offset]))


def response_of(columns, values):
    coords = {
        "energy_true": ("energy_true", [1.0, 10.0], {"units": "TeV", "interp": "log"}),
        "energy_true_lo": ("energy_true", [0.3, 3.0], {"units": "TeV"}),
        "energy_true_hi": ("energy_true", [3.0, 30.0], {"units": "TeV"}),
        "offset": ("offset", [0.0, 2.0], {"units": "deg", "interp": "lin"}),
        "offset_lo": ("offset", [0.0, 1.0], {"units": "deg"}),
        "offset_hi": ("offset", [1.0, 3.0], {"units": "deg"}),
    }
    dims = ("energy_true", "offset")
    data = {
        n: (dims, np.full((2, 2), v), {"units": "deg" if "sigma" in n else ""})
        for n, v in zip(columns, values, strict=True)
    }
    return xr.Dataset(data, coords=coords)


def test_containment_of_formulas():
    energy = np.array([1.0, 5.0])
    columns = ("scale", "sigma_1", "ampl_2", "sigma_2", "ampl_3", "sigma_3")
    gauss = response_of(columns, (1.0, 0.1, 0.5, 0.2, 0.0, 1.0))
    r = 0.15
    inside = 0.01 * (1 - np.exp(-0.5 * (r / 0.1) ** 2)) + 0.02 * (1 - np.exp(-0.5 * (r / 0.2) ** 2))
    np.testing.assert_allclose(containment(gauss, energy, r, 0.5), inside / 0.03)
    king = response_of(("gamma", "sigma"), (2.5, 0.1))

    def density(x):
        value = king_profile(np.array([x]), np.array([2.5]), np.array([0.1]))
        return 2 * np.pi * x * float(value.ravel()[0])

    np.testing.assert_allclose(containment(king, energy, r, 0.5), quad(density, 0, r)[0])


def test_containment_grows_to_one(wobble_run):
    psf = wobble_run["psf"].dataset
    parts = [containment(psf, np.array([1.0]), r, 0.5)[0] for r in (0.0, 0.05, 0.1, 0.3, 5.0)]
    assert parts[0] == 0.0
    assert (np.diff(parts) >= 0).all()
    assert parts[-1] == pytest.approx(1.0, abs=0.02)
