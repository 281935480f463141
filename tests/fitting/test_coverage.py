"""A fast part of ``python -m tests.studies.estimators``: pulls and coverage within their scatter."""

import numpy as np
import pytest

from tests.studies.estimators import STUDIES


@pytest.mark.parametrize("name", sorted(STUDIES))
def test_pulls_and_coverage(name):
    found = STUDIES[name](16)
    n = found["n"]
    # Four standard deviations of toys, and the skewness of some ten counts in the mean.
    assert abs(found["mean"]) < 4 / np.sqrt(n) + 0.15
    assert abs(found["width"] - 1) < 4 / np.sqrt(2 * n) + 0.05
    assert abs(found["coverage"] - 68.3) < 4 * 100 * np.sqrt(0.683 * 0.317 / n) + 2
    assert abs(found["limits"] - 95) < 4 * 100 * np.sqrt(0.05 * 0.95 / n) + 2
