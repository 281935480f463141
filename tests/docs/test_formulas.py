"""The formulas on the science pages, written out, give what the code gives."""

import numpy as np
import pytest

from tests.helpers.loglog import integrate_loglog
from xgamma.numerics import statistics as stats
from xgamma.numerics.responses import king_profile
from xgamma.numerics.ts_map import ts_map
from xgamma.numerics.ts_source import Source

CASES = [(15, 10, 0.5, 3.0), (3, 40, 0.1, 0.7), (200, 150, 1.0, 20.0), (1, 2, 0.3, 9.0)]


@pytest.mark.parametrize(("on", "off", "alpha", "s"), CASES)
def test_w(on, off, alpha, s):
    b = stats.wstat_background(on, off, alpha, s)
    root = alpha * (1 + alpha) * b**2 - (alpha * (on + off) - (1 + alpha) * s) * b - off * s
    assert root == pytest.approx(0, abs=1e-9 * on * off)
    w = 2 * (s + (1 + alpha) * b - on * np.log(s + alpha * b) - off * np.log(b))
    w += 2 * (on * (np.log(on) - 1) + off * (np.log(off) - 1))
    assert stats.wstat(on, off, alpha, s) == pytest.approx(w)


@pytest.mark.parametrize(("on", "off", "alpha", "s"), CASES)
def test_w_without_counts(on, off, alpha, s):
    assert stats.wstat(0, off, alpha, s) == pytest.approx(2 * (s + off * np.log1p(alpha)))
    expected = max(on / (1 + alpha) - s / alpha, 0)
    assert stats.wstat_background(on, 0, alpha, s) == pytest.approx(expected)


@pytest.mark.parametrize(("on", "off", "alpha", "s"), CASES)
def test_li_ma(on, off, alpha, s):
    both = on + off
    inner = on * np.log((1 + alpha) / alpha * on / both) + off * np.log((1 + alpha) * off / both)
    sign = np.sign(on - alpha * off)
    assert stats.li_ma(on, off, alpha) == pytest.approx(sign * np.sqrt(2 * inner))


@pytest.mark.parametrize(("n", "b"), [(10, 4.0), (3, 4.0), (1, 0.2)])
def test_known_background(n, b):
    value = np.sign(n - b) * np.sqrt(2 * (b - n + n * np.log(n / b)))
    assert stats.cash_significance(n, b) == pytest.approx(value)


def test_background_of_a_bin():
    low, high, index = 1.3, 2.9, 2.7
    edges = np.array([low, high])
    rate = 5 * edges**-index
    exact = 5 * (high ** (1 - index) - low ** (1 - index)) / (1 - index)
    written = (high * rate[1] - low * rate[0]) * np.log(high / low)
    written /= np.log(high * rate[1] / (low * rate[0]))
    assert written == pytest.approx(exact)
    assert integrate_loglog(np.log(rate), np.log(edges)).item() == pytest.approx(exact)


def test_king_integrates_to_one():
    r = np.linspace(0, 400, 400_001)
    profile = king_profile(r, np.array(2.5), np.array(0.1))
    assert np.sum(2 * np.pi * r * profile) * r[1] == pytest.approx(1, abs=1e-4)


def test_source_at_a_pixel():
    rng = np.random.default_rng(0)
    b, kernel = rng.uniform(1, 2, (2, 9, 9)), rng.dirichlet(np.ones(9), 2).reshape(2, 3, 3)
    n, weight = rng.poisson(3, (2, 9, 9)), np.full((2, 9, 9), 40.0)
    everywhere = np.ones((2, 9, 9), dtype=bool)
    found = ts_map(n, b, Source.of(kernel, weight), everywhere, everywhere[0], rtol=1e-6)
    k, box = found["norm"][4, 4], np.s_[:, 3:6, 3:6]
    g = 40 * kernel
    assert np.sum(n[box] * g / (b[box] + k * g)) == pytest.approx(g.sum(), rel=1e-6)
    ts = 2 * np.sum(n[box] * np.log1p(k * g / b[box]) - k * g)
    assert found["ts"][4, 4] == pytest.approx(ts)
