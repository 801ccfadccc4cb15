"""Locks on files that die with their holder: the system frees them, after SIGKILL too."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from weakref import WeakSet

import attrs

__all__ = ["FileLock", "try_lock"]

# Held while a file is opened and locked, so that no fork comes in between. Reentrant: the garbage
# collector may release a lock in the middle of it.
_GUARD = threading.RLock()


@attrs.define(eq=False)
class FileLock:
    """
    A lock that is held, on a file that is there for nothing else.

    It excludes other processes, and other objects of this one. Releasing removes the file; a lock
    that nobody holds a reference to is released.
    """

    path: str
    _descriptor: int = attrs.field(repr=False)

    def release(self) -> None:
        """Let go of it; nothing happens where that has been done."""
        with _GUARD:
            descriptor, self._descriptor = self._descriptor, -1
            if descriptor < 0:
                return
            _HELD.discard(self)
            # Before it is let go of: whoever opened this file meanwhile sees that it has gone.
            with suppress(OSError):
                os.unlink(self.path)  # noqa: PTH108 - a bare call: it may come of __del__
            os.close(descriptor)

    def __del__(self) -> None:
        """Release what was forgotten: a loop that was closed in the middle of its tasks."""
        self.release()

    def _leave(self) -> None:
        """Let go of a parent's lock in its forked child, or it would not die with the parent."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


_HELD: WeakSet[FileLock] = WeakSet()


def try_lock(path: str) -> FileLock | None:
    """
    Take the lock of the file *path*, which is made; None where somebody else holds it.

    Does not wait. Raises OSError where the file cannot be made, or the file system has no locks.
    """
    with _GUARD:
        # Not inherited by programs that are started (PEP 446).
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        taken = False
        try:
            taken = _lock(descriptor) and _is_at(path, descriptor)
        finally:
            if not taken:
                os.close(descriptor)
        if not taken:
            return None
        lock = FileLock(path, descriptor)
        _HELD.add(lock)
        return lock


def _is_at(path: str, descriptor: int) -> bool:
    """Tell whether the file is still the one at *path*: its last holder has removed his."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))  # noqa: PTH116 - as above
    except FileNotFoundError:
        return False


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:  # EACCES: somebody else has it
            return False
        return True

else:
    import fcntl

    def _lock(descriptor: int) -> bool:
        # flock(), not lockf(): that one does not exclude this process, and is lost when anybody
        # in it closes the file.
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _after_fork() -> None:
    for lock in tuple(_HELD):
        lock._leave()  # noqa: SLF001 - its own module
    _GUARD.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_GUARD.acquire, after_in_parent=_GUARD.release, after_in_child=_after_fork
    )
