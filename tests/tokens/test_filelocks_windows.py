"""
The lines of file locks that are for Windows, run elsewhere with a double of its ``msvcrt``.

That proves that the lines are there, run, and do what they should if Windows is as the double is:
made after Microsoft's reference of ``_locking`` and Python's of ``msvcrt``. It proves nothing of
Windows; no test of ours has run there.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from support import fresh

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there the real one is tested")

DOUBLE = """
import errno, os, sys, types
# Whatever else asks which system this is has to be loaded before.
import asyncio, attrs, oauthkit.tokens

held = {}  # by file: the descriptor that has its first byte locked
asked = []
broken = False

def identity(descriptor):
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino

def locking(descriptor, mode, count):
    # From where the descriptor stands; LK_NBLCK does not wait: EACCES where any other has it.
    asked.append((mode, os.lseek(descriptor, 0, os.SEEK_CUR), count))
    if broken:
        raise OSError(errno.EINVAL, "no locks here")
    if held.get(identity(descriptor), descriptor) != descriptor:
        raise PermissionError(errno.EACCES, "Permission denied")
    held[identity(descriptor)] = descriptor

real_unlink, real_close = os.unlink, os.close

def unlink(path):
    # A file that somebody has open cannot be removed.
    found = os.stat(path)
    if (found.st_dev, found.st_ino) in held:
        raise PermissionError(errno.EACCES, "in use by another process")
    real_unlink(path)

def close(descriptor):
    # Closing frees the lock, and so does the end of the process, which closes.
    if held.get(identity(descriptor)) == descriptor:
        del held[identity(descriptor)]
    real_close(descriptor)

os.unlink, os.close = unlink, close
del os.register_at_fork
double = types.ModuleType("msvcrt")
double.LK_NBLCK, double.locking = 2, locking
sys.modules["msvcrt"], sys.modules["fcntl"] = double, None
sys.platform = "win32"
from oauthkit.tokens.filelocks import try_lock

path = sys.argv[1]
"""

EXCLUDES = """
first = try_lock(path)
assert first is not None
assert try_lock(path) is None, "two hold it"
assert {(2, 0, 1)} == set(asked), asked
descriptors = set(os.listdir("/dev/fd")) if os.path.isdir("/dev/fd") else set()
for _ in range(3):
    assert try_lock(path) is None
if descriptors:
    assert descriptors == set(os.listdir("/dev/fd")), "what did not get it stays open"
first.release()
first.release()
assert os.path.exists(path), "an open file cannot be removed: it stays"
second = try_lock(path)
assert second is not None, "what was released is not free"
del second
third = try_lock(path)
assert third is not None, "what was forgotten is not free"
third.release()
assert not held
"""

FAILS = """
broken = True
try:
    try_lock(path)
except OSError as error:
    assert errno.EINVAL == error.errno, error
else:
    raise AssertionError("a file system without locks looks like a lock that is held")
assert not held
"""


@pytest.mark.parametrize("code", [EXCLUDES, FAILS], ids=["excludes", "fails"])
def test_the_lines_for_windows(code: str, tmp_path: Path) -> None:
    """One holder at a time; the file stays; a file system without locks is an error."""
    fresh(DOUBLE + code, str(tmp_path / "lock"))
