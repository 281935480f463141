"""Folders know their owner; signals clean up, and then do what they always do."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from xgamma.core.ends import locked, own_folder, release, signals_clean_up

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="locks and signals of POSIX")

OWNER = """
import signal, sys, time
from pathlib import Path
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored where the tests run under nohup
from xgamma.core.ends import own_folder, signals_clean_up
with signals_clean_up(), own_folder(Path(sys.argv[1]), "mine-") as folder:
    (folder / "file").touch()
    print("ready", flush=True)
    time.sleep(60)
"""


def owner(place):
    """A process that holds a folder."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", OWNER, str(place)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGKILL"])
def test_a_folder_goes_with_its_owner(tmp_path, name):
    """At once, or when the next one starts; that of a living owner stays."""
    number = getattr(signal, name)
    (tmp_path / "mine-file").touch()
    other, process = owner(tmp_path), owner(tmp_path)
    try:
        assert len([p for p in tmp_path.iterdir() if p.is_dir()]) == 2
        process.send_signal(number)
        assert process.wait(60) == -number
        if name != "SIGKILL":
            assert len([p for p in tmp_path.iterdir() if p.is_dir()]) == 1
        with own_folder(tmp_path, "mine-") as folder:
            assert folder.stat().st_mode & 0o777 == 0o700
            assert len([p for p in tmp_path.iterdir() if p.is_dir()]) == 2
    finally:
        other.terminate()
        other.wait(60)
    assert [p.name for p in tmp_path.iterdir()] == ["mine-file"]


def test_links_are_not_followed(tmp_path):
    """Nobody can have the folder of another removed through a link in a public place."""
    (tmp_path / "precious").mkdir()
    (tmp_path / "mine-link").symlink_to(tmp_path / "precious")
    with own_folder(tmp_path, "mine-"):
        pass
    assert (tmp_path / "precious").is_dir()


def test_a_lock_is_held_once(tmp_path):
    first = locked(tmp_path)
    assert locked(tmp_path) is None
    release(first)
    release(locked(tmp_path))
    assert locked(tmp_path / "absent") is None


def test_handlers_of_the_program_stay():
    seen = []
    before = signal.signal(signal.SIGTERM, lambda *a: seen.append(a[0]))
    try:
        with signals_clean_up():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.01)
        assert seen == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_other_threads_leave_signals_alone():
    def work():
        with signals_clean_up():
            seen.append(signal.getsignal(signal.SIGTERM))

    seen = []
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.SIG_DFL]
