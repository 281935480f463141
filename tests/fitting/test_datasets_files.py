"""``datasets.yaml`` of gammapy, both ways, with models and their covariance."""

import warnings

import numpy as np
import pytest
import yaml

import xgamma as xg
from tests.sweeps.cases import KINDS, made
from xgamma.fitting.attached import models_of
from xgamma.tutorial import example_model


@pytest.fixture(scope="module")
def tree():
    work = made()
    spectrum = work["spectrum"].assign_attrs(name="on-off")
    plain = work["spectrum"].assign(background=work["spectrum"].gamma.background)
    plain = plain.drop_vars(["counts_off", "acceptance", "acceptance_off"], errors="ignore")
    points = KINDS["points"](work).assign_attrs(name="points")
    rings = KINDS["onoff"](work).assign_attrs(name="rings")
    parts = [work["map"], rings, spectrum, plain.assign_attrs(name="plain"), points]
    return xg.collect(parts).gamma.with_models(models())


def models():
    """A source whose parameters are correlated."""
    source = example_model()
    n = len(source.spectral.parameters)
    root = np.tril(np.arange(1.0, n * n + 1).reshape(n, n)) * 1e-2
    errors = np.sqrt(np.diag(root @ root.T))
    scale = np.diag([1.0 if p.name != "amplitude" else 1e-12 for p in source.spectral.parameters])
    source.spectral.covariance = scale @ root @ root.T @ scale
    for parameter, error in zip(source.spectral.parameters, errors * np.diag(scale), strict=True):
        parameter.error = float(error)
    return xg.Models([source])


@pytest.fixture(scope="module")
def gammapy():
    pytest.importorskip("gammapy.datasets")
    import gammapy.datasets

    return gammapy


def read_by_gammapy(folder):
    from gammapy.datasets import Datasets

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Datasets.read(
            folder / "datasets.yaml",
            folder / "datasets_models.yaml",
            # gammapy reads on-off maps in no other way.
            lazy=False,
            checksum=False,
        )


def test_fermi_datasets_open(data):
    tree = xg.open(data / "fermi-3fhl-crab" / "Fermi-LAT-3FHL_datasets.yaml", resample=True)
    assert list(tree.children) == ["Fermi-LAT"]
    assert tree["Fermi-LAT"].attrs["name"] == "Fermi-LAT"
    assert int(tree["Fermi-LAT"].counts.sum()) > 0


def test_files_are_beside_the_yaml(data, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        xg.MissingFileError, match=r"'nHit-6' in 'nHit-6.fits.gz', which is not there"
    ):
        xg.open(data / "hawc" / "DL4" / "HAWC_pass4_public_Crab.yaml")


def test_collection_goes_and_comes_back_with_its_models(tree, tmp_path):
    path = tmp_path / "datasets.yaml"
    xg.write_datasets(tree, path)
    back = xg.open(path)
    assert list(back.children) == list(tree.children)
    for name in tree.children:
        assert back[name].attrs["name"] == tree[name].attrs["name"]
        ours, theirs = tree[name].to_dataset(), back[name].to_dataset()
        np.testing.assert_allclose(xg.stat_sum(theirs), xg.stat_sum(ours), rtol=1e-6)
        if name != "points":
            np.testing.assert_allclose(theirs.gamma.npred(), ours.gamma.npred(), rtol=1e-6)
    np.testing.assert_allclose(xg.stat_sum(back), xg.stat_sum(tree), rtol=1e-6)
    found = models_of(back)["crab"].spectral.covariance
    np.testing.assert_allclose(found, models()["crab"].spectral.covariance, rtol=1e-12)
    with pytest.raises(xg.XGammaError, match="overwrite"):
        xg.write_datasets(tree, path)
    xg.write_datasets(tree, path, overwrite=True)


def test_gammapy_reads_the_collection(tree, gammapy, tmp_path):
    xg.write_datasets(tree, tmp_path / "datasets.yaml")
    found = read_by_gammapy(tmp_path)
    assert [type(d).__name__ for d in found] == [
        "MapDataset",
        "MapDatasetOnOff",
        "SpectrumDatasetOnOff",
        "SpectrumDataset",
        "FluxPointsDataset",
    ]
    assert found.models.names == ["crab"]
    # gammapy takes the parameters of all components together.
    n = len(models()["crab"].spectral.parameters)
    np.testing.assert_allclose(
        found.models.covariance.data[:n, :n], models()["crab"].spectral.covariance, rtol=1e-12
    )
    # The same datasets, once more through the files of both.
    again = tmp_path / "again"
    again.mkdir()
    xg.write_datasets(xg.open(tmp_path / "datasets.yaml"), again / "datasets.yaml")
    same_figures(found, read_by_gammapy(again))


def same_figures(expected, found):
    assert found.names == expected.names
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for one, other in zip(expected, found, strict=True):
            np.testing.assert_allclose(other.stat_sum(), one.stat_sum(), rtol=1e-6)
            if one.tag != "FluxPointsDataset":
                np.testing.assert_allclose(
                    other.npred_signal().data, one.npred_signal().data, rtol=1e-6, atol=1e-7
                )


# gammapy keeps who made what it read.
@pytest.mark.filterwarnings("ignore:The file .* has no HDU .*, which xgamma writes last")
def test_collection_of_gammapy_opens_with_its_models(tree, gammapy, tmp_path):
    xg.write_datasets(tree, tmp_path / "datasets.yaml")
    theirs = read_by_gammapy(tmp_path)
    folder = tmp_path / "out"
    folder.mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs.write(folder / "datasets.yaml", folder / "models.yaml")
    back = xg.open(folder / "datasets.yaml", models=folder / "models.yaml")
    assert [d.attrs["name"] for d in back.children.values()] == theirs.names
    for name in back.children:
        expected, found = tree[name].to_dataset(), back[name].to_dataset()
        np.testing.assert_allclose(xg.stat_sum(found), xg.stat_sum(expected), rtol=1e-6)
        if name != "points":
            # gammapy writes in single precision.
            np.testing.assert_allclose(
                found.gamma.npred(), expected.gamma.npred(), rtol=1e-5, atol=1e-6
            )
    write_again = tmp_path / "again"
    write_again.mkdir()
    xg.write_datasets(back, write_again / "datasets.yaml")
    same_figures(theirs, read_by_gammapy(write_again))
    found = models_of(back)["crab"].spectral.covariance
    np.testing.assert_allclose(found, models()["crab"].spectral.covariance, rtol=1e-12)


def test_paths_are_expanded(tree, monkeypatch, tmp_path):
    (tmp_path / "files").mkdir()
    xg.write_datasets(tree, tmp_path / "files" / "datasets.yaml")
    listed = yaml.safe_load((tmp_path / "files" / "datasets.yaml").read_text())
    first = listed["datasets"][0]
    monkeypatch.setenv("XGAMMA_TEST_FILES", str(tmp_path / "files"))
    monkeypatch.setenv("HOME", str(tmp_path))
    for folder in ("$XGAMMA_TEST_FILES", "~/files", str(tmp_path / "files"), "files"):
        text = {"datasets": [{**first, "filename": f"{folder}/{first['filename']}"}]}
        text["models"] = f"{folder}/datasets_models.yaml"
        (tmp_path / "datasets.yaml").write_text(yaml.safe_dump(text))
        back = xg.read_datasets(tmp_path / "datasets.yaml")
        assert models_of(back).names == ["crab"]


def test_spectra_may_be_in_ogip(tree, tmp_path):
    spectrum = tree["on-off"].to_dataset()
    spectrum.gamma.to_ogip(tmp_path / "pha_obs1.fits")
    entry = {"name": "on-off", "type": "SpectrumDatasetOnOff", "filename": "pha_obs1.fits"}
    (tmp_path / "datasets.yaml").write_text(yaml.safe_dump({"datasets": [entry]}))
    back = xg.open(tmp_path / "datasets.yaml", models=models())["on-off"].to_dataset()
    np.testing.assert_allclose(xg.stat_sum(back), xg.stat_sum(spectrum), rtol=1e-6)


def test_a_list_of_datasets_is_written_by_its_ending(tree, tmp_path):
    xg.find_format("datasets-yaml").save(tree, tmp_path / "a.yml")
    assert list(xg.open(tmp_path / "a.yml").children) == list(tree.children)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("datasets:\n- name: a\n", "no name or no filename"),
        ("datasets: \nother: 1\n", "lists no datasets"),
        ("datasets: 3\n", "lists no datasets"),
        ("datasets:\n- {name: a, filename: none.fits}\n", "which is not there"),
        ("datasets:\n- {name: a, filename: $NOT_SET_ANY/none.fits}\n", "not set: set it"),
        ("datasets:\n- {name: a, filename: 3}\n", "filename=3 must be the path"),
        (
            "datasets:\n- {name: a, type: PolarisationDataset, filename: small.fits}\n",
            "has the type 'PolarisationDataset', which is not read here: there are MapDataset,",
        ),
        (
            "datasets:\n- {name: a, type: SpectrumDataset, filename: small.fits}\n",
            "should be a SpectrumDataset, but 'small.fits' contains a MapDataset",
        ),
        (
            "datasets:\n- {name: a, type: MapDataset, filename: rings.fits}\n",
            "should be a MapDataset, but 'rings.fits' contains a MapDatasetOnOff",
        ),
        (
            "datasets:\n- {name: a, filename: small.fits}\n- {name: a, filename: rings.fits}\n",
            "lists two datasets 'a'",
        ),
        ("datasets:\n- {name: a, filename: small.fits}\nmodels: no.yaml\n", "'no.yaml', which is"),
    ],
)
def test_damaged_lists_are_refused(tree, text, says, tmp_path):
    for name in ("small", "rings"):
        tree[name].to_dataset().gamma.to_fits(tmp_path / f"{name}.fits")
    path = tmp_path / "datasets.yaml"
    path.write_text(text)
    with pytest.raises(xg.XGammaError, match=says):
        xg.open(path)


def test_two_datasets_of_one_file_are_refused(tree, tmp_path):
    small = tree["small"].to_dataset()
    both = [small.assign_attrs(name="a b"), small.assign_attrs(name="a_b")]
    with pytest.raises(xg.XGammaError, match="would go to one file"):
        xg.write_datasets(both, tmp_path / "datasets.yaml")
    assert not list(tmp_path.iterdir())
