"""Tutorial data from a server on this machine: checked, cached, with their licence."""

import functools
import http.server
import json
import threading
from pathlib import Path

import pytest

import xgamma as xg
from xgamma import tutorial
from xgamma.tutorial import data as tutorial_data

pytest.importorskip("pooch", reason="pooch is not installed: pip install xgamma[tutorial]")


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serve a folder, and count what is asked for."""

    asked: list[str] = []  # noqa: RUF012

    def log_message(self, *arguments):
        self.asked.append(self.path)


def serve(folder):
    handler = functools.partial(Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_address[1]}"


@pytest.fixture
def url(data):
    server, address = serve(data)
    Quiet.asked.clear()
    yield address
    server.shutdown()
    server.server_close()


def test_the_registry_is_that_of_the_data(data):
    import hashlib

    for entry in tutorial_data._registry().values():
        for file, digest in entry["files"].items():
            assert hashlib.sha256((data / file).read_bytes()).hexdigest() == digest


def test_fetched_once_with_the_licence(url, tmp_path, capsys):
    folder = tutorial.fetch("magic", base_url=url, cache=tmp_path)
    assert folder == tmp_path / "magic"
    assert "Licence: CC BY-NC-SA 4.0" in capsys.readouterr().out
    first = len(Quiet.asked)
    assert first == len(tutorial_data._registry()["magic"]["files"])
    tutorial.fetch("magic", base_url=url, cache=tmp_path, quiet=True)
    assert len(Quiet.asked) == first
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", list(tutorial.datasets()))
def test_everything_opens(url, tmp_path, monkeypatch, name):
    monkeypatch.setenv("XGAMMA_TUTORIAL_URL", url)
    opened = tutorial.open_dataset(name, cache=tmp_path, quiet=True)
    if name in {"hess-dl3-dr1", "cta-1dc", "magic"}:
        obs = opened[opened.obs_ids[0]]
        assert obs.events.sizes["event"] > 0
        assert "aeff" in obs.children
    elif name == "joint-crab":
        assert len(opened.children) == 4
    elif name == "irf":
        assert "aeff" in opened.children
    else:
        assert opened.sizes["energy"] > 1


def test_a_folder_instead_of_a_server(data, tmp_path):
    folder = tutorial.fetch("dl4", base_url=data.as_uri(), cache=tmp_path, quiet=True)
    assert next(folder.iterdir()).stat().st_size > 1e6


def test_a_damaged_file_is_refused(tmp_path):
    entry = tutorial_data._registry()["dl4"]
    (file,) = entry["files"]
    (tmp_path / "there" / file).parent.mkdir(parents=True)
    (tmp_path / "there" / file).write_text("not this")
    server, address = serve(tmp_path / "there")
    with pytest.raises(xg.XGammaError, match=f"{Path(file).name}' is not the registered file"):
        tutorial.fetch("dl4", base_url=address, cache=tmp_path / "cache", quiet=True)
    server.shutdown()
    server.server_close()
    assert not [p for p in (tmp_path / "cache").rglob("*") if p.is_file()]


def test_errors_are_sentences(tmp_path):
    with pytest.raises(xg.MissingDataError, match="choose from hess-dl3-dr1"):
        tutorial.fetch("hess")
    with pytest.raises(xg.MissingDataError, match="XGAMMA_TUTORIAL_URL"):
        tutorial.fetch("dl4", base_url="http://127.0.0.1:9/", cache=tmp_path, quiet=True)


def test_every_entry_names_its_licence():
    registry = json.loads(Path(tutorial_data.__file__).with_suffix(".json").read_text())
    for entry in registry.values():
        assert set(entry) == {"title", "licence", "citation", "files"}
        assert all(entry.values())
