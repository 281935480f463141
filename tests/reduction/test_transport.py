"""Arrays go through files whole, can be changed there, and leave nothing behind."""

from pathlib import Path

import numpy as np
import pytest

from xgamma.reduction import transport


@pytest.mark.parametrize("memory", [True, False])
def test_arrays_survive(monkeypatch, memory, tmp_path):
    if not memory:
        monkeypatch.setattr(transport, "SHARED", tmp_path / "absent")
    exchange = transport.Exchange()
    value = {
        "a": np.arange(70000.0),
        "b": np.ones((300, 500), dtype=bool),
        "c": np.zeros(0),
        "d": "text",
    }
    file = transport.leave(value, exchange.folder)
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
    assert exchange.read(transport.leave(3, exchange.folder)) == 3
    exchange.close()


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="maps are listed on Linux only")
def test_small_arrays_do_not_keep_the_file_in_memory():
    def mapped():
        return str(exchange.folder) in Path("/proc/self/maps").read_text()

    exchange = transport.Exchange()
    value = {"sum": np.zeros(2**20), "row": np.arange(5)}
    back = exchange.read(transport.leave(value, exchange.folder))
    assert mapped()
    row = back.pop("row")
    del back
    assert not mapped()
    assert row.tolist() == [0, 1, 2, 3, 4]
    exchange.close()
