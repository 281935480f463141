"""Arrays go through files whole, can be changed there, and leave nothing behind."""

import numpy as np
import pytest

from xgamma.scale import transport


@pytest.mark.parametrize("memory", [True, False])
def test_arrays_survive(monkeypatch, memory, tmp_path):
    if not memory:
        monkeypatch.setattr(transport, "SHARED", tmp_path / "absent")
    exchange = transport.Exchange()
    value = {"a": np.arange(7.0), "b": np.ones((3, 5), dtype=bool), "c": np.zeros(0), "d": "text"}
    file = transport.write(value, exchange.folder)
    back = exchange.read(file)
    assert not file.exists()
    back["a"] += 1.0
    np.testing.assert_array_equal(back["a"], value["a"] + 1.0)
    np.testing.assert_array_equal(back["b"], value["b"])
    assert back["c"].size == 0
    assert back["d"] == "text"
    exchange.close()
    assert not exchange.folder.exists()


def test_without_arrays(tmp_path):
    exchange = transport.Exchange()
    assert exchange.read(transport.write(3, exchange.folder)) == 3
    exchange.close()
