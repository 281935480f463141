"""The store on real archives: index, selection, opening."""

import pickle

import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from xgamma.dl3.store import Store

HESS_CRAB = [23523, 23526, 23559, 23592]


@pytest.fixture(scope="module")
def hess(data) -> Store:
    return xg.open_store(data / "hess-dl3-dr1")


def test_table(hess):
    assert len(hess) == 29
    assert hess.obs_ids[:2] == [20734, 23523]
    assert isinstance(hess.table, xr.Dataset)
    assert hess.table["zen_pnt"].attrs["units"] == "deg"
    assert hess.table.to_dataframe()["obs_id"].iloc[0] == 20734
    assert "PKS 2155-304 (21)" in repr(hess)
    assert 23523 in hess
    assert 5 not in hess


@pytest.mark.parametrize(
    "name", ["Crab Nebula", "crabnebula", "CRAB  nebula", "Crab", "crab_nebula"]
)
def test_select_target(hess, name):
    assert hess.select(target=name).obs_ids == HESS_CRAB


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"target": ["crab", "nothing"]}, HESS_CRAB),
        ({"cone": ("83.63d 22.01d", "1 deg")}, [23523, 23526]),
        ({"cone": ((184.557, -5.784), 1), "frame": "galactic"}, [23523, 23526]),
        ({"box": ((83, 84), (20, "23 deg"))}, [23523, 23526]),
        ({"box": ((300, 100), (10, 30))}, HESS_CRAB),
        ({"time": ("2004-12-04T22:00:00", "2004-12-04T22:30:00")}, [23523]),
        ({"target": "crab", "zenith": (0, "46 deg")}, [23526, 23559]),
        ({"target": "crab", "tstart": slice(None, 1.239e8)}, [23523, 23526]),
        ({"TARGET_TAG": "Crab"}, HESS_CRAB),
        ({"obs_id": [23592, 23523]}, [23592, 23523]),
        ({"obs_id": 23592}, [23592]),
        ({"N_TELS": [4, 5], "target": "crab"}, HESS_CRAB),
        ({"quality": 0, "target": "crab"}, HESS_CRAB),
        ({"tstart": lambda t: t > 1.24e8, "target": "crab"}, [23559, 23592]),
    ],
)
def test_select(hess, condition, expected):
    found = hess.select(**condition)
    if expected == [23523, 23559, 23592]:
        expected = [
            o for o in HESS_CRAB if float(hess.table.livetime[hess.table.obs_id == o]) >= 1580
        ]
    if "muoneff" in condition:
        expected = [o for o in HESS_CRAB if float(hess.table.muoneff[hess.table.obs_id == o]) > 0.9]
    assert found.obs_ids == expected


def test_select_nothing_warns_and_iterates(hess):
    with pytest.warns(xg.XGammaWarning, match="target='Vela'"):
        none = hess.select(target="Vela")
    assert len(none) == 0
    assert list(none) == []
    assert "0 observations" in repr(none)


def test_unknown_run_names_the_nearest(hess):
    with pytest.raises(xg.MissingDataError, match="no run 23524: the nearest are 23523, 23526"):
        hess[23524]
    with pytest.raises(xg.MissingDataError, match="no run 1:"):
        hess.select(obs_id=[1])


def test_unknown_column(hess):
    with pytest.raises(xg.MissingDataError, match="no column 'nonsense'"):
        hess.select(nonsense=1)


def test_pickle(hess):
    again = pickle.loads(pickle.dumps(hess.select(target="crab")))
    xr.testing.assert_identical(again[23523], hess[23523])


def test_relative_path_and_threads(data, monkeypatch):
    """What a worker gets opens in its own folder, and threads share one store."""
    from concurrent.futures import ThreadPoolExecutor

    monkeypatch.chdir(data)
    store = xg.open_store("cta-1dc")
    obs = store[110380]
    files = xg.open_store(["hess-dl3-dr1/data/hess_dl3_dr1_obs_id_023523.fits.gz"])
    monkeypatch.chdir("/")
    assert str(store.path) == "cta-1dc"
    assert files[23523].name == "23523"
    assert pickle.loads(pickle.dumps(obs))["aeff"]["aeff"].max() > 0
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(pickle.loads(pickle.dumps(store)).open, store.obs_ids * 4))
    values = [run["edisp"]["edisp"].values for run in runs]
    assert all(np.shares_memory(values[0], other) for other in values)


def test_groups(hess):
    assert list(hess.open(23523, groups=["events", "aeff"]).children) == [
        "events",
        "pointing",
        "aeff",
    ]
    with pytest.raises(xg.MissingDataError, match="no group 'flux'"):
        hess.open(23523, groups=["flux"])


def test_cta_index_with_relative_folders_and_shared_responses(data):
    store = xg.open_store(data / "cta-1dc" / "index" / "gps")
    one, two = store[110380], store[111140]
    assert one["bkg"]["bkg"].attrs["units"] == "MeV-1 s-1 sr-1"
    values = one["edisp"]["edisp"].values
    assert np.shares_memory(values, two["edisp"]["edisp"].values)
    with pytest.raises(ValueError, match="read-only"):
        values[0] = 0
    one["aeff"].attrs["EXTNAME"] = "changed"
    assert store[110380]["aeff"].attrs["EXTNAME"] == "EFFECTIVE AREA"
    # An index below the folder is found too.
    assert xg.open_store(data / "cta-1dc").obs_ids == store.obs_ids


def test_caldb(data):
    """Files without an index find the responses that their headers name."""
    folder = data / "cta-1dc" / "data" / "baseline" / "gps"
    store = xg.open_store(folder, caldb=data / "cta-1dc" / "caldb")
    indexed = xg.open_store(data / "cta-1dc")
    assert store.obs_ids == indexed.obs_ids
    xr.testing.assert_identical(store[110380], indexed[110380])
    assert "aeff" not in xg.open_store(folder)[110380].children


def test_files_without_index(data):
    files = sorted((data / "hess-dl3-dr1" / "data").glob("*02352*.gz"))
    store = xg.open_store(files)
    assert store.obs_ids == [23523, 23526]
    assert store.select(target="crab nebula").obs_ids == [23523, 23526]
    indexed = xg.open_store(data / "hess-dl3-dr1")
    xr.testing.assert_identical(store[23523], indexed[23523])
    assert xg.open_store(files[0]).obs_ids == [23523]


def test_magic(data):
    obs = xg.open_store(data / "magic")[5029747]
    assert obs.gamma.is_pointlike
    assert dict(obs["rad_max"].sizes) == {"energy": 20, "offset": 1}
    assert obs["aeff"]["offset"].item() == pytest.approx(0.4)
    assert obs["aeff"].attrs["HDUCLAS3"] == "POINT-LIKE"


def test_public_names():
    """What the package offers is not hidden by a module of the same name."""
    import importlib
    import pkgutil

    import xgamma.dl3

    for module in pkgutil.iter_modules(xgamma.dl3.__path__):
        importlib.import_module(f"xgamma.dl3.{module.name}")
    assert all(callable(getattr(xgamma.dl3, name)) for name in xgamma.dl3.__all__)
    assert dir(xgamma.dl3) == xgamma.dl3.__all__
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = xgamma.dl3.nothing
