"""The main pictures look as their baselines do."""

import pytest

pytest.importorskip("matplotlib", reason="pip install -e .[plot]")
import matplotlib as mpl
from matplotlib.testing.compare import compare_images

from tests.plot.pictures import BASELINE, PICTURES, save

pytestmark = pytest.mark.skipif(
    tuple(map(int, mpl.__version__.split(".")[:2])) < (3, 11),
    reason="text is laid out otherwise before matplotlib 3.11, with which the baselines were drawn",
)

# Root mean square over pixels of 0 to 255. Another font everywhere gives 7 to 12, more than another
# version of matplotlib would; the map drawn upside down gives 20.
TOLERANCE = 13


@pytest.mark.parametrize("name", PICTURES)
def test_as_the_baseline(name, tmp_path):
    drawn = tmp_path / f"{name}.png"
    save(name, drawn)
    difference = compare_images(str(BASELINE / f"{name}.png"), str(drawn), tol=TOLERANCE)
    assert difference is None, f"{difference}: if meant, python -m tests.plot.pictures"


def test_the_tolerance_tells_a_map_upside_down(tmp_path, monkeypatch):
    from tests.plot import pictures

    ds = pictures.map_dataset()
    turned = ds.assign(counts=ds.counts.copy(data=ds.counts.values[:, ::-1]))
    monkeypatch.setattr(pictures, "map_dataset", lambda: turned)
    save("map", tmp_path / "map.png")
    difference = compare_images(str(BASELINE / "map.png"), str(tmp_path / "map.png"), tol=TOLERANCE)
    assert difference is not None
