"""Shared fixtures: where the real data is, and gammapy."""

import os
import sys
from pathlib import Path

import pytest

# Nobody looks at what tests draw.
os.environ.setdefault("MPLBACKEND", "agg")


def find_data() -> Path | None:
    """The folder with real data, or None: `$XGAMMA_DATA`, else `../shared/data`."""
    named = os.environ.get("XGAMMA_DATA")
    folder = Path(named) if named else Path(__file__).parents[2] / "shared" / "data"
    return folder if folder.is_dir() else None


@pytest.fixture(scope="session")
def data() -> Path:
    """Real data; the test is skipped where there is none."""
    folder = find_data()
    if folder is None:
        pytest.skip(
            "no real data: set $XGAMMA_DATA to a folder that holds hess-dl3-dr1, cta-1dc, …"
        )
    return folder


@pytest.fixture(scope="session")
def gammapy():
    """gammapy; the test is skipped where it is not installed."""
    return pytest.importorskip("gammapy", reason="gammapy is not installed: pip install -e .[peer]")


@pytest.fixture(autouse=True)
def _no_open_figures():
    """Close figures before a test, so that none draws on what an earlier one left, and after."""
    _close_figures()
    yield
    _close_figures()


def _close_figures():
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


def pytest_collection_modifyitems(items):
    """Refuse names of tests that differ from process to process: pytest-xdist compares them."""
    changing = [item.nodeid for item in items if " at 0x" in item.nodeid]
    if changing:
        raise pytest.UsageError(f"{changing[0]} holds an address: give parametrize ids.")
