"""Spectra: values, integrals, errors, tables and units."""

import numpy as np
import pytest
import xarray as xr
from astropy import units as u
from scipy.integrate import quad

from xgamma.errors import UnitError, XGammaError
from xgamma.modeling import spectral as sp
from xgamma.modeling.ebl import EBLAbsorption, read_ebl
from xgamma.modeling.prior import gaussian_prior, uniform_prior
from xgamma.modeling.spectral_fermi import (
    ExpCutoffPowerLaw3FGL,
    SuperExpCutoff3FGL,
    SuperExpCutoff4FGL,
    SuperExpCutoff4FGLDR3,
)
from xgamma.modeling.spectral_norms import (
    ExpCutoffPowerLawNorm,
    LogParabolaNorm,
    PiecewiseNorm,
    PowerLawNorm,
)
from xgamma.modeling.spectral_table import TemplateSpectrum

FLUX = u.Unit("cm-2 s-1 TeV-1")
PLAIN = [
    sp.PowerLaw(index=2.3),
    sp.PowerLaw(index=1),
    sp.PowerLaw2(index=2.5),
    PowerLawNorm(tilt=0.3),
    sp.Constant(),
    sp.ExpCutoffPowerLaw(index=2, lambda_="0.2 TeV-1"),
    ExpCutoffPowerLawNorm(),
    ExpCutoffPowerLaw3FGL(ecut="5 TeV"),
    SuperExpCutoff3FGL(),
    SuperExpCutoff4FGL(),
    SuperExpCutoff4FGLDR3(),
    sp.BrokenPowerLaw(index1=1.5, index2=3),
    sp.SmoothBrokenPowerLaw(index1=1.5, index2=3, beta=0.2),
    sp.SmoothBrokenPowerLaw(index1=3, index2=1.5),
    sp.LogParabola(beta=0.2),
    LogParabolaNorm(beta=0.1),
    sp.LogParabola2(beta=0.15, alpha=2.2, reference="3 TeV"),
    PiecewiseNorm([0.2, 0.9, 3, 20], norms=[1, 2, 0.5, 1.5]),
    PiecewiseNorm([0.2, 0.9, 3, 20] * u.TeV, norms=[1, 2, 0.5, 1.5], interp="lin"),
    sp.PowerLaw() * PiecewiseNorm([0.2, 0.9, 3, 20], norms=[1, 2, 0.5, 1.5]),
    sp.BrokenPowerLaw(index1=1, index2=4) * PowerLawNorm(tilt=0.1),
    sp.LineSpectrum(mean="3 TeV", sigma="0.3 TeV"),
    sp.PowerLaw() * PowerLawNorm(tilt=0.2, norm=2),
    sp.PowerLaw() + sp.LogParabola(),
]


@pytest.mark.parametrize("model", PLAIN, ids=lambda m: type(m).__name__)
@pytest.mark.parametrize("power", [0, 1])
def test_integral_is_the_integral(model, power):
    for low, high in ((0.5, 1.5), (1.0, 10.0), (0.03, 30.0)):
        expected = quad(
            lambda e: float(model.kernel(np.array(e))) * e**power * 1e12,
            low,
            high,
            limit=400,
            epsabs=0,
            points=[0.2, 0.9, 1.0, 2.2, 3.0, 3.8, 20.0],
        )[0]
        got = model.kernel_integral(np.array([low]), np.array([high]), power)[0] * 1e12
        assert got == pytest.approx(expected, rel=3e-6)


@pytest.mark.parametrize("model", PLAIN, ids=lambda m: type(m).__name__)
def test_against_peer(gammapy, model):
    from gammapy.modeling.models import Models as PeerModels
    from gammapy.modeling.models import SkyModel as PeerSkyModel

    from xgamma.modeling.count_models import FoVBackground
    from xgamma.modeling.models import Models
    from xgamma.modeling.sky_model import SkyModel

    wrapped = FoVBackground("d", model) if model.unit == "" else SkyModel(model, name="m")
    peer = PeerModels.from_yaml(Models(wrapped).to_yaml())[0]
    assert isinstance(peer, PeerSkyModel) or model.unit == ""
    energy = np.geomspace(0.02, 90, 40) * u.TeV
    theirs = peer.spectral_model(energy)
    np.testing.assert_allclose(
        model(energy).to_value(theirs.unit), theirs.value, rtol=1e-9, atol=1e-40
    )


def test_labels_and_units():
    energy = xr.DataArray([1000.0, 10000.0], dims="energy_true", attrs={"units": "GeV"})
    flux = sp.PowerLaw()(energy)
    assert flux.attrs["units"] == "TeV-1 s-1 cm-2"
    np.testing.assert_allclose(flux, [1e-12, 1e-14])
    assert sp.PowerLaw()(1000 * u.GeV).unit == FLUX
    assert sp.PowerLaw().integral("1 TeV", "10 TeV").unit.is_equivalent("cm-2 s-1")
    assert sp.PowerLaw().energy_flux("1 TeV", "10 TeV").unit.is_equivalent("erg cm-2 s-1")


def test_units_are_kept_and_converted():
    model = sp.PowerLaw(amplitude=1e-15 * u.Unit("m-2 s-1 GeV-1"), reference="1000 GeV")
    assert model.amplitude.unit == "1 / (GeV s m2)"
    assert model("1 TeV").to_value("m-2 s-1 GeV-1") == pytest.approx(1e-15)
    with pytest.raises(UnitError, match="amplitude has the unit 'TeV'"):
        sp.PowerLaw(amplitude="3 TeV")
    with pytest.raises(XGammaError, match="PowerLaw has no parameter 'gamma'"):
        sp.PowerLaw(gamma=2)
    with pytest.raises(UnitError, match="cannot be combined with 'add'"):
        sp.PowerLaw() + PowerLawNorm()


def test_out_of_range():
    model = sp.PowerLaw()
    model.index.min, model.index.max = 0, 5
    with pytest.raises(XGammaError, match="'index' = 7 is outside its range 0 to 5"):
        model.index = 7


def test_assigning_a_parameter_links_it():
    first, second = sp.PowerLaw(), sp.PowerLaw()
    second.index = first.index
    first.index = 3.1
    assert second.index.value == 3.1
    assert sp.PowerLaw().index.value == 2.0


def test_error_propagation_of_a_power_law():
    model = sp.PowerLaw(index=2.5)
    model.amplitude.error, model.index.error = 1e-13, 0.2
    model.covariance = np.array([[0.04, 1e-14, 0], [1e-14, 1e-26, 0], [0, 0, 0]])
    energy = np.array([0.3, 1.0, 7.0])
    flux, error = model.evaluate_error(energy)
    log_e = np.log(energy)
    relative = np.sqrt(0.01 + log_e**2 * 0.04 - 2 * log_e * 1e-14 / 1e-12)
    np.testing.assert_allclose(error / flux, relative, rtol=1e-4)
    _, wide = model.integral_error("1 TeV", "10 TeV")
    assert wide.value > 0
    # The pivot is where the derivative of the relative error vanishes.
    assert model.pivot_energy().value == pytest.approx(np.exp(0.01 / 0.04), rel=1e-2)


def test_no_pivot_without_errors():
    with pytest.raises(XGammaError, match="fit it first"):
        sp.PowerLaw().pivot_energy()


def test_template():
    nodes = np.geomspace(0.1, 100, 20)
    exact = sp.PowerLaw(index=2.2)
    table = TemplateSpectrum(nodes * u.TeV, exact(nodes))
    energy = np.geomspace(0.2, 80, 30)
    np.testing.assert_allclose(table(energy).value, exact(energy).value, rtol=1e-12)
    assert table("200 TeV").value == 0
    np.testing.assert_allclose(
        table.integral(0.3, 7).value, exact.integral(0.3, 7).value, rtol=1e-12
    )
    wide = TemplateSpectrum(nodes * u.TeV, exact(nodes), extrapolate=True)
    assert wide("200 TeV").value == pytest.approx(exact("200 TeV").value)
    with pytest.raises(XGammaError, match="increasing energies"):
        TemplateSpectrum([1, 1], [1, 2])


def test_ebl(tmp_path, gammapy):
    from astropy.io import fits
    from gammapy.modeling.models import EBLAbsorptionNormSpectralModel

    edges = np.geomspace(1e7, 1e11, 31)
    redshift = np.array([0.05, 0.1, 0.3, 0.5])
    energy = np.sqrt(edges[1:] * edges[:-1])
    spectra = np.exp(-redshift[:, None] * 5 * (energy / 1e9) ** 0.8)
    width = redshift.size
    hdus = [
        fits.PrimaryHDU(),
        fits.BinTableHDU.from_columns(
            [fits.Column("VALUE", f"{width}E", array=redshift[None])], name="PARAMETERS"
        ),
        fits.BinTableHDU.from_columns(
            [
                fits.Column("ENERG_LO", "E", array=edges[:-1]),
                fits.Column("ENERG_HI", "E", array=edges[1:]),
            ],
            name="ENERGIES",
        ),
        fits.BinTableHDU.from_columns(
            [
                fits.Column("PARAMVAL", "E", array=redshift),
                fits.Column("INTPSPEC", "30E", array=spectra),
            ],
            name="SPECTRA",
        ),
    ]
    path = tmp_path / "ebl.fits"
    fits.HDUList(hdus).writeto(path)
    ours = read_ebl(path, redshift=0.2, alpha_norm=1.1)
    theirs = EBLAbsorptionNormSpectralModel.read(path, redshift=0.2, alpha_norm=1.1)
    at = np.geomspace(0.02, 30, 50) * u.TeV
    np.testing.assert_allclose(ours(at).value, theirs(at).value, rtol=1e-5, atol=1e-12)
    absorbed = sp.PowerLaw() * ours
    assert absorbed("10 TeV") < sp.PowerLaw()("10 TeV")
    table = EBLAbsorption([1, 10], [0.1], [[1.0, 0.5]])
    assert float(table("10 TeV")) == pytest.approx(0.5)
    with pytest.raises(XGammaError, match=r"absorption table .* does not exist"):
        read_ebl(tmp_path / "none.fits")


def test_priors():
    assert gaussian_prior(1, 0.5).stat(1.5) - gaussian_prior(1, 0.5).stat(1) == pytest.approx(1)
    assert uniform_prior(0, 2).stat(3) == np.inf
    with pytest.raises(XGammaError, match="positive width"):
        gaussian_prior(1, 0)


def test_plot():
    import matplotlib as mpl

    mpl.use("Agg")
    model = sp.PowerLaw()
    model.index.error = 0.1
    ax = model.plot(("1 TeV", "10 TeV"))
    assert ax.get_xscale() == "log"
    assert len(ax.collections) == 1
