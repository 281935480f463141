"""Isotropic diffuse models of Fermi-LAT: text tables, against power laws between their rows."""

import numpy as np
import pytest

import xgamma as xg
from tests.helpers.fermi_files import write_isotropic


def test_a_table_is_a_power_law_between_its_rows(tmp_path):
    """The table is a power law, so that it is one everywhere, beyond its ends too."""
    write_isotropic(tmp_path / "iso.txt")
    model = xg.read_isotropic(tmp_path / "iso.txt")
    energy = np.geomspace(1e3, 1e7, 50)  # MeV
    np.testing.assert_allclose(
        model.spectral(energy * 1e-6).to_value("MeV-1 s-1 cm-2"), 1e-6 * energy**-2.3, rtol=1e-9
    )
    assert model.apply_irf == {"exposure": True, "psf": False, "edisp": False}
    assert [p.name for p in model.parameters if not p.frozen] == ["norm"]


@pytest.mark.parametrize(
    ("datasets", "name"),
    [(None, "fermi-diffuse-iso"), ("a", "isotropic_a"), (["a", "b"], "fermi-diffuse-iso")],
)
def test_names(tmp_path, datasets, name):
    write_isotropic(tmp_path / "iso.txt")
    model = xg.read_isotropic(tmp_path / "iso.txt", datasets=datasets)
    assert model.name == name
    assert model.acts_on("a")
    assert model.acts_on("c") is (datasets is None)
    again = xg.Models.from_yaml(xg.Models([model]).to_yaml())[0]
    assert again.spectral("1 TeV") == model.spectral("1 TeV")
    assert again.apply_irf == model.apply_irf


def test_prediction_is_intensity_times_exposure(tmp_path):
    write_isotropic(tmp_path / "iso.txt")
    energy = xg.energy_axis("10 GeV", "1 TeV", 8)
    ds = xg.create_map((0, 0), "4 deg", "0.5 deg", energy, energy_true="reco", name="d")
    exposure = ds.energy_true.copy(data=np.full(8, 3e11)).assign_attrs(units="cm2 s")
    ds = ds.gamma.with_responses(exposure=exposure)
    found = ds.gamma.npred_signal(xg.read_isotropic(tmp_path / "iso.txt")).sum(("y", "x"))
    edges = ds.gamma.edges("energy").to_value("MeV")
    flux = 1e-6 / 1.3 * (edges[:-1] ** -1.3 - edges[1:] ** -1.3)
    solid_angle = float(ds.gamma.solid_angle.sum())
    np.testing.assert_allclose(found, flux * 3e11 * solid_angle, rtol=1e-6)


BAD = {
    "words": ("some words of text\n" * 3, "two rows or more"),
    "one row": ("1e3 1e-8\n", "two rows or more"),
    "one column": ("1e3\n1e4\n", "two rows or more"),
    "nothing": ("", "two rows or more"),
    "ragged rows": ("1e3 1e-8 1\n1e4\n", "two rows or more"),
    "falling energies": ("1e4 1e-8\n1e3 1e-9\n", "increase from row to row"),
    "no energy": ("0 1e-8\n1e3 1e-9\n", "above 0 and increase"),
    "not a number": ("1e3 nan\n1e4 1e-9\n", "increase"),
    "no intensity": ("1e3 1e-8\n1e4 0\n", "intensities must be above 0"),
}


@pytest.mark.parametrize("bad", BAD)
def test_damaged_tables_are_refused_in_a_sentence(tmp_path, bad):
    text, says = BAD[bad]
    (tmp_path / "iso.txt").write_text(text)
    with pytest.raises(xg.XGammaError, match=says) as caught:
        xg.read_isotropic(tmp_path / "iso.txt")
    assert "\n" not in str(caught.value)


def test_no_file(tmp_path):
    with pytest.raises(xg.errors.MissingFileError):
        xg.read_isotropic(tmp_path / "iso.txt")
