"""Configurations of fermipy: components, their files, and what cannot be read."""

import numpy as np
import pytest
from astropy.io import fits

import xgamma as xg
from tests.helpers.fermi_files import (
    write_counts,
    write_drm,
    write_exposure,
    write_isotropic,
    write_psf,
)


@pytest.fixture
def analysis(tmp_path):
    """Two components, with an isotropic model each, in a folder of output."""
    out = tmp_path / "out"
    out.mkdir()
    for i in (0, 1):
        write_counts(out / f"ccube_{i:02d}.fits", seed=i)
        write_exposure(out / f"bexpmap_{i:02d}.fits")
        write_psf(out / f"psf_{i:02d}.fits")
        write_drm(out / f"drm_{i:02d}.fits")
        write_isotropic(tmp_path / f"iso_PSF{i}.txt")
    text = "fileio: {outdir: out}\ncomponents:\n"
    text += "".join(f"- model: {{isodiff: [iso_PSF{i}.txt]}}\n" for i in (0, 1))
    (tmp_path / "config.yaml").write_text(text)
    return tmp_path / "config.yaml"


def test_each_component_is_a_dataset(analysis):
    tree = xg.read_fermipy(analysis)
    assert list(tree.children) == ["PSF0", "PSF1"]
    assert tree.gamma.models.names == ["isotropic_PSF0", "isotropic_PSF1"]
    for i, name in enumerate(tree.children):
        ds = tree.gamma.dataset(name)
        assert xg.validate(ds) == []
        expected = np.random.default_rng(i).poisson(2.0, (4, 10, 12))
        np.testing.assert_array_equal(ds.counts, expected)
        assert {"exposure", "psf", "edisp"} <= set(ds)


@pytest.mark.filterwarnings("ignore:The true energies of .* do not extend")
def test_components_are_fitted_at_once(analysis):
    """Each norm is that of its own counts: the ratio of counts to what is predicted."""
    tree = xg.read_fermipy(analysis)
    fit = xg.fit(tree, tree.gamma.models)
    assert fit.success
    for name in tree.children:
        ds = tree.gamma.dataset(name)
        model = xg.Models([m for m in tree.gamma.models if m.acts_on(name)])
        ratio = float(ds.counts.sum() / ds.gamma.npred(model).sum())
        norm = fit.models[f"isotropic_{name}"].spectral.model2.norm.value
        assert norm == pytest.approx(ratio, rel=1e-3)


def test_margins_are_left_out(analysis):
    tree = xg.read_fermipy(analysis, edisp_bins=1)
    ds = tree.gamma.dataset("PSF0")
    assert ds.sizes["energy"] == 2
    assert ds.sizes["energy_true"] == 4
    whole = xg.read_fermipy(analysis).gamma.dataset("PSF0")
    np.testing.assert_array_equal(ds.edisp, whole.edisp[:, 1:3])
    assert xg.validate(ds) == []


def test_one_component_without_a_list_and_a_model(analysis):
    analysis.write_text("fileio: {outdir: out}\n")
    tree = xg.read_fermipy(analysis)
    assert list(tree.children) == ["component_00"]
    assert tree.gamma.models.names == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("just words", "not a configuration of fermipy"),
        ("a: [1, 2", "line"),
        ("fileio: {outdir: elsewhere}", "has no file"),
        ("fileio: {outdir: out}\ncomponents: [1]", "no section"),
        ("fileio: {outdir: out}\nmodel: {isodiff: [a.txt, b.txt]}", "name one file"),
        (
            "fileio: {outdir: out}\nmodel: {isodiff: nowhere.txt}",
            "isotropic model .* does not exist",
        ),
        ("fileio: {outdir: 5}", "outdir=5"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_sentence(analysis, text, says):
    analysis.write_text(text)
    with pytest.raises(xg.XGammaError, match=says) as caught:
        xg.read_fermipy(analysis)
    assert "\n" not in str(caught.value)


def test_too_many_margins(analysis):
    with pytest.raises(xg.XGammaError, match="leaves none of 4"):
        xg.read_fermipy(analysis, edisp_bins=2)


def test_counts_and_dispersion_of_two_analyses(analysis):
    path = analysis.parent / "out/ccube_00.fits"
    with fits.open(path, mode="update") as hdus:
        hdus["EBOUNDS"].data["E_MIN"] *= 2
        hdus["EBOUNDS"].data["E_MAX"] *= 2
    with pytest.raises(xg.errors.AxisError, match="energies that differ"):
        xg.read_fermipy(analysis)
