"""What blocks, and in which thread it is called."""

from __future__ import annotations

import sys
import threading
from collections.abc import Coroutine, Mapping
from types import FrameType
from typing import Any

from support import run

__all__ = ["calls_by_thread"]

# Modules of what blocks: files, locks, SQLite.
BLOCKING = {"posix", "fcntl", "_io", "sqlite3", "_sqlite3", "nt"}
# They ask for nothing that could be slow.
HARMLESS = {"getpid", "fspath", "getcwd", "urandom", "_path_normpath", "_path_splitroot_ex"}
# Packages of what may block in Python's own code: a keyring, and the making of keys.
SLOW = ("keyring", "jaraco", "filekeyring")


def calls_by_thread(main: Coroutine[Any, Any, None]) -> tuple[set[str], set[str]]:
    """Run *main*; return what blocks that was called in its loop's thread, and in others."""
    called: dict[int, set[str]] = {}
    here = threading.get_ident()

    def note(frame: FrameType, event: str, what: Any) -> None:
        name = None
        if event == "c_call":
            name = _of_c(what)
        elif event == "call":
            name = _of_python(frame.f_code.co_name, frame.f_globals)
        if name is not None:
            called.setdefault(threading.get_ident(), set()).add(name)

    async def profiled() -> None:
        sys.setprofile(note)
        try:
            await main
        finally:
            sys.setprofile(None)

    threading.setprofile(note)
    try:
        run(profiled())
    finally:
        threading.setprofile(None)
    elsewhere = (names for thread, names in called.items() if thread != here)
    return called.get(here, set()), set[str]().union(*elsewhere)


def _of_c(what: Any) -> str | None:
    owner: Any = getattr(what, "__self__", None)
    modules = {getattr(found, "__module__", "") for found in (what, owner)}
    modules.add(getattr(owner, "__name__", ""))
    name: str = what.__name__
    return name if modules & BLOCKING and name not in HARMLESS else None


def _of_python(name: str, scope: Mapping[str, Any]) -> str | None:
    module: str = scope.get("__name__") or ""
    if module.partition(".")[0] in SLOW:
        return f"{module}.{name}"
    return "Fernet" if (module, name) == ("cryptography.fernet", "__init__") else None
