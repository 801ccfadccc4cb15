"""The keys of an encrypted store: Fernet's, passed as they are or kept in the system's keyring."""

from __future__ import annotations

import asyncio
import hashlib
import shlex
from collections.abc import Sequence
from concurrent.futures import Future
from threading import Lock

import attrs
from cryptography.fernet import Fernet, MultiFernet

from oauthkit.errors import ConfigurationError
from oauthkit.tokens.workers import Worker

__all__ = ["KeySource", "Keys", "make_key_source"]

Keys = str | bytes | Sequence[str | bytes]
"""One key or several, the newest first; each is Fernet's own, or names an entry of the keyring."""

_PREFIX = "keyring:"


@attrs.frozen
class _Entry:
    """Names a password of the system's keyring."""

    service: str
    username: str

    def __str__(self) -> str:
        return f"{_PREFIX}{self.service}/{self.username}"


def _make_ring(keys: Sequence[Fernet | _Entry]) -> MultiFernet | None:
    """Return the ring of *keys*; None where some of them have to be asked for."""
    ready = [key for key in keys if isinstance(key, Fernet)]
    return MultiFernet(ready) if len(ready) == len(keys) else None


@attrs.define(eq=False)
class KeySource:
    """
    Gives the ring of *keys*: the first one encrypts, each decrypts.

    The keyring is asked when the ring is first wanted, in a thread, once for all who want it: it
    may ask the user. What it said is kept; where it failed it is asked again. *digest* tells the
    keys apart from others, and does not hold them.
    """

    digest: bytes = attrs.field(repr=False)
    _keys: Sequence[Fernet | _Entry] = attrs.field(repr=False)
    _ring: MultiFernet | None = attrs.field(
        default=attrs.Factory(lambda self: _make_ring(self._keys), takes_self=True),
        init=False,
        repr=False,
    )
    # The thread that asks, and what comes of it: the ring, or why there is none.
    _asked: tuple[Worker, Future[MultiFernet | str]] | None = attrs.field(
        default=None, init=False, repr=False
    )
    _guard: Lock = attrs.field(factory=Lock, init=False, repr=False)

    async def ring(self) -> MultiFernet:
        """Return the keys; raises ConfigurationError for what the keyring does not give."""
        if self._ring is not None:
            return self._ring
        # Shielded: who is cancelled does not take the answer away from the others.
        answer = await asyncio.shield(asyncio.wrap_future(self._ask()))
        if isinstance(answer, str):
            raise ConfigurationError(f"encryption_key: {answer}")
        return answer

    def _ask(self) -> Future[MultiFernet | str]:
        with self._guard:
            if self._asked is not None:
                worker, answer = self._asked
                # A child that was forked has not got its parent's thread.
                if worker.is_ours and not (answer.done() and isinstance(answer.result(), str)):
                    return answer
            worker = Worker("oauthkit-keyring", lambda: None)
            self._asked = worker, worker.submit(self._find)
            worker.stop()
            return self._asked[1]

    def _find(self) -> MultiFernet | str:
        """Ask the keyring, on the thread; texts, not errors, which would hold what it said."""
        found: list[Fernet] = []
        for key in self._keys:
            one = _ask_for(key) if isinstance(key, _Entry) else key
            if isinstance(one, str):
                return one
            found.append(one)
        self._ring = ring = MultiFernet(found)
        return ring


def make_key_source(keys: Keys | KeySource) -> KeySource:
    """Check *keys*, and ask for nothing yet; raises ConfigurationError, which shows none."""
    if isinstance(keys, KeySource):
        return keys
    try:
        given = [keys] if isinstance(keys, (str, bytes)) else list(keys)
        texts = [key.decode() if isinstance(key, bytes) else key for key in given]
        read = [_read(text) for text in texts]
    except (AttributeError, TypeError, ValueError):
        texts, read = [], []
    # Outside of the handler: what was caught there may hold the key.
    if not read:
        raise ConfigurationError(
            "encryption_key: expected a key as Fernet.generate_key() gives it (32 bytes in "
            "URL-safe base64), or 'keyring:service/username', or a list, the newest first"
        )
    return KeySource(b"".join(hashlib.sha256(text.encode()).digest() for text in texts), read)


def _read(text: str) -> Fernet | _Entry:
    if not text.startswith(_PREFIX):
        return Fernet(text)
    service, _, username = text.removeprefix(_PREFIX).rpartition("/")
    if not service or not username or not text.isprintable():
        raise ValueError("no entry of a keyring")
    return _Entry(service, username)


def _ask_for(entry: _Entry) -> Fernet | str:
    """Return the key that is kept under *entry*, or why there is none."""
    try:
        import keyring

        password = keyring.get_password(entry.service, entry.username)
    except ImportError:
        return f"{entry} needs the library keyring: pip install 'oauthkit[keyring]'"
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a back end raises what it likes
        # Not its text: it may say what it was asked to keep.
        return (
            f"the system's keyring did not give {entry} ({type(error).__name__}): see what "
            "`keyring diagnose` says; unlock it, or set one up"
        )
    if password is None:
        name = shlex.quote(f"{entry.service}/{entry.username}")
        return (
            f"the system's keyring has no {entry}: `oauthkit key new --keyring {name}` makes a key "
            "and keeps it there, once; where records are encrypted already, put their key there"
        )
    try:
        return Fernet(password)
    except (AttributeError, TypeError, ValueError):
        return f"what the system's keyring has as {entry} is no key as Fernet.generate_key() gives"
