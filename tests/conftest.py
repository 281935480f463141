"""Shared fixtures: where the real data is, and gammapy."""

import os
from pathlib import Path

import pytest


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


def pytest_collection_modifyitems(items):
    """Refuse names of tests that differ from process to process: pytest-xdist compares them."""
    changing = [item.nodeid for item in items if " at 0x" in item.nodeid]
    if changing:
        raise pytest.UsageError(f"{changing[0]} holds an address: give parametrize ids.")
