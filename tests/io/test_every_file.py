"""Every FITS and NetCDF file of the real data: what it holds is opened, or refused in one sentence."""

import re
import warnings

import pytest
import xarray as xr

import xgamma as xg


def use_dataset(path):
    """Read a dataset whole, check it, and sum it up."""
    with xg.open(path) as data:
        for issue in xg.validate(data.load(), "return"):
            assert "\n" not in issue
        data.gamma.info()


def use_runs(path):
    """Read the first run, responses and all, and ask where and when it was taken."""
    store = xg.open_store(path)
    obs = store[store.obs_ids[0]].load()
    for issue in xg.validate(obs, "return"):
        assert "\n" not in issue
    assert obs.gamma.livetime > 0
    assert obs.gamma.pointing.isscalar


def use_tables(path):
    """Read responses without a run."""
    xr.open_datatree(path, engine="gadf").load()


USES = {
    "open": use_dataset,
    "open_store": use_runs,
    "gadf": use_tables,
    "read_map": lambda path: xg.read_map(path).load(),
    "read_flux_points": xg.read_flux_points,
}


def kinds(folder):
    """Files to try: the first two of those that differ by their numbers only."""
    seen: dict[str, int] = {}
    for path in sorted(folder.rglob("*")):
        if path.name.endswith((".fits", ".fits.gz", ".fit", ".nc")):
            key = re.sub(r"\d{3,}", "N", str(path))
            seen[key] = seen.get(key, 0) + 1
            if seen[key] <= 2:
                yield path


@pytest.mark.parametrize("use", USES.values(), ids=list(USES))
def test_every_file_opens_or_is_refused_in_a_sentence(data, use):
    """Also HAWC's DL4 maps and the datasets of Fermi, whose bins are not as ours."""
    opened, bad = [], []
    for path in kinds(data):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", xg.XGammaWarning)
            try:
                use(path)
                opened.append(path.name)
            except xg.XGammaError as error:
                if "\n" in str(error) or not str(error).strip():
                    bad.append(f"{path}: no sentence: {error}")
            except Exception as error:
                bad.append(f"{path}: bare {type(error).__name__}: {error}")
    assert opened
    assert not bad, "\n".join(bad)
