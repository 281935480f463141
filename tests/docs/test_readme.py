"""What the README and the first page show runs as it stands, on simulated and on real runs."""

import re
import warnings
from pathlib import Path

import pytest

import xgamma as xg
from tests.helpers.page_code import at_real, at_simulated

__all__ = ["at_real", "at_simulated"]
ROOT = Path(__file__).parents[2]
README, FIRST = ROOT / "README.md", ROOT / "docs" / "index.md"


def run(page: Path) -> dict:
    plt = pytest.importorskip("matplotlib.pyplot", reason="pip install -e .[plot]")
    plt.switch_backend("agg")
    code = re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf8"), re.M | re.S)
    assert code, "no example"
    names: dict = {}
    exec("\n".join(code), names)
    plt.close("all")
    return names


@pytest.mark.parametrize("page", [README, FIRST], ids=["README", "index"])
@pytest.mark.usefixtures("at_simulated")
def test_simulated(page):
    names = run(page)
    assert names["ds"].sizes["obs"] >= 1
    if page is README:
        assert xg.open("crab.nc").sizes["obs"] == 4


@pytest.mark.parametrize("page", [README, FIRST], ids=["README", "index"])
@pytest.mark.usefixtures("at_real")
def test_real(page):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", xg.XGammaWarning)
        assert run(page)["ds"].counts.sum() > 1000


def test_ten_lines():
    first = re.search(r"```python\n(.*?)```", README.read_text(encoding="utf8"), re.S)[1]
    statements = re.findall(r"^\S.*", first, re.M)
    assert len([line for line in statements if line not in ")"]) <= 10
