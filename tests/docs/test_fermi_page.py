"""The page on Fermi-LAT, run on the real files."""

import re
import warnings
from pathlib import Path

import pytest

import xgamma as xg

PAGE = Path(__file__).parents[2] / "docs/how-to/fermi.md"


def test_the_page_runs(data, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib", reason="pip install -e .[plot]")
    pytest.importorskip("astropy_healpix", reason="pip install -e .[healpix]")
    for name in ("fermi-3fhl-gc", "fermi_3fhl", "tests"):
        if not (data / name).is_dir():
            pytest.skip(f"no {name} in the real data")
        (tmp_path / name).symlink_to(data / name)
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf8"), re.M | re.S)
    known = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", xg.XGammaWarning)
        for block in blocks:
            if "read_fermipy" not in block:
                exec(block, known)
    fit = known["fit"]
    assert fit.success
    assert 2.5 < fit.models["source"].spectral.index.value < 3.2
    assert known["on_map"].dims == ("energy_true", "y", "x")
    assert known["sky"].get_figure() is known["spectrum"].get_figure()
