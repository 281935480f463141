"""Configuration files: what they may say, how faults are named, what products record."""

import hashlib
import json

import pytest

import xgamma as xg
from xgamma.config import example, load_config, reduce_config
from xgamma.dl3 import simulate_store

pytest.importorskip("pydantic", reason="pydantic is not installed: pip install xgamma[config]")

GOOD = """\
observations:
  store: store
template:
  center: 83.63d 22.01d
  width: 3 deg
  binsz: 0.2 deg
  energy: {min: 0.5 TeV, max: 20 TeV, nbin: 4}
makers:
  offset_max: 1 deg
  safe_mask: {methods: [aeff-default]}
outputs:
  - path: out.nc
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("config")
    simulate_store(path / "store", n_runs=2, livetime="2 min")
    return path


@pytest.fixture
def write(folder, tmp_path):
    """Return a function that writes a configuration beside the store."""

    def write(text, *changes):
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "store").exists() or (tmp_path / "store").symlink_to(folder / "store")
        file = tmp_path / "a.yaml"
        file.write_text(text)
        return file

    return write


def test_the_example_is_valid(write):
    config = load_config(write(example()))
    assert config.makers.background["method"] == "fov"
    assert config.outputs[1].overwrite


def test_a_reduction_from_a_file_is_that_from_python(write):
    file = write(GOOD)
    ds = reduce_config(file)
    store = xg.open_store(file.parent / "store")
    into = xg.create_map("83.63d 22.01d", "3 deg", "0.2 deg", xg.energy_axis(0.5, 20, 4))
    same = xg.reduce(store, into=into, offset_max="1 deg", safe_mask=["aeff-default"])
    for name in same:
        assert ds[name].equals(same[name])
    assert xg.open(file.parent / "out.nc").counts.equals(same.counts)


def test_the_product_says_where_it_comes_from(write):
    file = write(GOOD, ("path: out.nc", "path: out.fits.gz"))
    reduce_config(file)
    ds = xg.open(file.parent / "out.fits.gz")
    assert ds.attrs["config"] == file.read_text()
    assert json.loads(ds.attrs["versions"])["xgamma"] == xg.__version__
    inputs = json.loads(ds.attrs["inputs"])
    assert inputs
    for name, checksum in inputs.items():
        data = (file.parent / "store" / name).read_bytes()
        assert hashlib.sha256(data).hexdigest() == checksum


def test_a_spectrum_and_processes(write):
    grid = "center: 83.63d 22.01d\n  width: 3 deg\n  binsz: 0.2 deg"
    file = write(
        GOOD,
        (grid, "region: icrs;circle(83.63, 22.01, 0.2)"),
        ("outputs:", "  background: {method: reflected}\nrun: {scheduler: processes}\noutputs:"),
        ("path: out.nc", "path: out.fits\n    format: ogip"),
        ("  offset_max: 1 deg\n", ""),
    )
    ds = reduce_config(file)
    assert "counts_off" in ds
    assert xg.open(file.parent / "out.fits").counts.sum() == ds.counts.sum()


def test_a_collection(write):
    file = write(GOOD, ("outputs:", "run: {stack: false}\noutputs:"))
    tree = reduce_config(file)
    assert list(xg.open(file.parent / "out.nc").children) == list(tree.children)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("store: store", "stor: store", "line 2: observations.stor: there is no such field"),
        ("store: store", "target: x", "line 1: observations.store: the field is missing."),
        ("max: 20 TeV", "max: 20 m", "line 7: template.energy.max: .*'m'"),
        ("nbin: 4", "nbin: 4.5", "line 7: template.energy.nbin: a whole number is required."),
        ("nbin: 4", "nbin: 0", "line 7: template.energy.nbin: Input should be greater than 0."),
        ("center: 83.63d 22.01d", "center: up", "line 4: template.center: "),
        ("binsz: 0.2 deg", "name: x", "line 3: template: a map requires binsz"),
        ("width: 3 deg", "region: icrs;circle(1,2,3)", "line 3: template: give either region"),
        (
            "methods: [aeff-default]",
            "foo: 1",
            "line 10: makers.safe_mask: safe_mask has no option 'foo'",
        ),
        (
            "offset_max",
            "background: {method: rng}\n  offset_max",
            "line 9: .*'rng' is not recognised",
        ),
        ("offset_max", "background: {rin: 1}\n  offset_max", "line 9: .*no option 'rin'"),
        ("outputs:", "run: {workers: 0}\noutputs:", "line 11: run.workers: "),
        ("outputs:", "run: {memory: much}\noutputs:", "line 11: run.memory: .*'2 GB'"),
        ("outputs:", "run: {scheduler: fast}\noutputs:", "line 11: run.scheduler: use threads"),
        ("makers:", "template:", "line 8: the field 'template' is given twice."),
        ("  binsz", " binsz", "line 6: "),
        ("  - path: out.nc", "  []", "line 11: outputs: at least one"),
    ],
)
def test_faults_name_line_and_field(write, old, new, fault):
    with pytest.raises(xg.XGammaError, match=f"a.yaml {fault}"):
        load_config(write(GOOD, (old, new)))


def test_all_faults_are_named_at_once(write):
    file = write(GOOD, ("nbin: 4", "nbin: x"), ("store: store", "stor: store"))
    with pytest.raises(xg.XGammaError) as caught:
        load_config(file)
    assert [line.split(": ")[1] for line in str(caught.value).splitlines()] == [
        "observations.store",
        "observations.stor",
        "template.energy.nbin",
    ] or len(str(caught.value).splitlines()) == 3


def test_files_that_hold_no_fields(write, tmp_path):
    for text in ("", "- 1\n"):
        with pytest.raises(xg.XGammaError, match="line 1: fields are required"):
            load_config(write(text))
    with pytest.raises(xg.MissingDataError, match="xgamma config --example"):
        load_config(tmp_path / "absent.yaml")


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ([("path: out.nc", "path: out.txt")], "does not match any format"),
        ([("path: out.nc", "path: absent/out.nc")], "does not exist"),
        ([("path: out.nc", "path: out.fits\n    format: ogip")], "stores spectra"),
        (
            [("out.nc", "out.fits"), ("outputs:", "run: {stack: false}\noutputs:")],
            "a single dataset",
        ),
        ([("outputs:", "run: {memory: 1 GB}\noutputs:")], "one output, ending in .zarr"),
        (
            [("outputs:", "run: {memory: 1 GB, stack: false}\noutputs:"), ("out.nc", "out.zarr")],
            "remove stack",
        ),
        ([("store: store", "store: store\n  target: Vela")], "relax target"),
        ([("store: store", "store: store\n  ids: [99]")], "no run 99"),
        ([("store: store", "store: lost")], "check the path"),
    ],
)
def test_nothing_is_computed_for_outputs_that_cannot_be(write, monkeypatch, changes, fault):
    monkeypatch.setattr("xgamma.reduction.fold.reduce_one", None)
    with pytest.raises(xg.XGammaError, match=fault):
        reduce_config(write(GOOD, *changes))


def test_existing_outputs_are_refused_first(write, monkeypatch):
    file = write(GOOD)
    (file.parent / "out.nc").touch()
    monkeypatch.setattr("xgamma.reduction.fold.reduce_one", None)
    with pytest.raises(xg.XGammaError, match="already exists: set overwrite: true"):
        reduce_config(file)


def test_a_mosaic_larger_than_memory(write):
    plain = reduce_config(write(GOOD), write=False)
    tiled = write(GOOD, ("outputs:", "run: {memory: 100 MB}\noutputs:"), ("out.nc", "out.zarr"))
    ds = reduce_config(tiled)
    assert ds.counts.chunks is not None
    assert ds.counts.equals(plain.counts)
    stored = xg.open(tiled.parent / "out.zarr")
    assert stored.attrs["config"] == tiled.read_text()
    assert xg.verify(tiled.parent / "out.zarr") == []
    assert json.loads(stored.attrs["inputs"]) == json.loads(plain.attrs["inputs"])


def test_runs_of_a_zarr_archive_have_checksums(write, folder, tmp_path):
    pytest.importorskip("zarr", reason="zarr is not installed: pip install xgamma[dask]")
    xg.write_archive(xg.open_store(folder / "store"), tmp_path / "a.zarr")
    file = write(GOOD, ("store: store", "store: a.zarr"))
    inputs = json.loads(reduce_config(file, write=False).attrs["inputs"])
    assert sorted(inputs) == ["runs/1", "runs/2"]
    assert json.loads(reduce_config(file, write=False).attrs["inputs"]) == inputs
    with (tmp_path / "a.zarr" / "runs" / "1" / "zarr.json").open("a") as stream:
        stream.write("\n")
    changed = json.loads(reduce_config(file, write=False).attrs["inputs"])
    assert [name for name in inputs if inputs[name] != changed[name]] == ["runs/1"]


def test_the_address_of_a_cluster(write, monkeypatch):
    distributed = pytest.importorskip("distributed", reason="distributed is not installed")
    options = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": ":0"}
    with distributed.LocalCluster(processes=False, **options) as cluster:
        address = f"run: {{scheduler: '{cluster.scheduler_address}'}}\noutputs:"
        ds = reduce_config(write(GOOD, ("outputs:", address)), write=False)
    assert ds.counts.equals(reduce_config(write(GOOD), write=False).counts)

    def refuse(*arguments, **options):
        raise OSError("refused")

    monkeypatch.setattr(distributed, "Client", refuse)
    file = write(GOOD, ("outputs:", "run: {scheduler: 'tcp://127.0.0.1:9'}\noutputs:"))
    with pytest.raises(xg.XGammaError, match="no dask scheduler at tcp://127"):
        reduce_config(file, write=False)


def test_urls(write, tmp_path):
    """An archive and a product that lie where fsspec knows; the checksums are those of a folder."""
    pytest.importorskip("zarr", reason="zarr is not installed: pip install xgamma[dask]")
    url = (tmp_path / "cloud").as_uri()
    store = xg.open_store(write(GOOD).parent / "store")
    xg.write_archive(store, f"{url}/runs.zarr")
    changes = (("store: store", f"store: {url}/runs.zarr"), ("out.nc", f"{url}/out.zarr"))
    file = write(GOOD, *changes)
    ds = reduce_config(file)
    assert xg.open(f"{url}/out.zarr").counts.equals(ds.counts)
    local = write(GOOD, ("store: store", "store: cloud/runs.zarr"))
    assert json.loads(ds.attrs["inputs"]) == json.loads(
        reduce_config(local, write=False).attrs["inputs"]
    )
    with pytest.raises(xg.XGammaError, match=r"out.zarr' already exists: set overwrite: true"):
        reduce_config(write(GOOD, *changes))
    with pytest.raises(xg.XGammaError, match="is a URL, which is supported for Zarr only"):
        reduce_config(write(GOOD, ("out.nc", f"{url}/out.nc")))
    with pytest.raises(xg.XGammaError, match=r"line 2: observations.store: a path or a URL"):
        load_config(write(GOOD, ("store: store", "store: 3")))


@pytest.mark.parametrize(
    ("text", "like"),
    [
        ("", None),
        ("  energy_true: reco\n", "reco"),
        ("  energy_true: responses\n", "responses"),
        ("  energy_true: {min: 0.2 TeV, max: 40 TeV, nbin: 7}\n", "axis"),
    ],
)
def test_the_axis_of_true_energy(write, folder, text, like):
    """As in Python: wider and finer when absent, that of energy, that of the runs, or any."""
    energy = xg.energy_axis("0.5 TeV", "20 TeV", 4)
    line = "  energy: {min: 0.5 TeV, max: 20 TeV, nbin: 4}\n"
    ds = reduce_config(write(GOOD, (line, line + text)), write=False)
    true = {
        "axis": xg.energy_axis(0.2, 40, 7, name="energy_true"),
        "responses": xg.open_store(folder / "store"),
    }.get(like, like)
    want = xg.create_map((0, 0), "1 deg", "0.5 deg", energy, true)
    assert (
        ds.gamma.edges("energy_true").value.tolist()
        == want.gamma.edges("energy_true").value.tolist()
    )


def test_a_word_that_is_no_axis(write):
    line = "  energy: {min: 0.5 TeV, max: 20 TeV, nbin: 4}\n"
    with pytest.raises(xg.XGammaError, match="energy_true"):
        load_config(write(GOOD, (line, line + "  energy_true: wide\n")))


def test_provenance_is_of_what_went_in(write, folder, monkeypatch):
    """A file that changes during the run is recorded as it was read, the configuration too."""
    from xgamma.reduction import front as module

    file = write(GOOD)
    text = file.read_text()
    real = module.reduce
    data = next(iter((folder / "store").rglob("obs_*.fits*")))
    content = data.read_bytes()

    def changing(*args, **kwargs):
        result = real(*args, **kwargs)
        file.write_text(text + "# another\n")
        data.write_bytes(content + b"x")
        return result

    monkeypatch.setattr(module, "reduce", changing)
    try:
        attrs = reduce_config(file).attrs
    finally:
        data.write_bytes(content)
    assert attrs["config"] == text
    assert hashlib.sha256(content).hexdigest() in json.loads(attrs["inputs"]).values()
