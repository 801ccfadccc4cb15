"""A back end for the library keyring: a JSON file, for this process and its children."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keyring
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError

__all__ = ["PLACE", "FileKeyring", "child", "installed"]

PLACE = "OAUTHKIT_TESTS_KEYRING"
"""The variable that names the file."""


class FileKeyring(KeyringBackend):
    """
    Keeps passwords by service and username in the file that the environment names.

    *asked* are the threads that asked for one. *locked* refuses, with a text full of secrets;
    *forgetful* keeps nothing. Who asks waits for *gate*.
    """

    # It is never chosen by itself.
    priority: Any = -1

    def __init__(self) -> None:
        # The base's own reads settings from the environment, and has no types.
        self.asked: list[int] = []
        self.locked = self.forgetful = False
        self.gate = threading.Event()
        self.gate.set()

    def get_password(self, service: str, username: str) -> str | None:
        """Return what is kept, or None."""
        self.asked.append(threading.get_ident())
        self.gate.wait(10)
        if self.locked:
            raise KeyringLocked(f"hunter22 {self._read()}")
        return self._read().get(f"{service} {username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep it."""
        if not self.forgetful:
            self.put(service, username, password)

    def put(self, service: str, username: str, password: str) -> None:
        """Keep it, as the user does."""
        self._write({**self._read(), f"{service} {username}": password})

    def delete_password(self, service: str, username: str) -> None:
        """Forget it."""
        kept = self._read()
        if kept.pop(f"{service} {username}", None) is None:
            raise PasswordDeleteError(username)
        self._write(kept)

    def _read(self) -> dict[str, str]:
        path = Path(os.environ[PLACE])
        kept: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        return kept

    def _write(self, kept: dict[str, str]) -> None:
        Path(os.environ[PLACE]).write_text(json.dumps(kept))


@contextmanager
def installed(place: Path) -> Generator[FileKeyring]:
    """Make it the process's keyring, with its file at *place*."""
    before, place_before = keyring.get_keyring(), os.environ.get(PLACE)
    ours = FileKeyring()
    os.environ[PLACE] = str(place)
    keyring.set_keyring(ours)
    try:
        yield ours
    finally:
        keyring.set_keyring(before)
        del os.environ[PLACE]
        if place_before is not None:
            os.environ[PLACE] = place_before


def child(place: Path) -> dict[str, str]:
    """Return the variables with which a child process has it, as its user would choose one."""
    path = os.pathsep.join(filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH")]))
    return {
        "PYTHONPATH": path,
        "PYTHON_KEYRING_BACKEND": "filekeyring.FileKeyring",
        PLACE: str(place),
    }
