"""A few hundred damaged products: each is read right, refused in a sentence, or warned of."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.judge import BAD, is_sentence

N, SEED = 216, 20


@pytest.mark.timeout(600)
def test_no_mutant_is_silent_bare_or_endless():
    """In a process of its own: it forks children, which this one with its threads must not."""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-W", "ignore", "-m", "tests.fuzz", str(N), str(SEED)]
    path = os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])
    env = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, timeout=580)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-4000:]
    row = next(line for line in done.stdout.splitlines() if line.startswith("| all |"))
    assert int(row.rstrip(" |").rpartition("|")[2]) >= N, done.stdout[-2000:]


def test_outcomes_that_none_may_have():
    assert BAD == ("silent", "not finite", "wrapped bare", "bare traceback", "hang", "memory")


@pytest.mark.parametrize(
    ("text", "clear"),
    [
        ("'a.fits' is truncated: fetch it again.", True),
        ("'a.nc' cannot be read (KeyError: 'x'): it is damaged.", False),
        ("'NoneType' object is not subscriptable.", False),
        ("bad file", False),
    ],
)
def test_what_a_sentence_is(text, clear):
    assert is_sentence(text) is clear
