"""Keys from the system's keyring: asked once, late, in a thread; what it fails with."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import traceback
from collections.abc import Generator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from filekeyring import FileKeyring, child, installed
from oauthkit import (
    ConfigurationError,
    EncryptedStore,
    MemoryStore,
    SQLiteStore,
    Token,
    UnreachableError,
    open_store,
)
from support import fresh, run
from tokens.grants import KEY, opened, record, source, turns

pytestmark = pytest.mark.proves(
    "Tokens and stores", "tokens encrypted at rest", rfc=None, judge="none but ours"
)

ONE = record({"access_token": "the-access-token"}, "the-refresh-token")
OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
ENTRY = "keyring:oauthkit/tokens"


@pytest.fixture
def ring(tmp_path: Path) -> Generator[FileKeyring]:
    """Put a keyring in place that has the key *NEW* as oauthkit/tokens."""
    with installed(tmp_path / "keyring.json") as backend:
        backend.put("oauthkit", "tokens", NEW)
        yield backend


def refusal(store: EncryptedStore) -> str:
    """Return what is said of using *store*; the error knows no more than it says."""
    with pytest.raises(ConfigurationError) as caught:
        run(store.load(KEY))
    assert caught.value.__context__ is None
    shown = "".join(traceback.format_exception(caught.value))
    assert not [secret for secret in ("hunter22", OLD, NEW) if secret in shown]
    return str(caught.value)


# -- a key -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", ["oauthkit", "https://app.example/a b", "é"])
def test_a_key_that_the_keyring_has(ring: FileKeyring, service: str) -> None:
    """What is stored opens with the password of that name, by cryptography's own means."""
    ring.put(service, "tokens", OLD)

    async def main() -> None:
        inner = MemoryStore()
        store = EncryptedStore(inner, f"keyring:{service}/tokens")
        assert await store.compare_and_swap(KEY, None, ONE)
        found = await inner.load(KEY)
        assert found is not None
        sealed = found.access_tokens["", ""]["encrypted"]
        whose, opened = json.loads(Fernet(OLD).decrypt(sealed))
        assert json.loads(whose) == [KEY.issuer, KEY.client_id, KEY.account]
        assert "the-refresh-token" == json.loads(opened)["refresh_token"]
        assert ONE == await store.load(KEY)

    run(main())


def test_asked_late_and_once(ring: FileKeyring) -> None:
    """Not when a store is opened; at its first use, once for all, in a thread that then ends."""

    async def main() -> None:
        store = open_store("memory://asked-late", encryption_key=ENTRY)
        assert store is open_store("memory://asked-late", encryption_key=[ENTRY.encode()])
        await store.delete(KEY)
        assert [] == [key async for key in store.iterate()]
        assert [] == ring.asked
        ring.gate.clear()
        asking = [asyncio.create_task(store.load(KEY)) for _ in range(100)]
        locking = asyncio.create_task(store.lock(KEY).__aenter__())
        await turns()
        asking[0].cancel()  # nobody else loses by it
        await asyncio.wait(asking[:1])
        ring.gate.set()
        assert {None} == set(await asyncio.gather(*asking[1:]))
        locking.cancel()
        await asyncio.wait([locking])
        assert await store.compare_and_swap(KEY, None, ONE)
        assert ONE == await store.load(KEY)

    run(main())
    (thread,) = ring.asked
    assert threading.get_ident() != thread
    assert "oauthkit-keyring" not in {one.name for one in threading.enumerate()}


def test_no_lock_is_held_while_the_user_is_asked(ring: FileKeyring) -> None:
    """A keyring may want a password: others go on meanwhile."""

    async def main() -> None:
        inner = MemoryStore()
        store = EncryptedStore(inner, ENTRY)
        ring.gate.clear()

        async def lock() -> None:
            async with store.lock(KEY):
                pass

        waiting = asyncio.create_task(lock())
        await turns()
        async with asyncio.timeout(5), inner.lock(KEY):
            ring.gate.set()
            await asyncio.sleep(0)
        await waiting

    run(main())


def test_who_waits_for_the_user_has_a_deadline(ring: FileKeyring) -> None:
    """The request fails; the question stays, and its answer is there for the next one."""

    async def main() -> None:
        exchange, store = opened(), EncryptedStore(MemoryStore(), ENTRY)
        hasty = source(exchange, store, deadline=0.01)
        hasty.grant.offer(Token({"refresh_token": "r0"}), hasty.slot)
        ring.gate.clear()
        with pytest.raises(UnreachableError, match="token store"):
            await hasty.token()
        ring.gate.set()
        assert "t1" == (await source(exchange, store).token())["access_token"]
        assert ["r0"] == exchange.spent

    run(main())
    assert 1 == len(ring.asked)


BLOCKING = """
import sys
from pathlib import Path
from oauthkit import EncryptedStore, SQLiteStore
from tokens.blocking import calls_by_thread
from tokens.grants import KEY, record

assert "keyring" not in sys.modules
store = EncryptedStore(SQLiteStore(sys.argv[1]), "keyring:oauthkit/tokens")

async def main():
    async with store.lock(KEY):
        assert await store.compare_and_swap(KEY, None, record({"access_token": "t"}, "r"))
        assert await store.load(KEY) is not None
    await store.rotate()
    await store.close()

here, seen = calls_by_thread(main())
assert not here, here
wanted = {"open", "execute", "filekeyring.get_password", "keyring.core.load_env", "Fernet"}
assert wanted <= seen, wanted - seen
"""


def test_nothing_blocks_the_loop(ring: FileKeyring, tmp_path: Path) -> None:
    """The keyring is loaded, chosen, asked, and its key read, in a thread; as SQLite and files."""
    place = tmp_path / "keyring.json"
    fresh(BLOCKING, str(tmp_path / "tokens.db"), env=child(place))


# -- failures --------------------------------------------------------------------------------------


def test_an_entry_that_is_not_there(ring: FileKeyring) -> None:
    """The error says how to make one; it is asked for again, and then it is there."""
    store = EncryptedStore(MemoryStore(), "keyring:my app/$tokens")
    said = refusal(store)
    assert "the system's keyring has no keyring:my app/$tokens" in said
    assert "oauthkit key new --keyring 'my app/$tokens'" in said
    ring.put("my app", "$tokens", NEW)
    assert run(store.load(KEY)) is None


def test_a_keyring_that_fails(ring: FileKeyring) -> None:
    """Its own text is not shown: nobody knows what is in it. It is asked again later."""
    store = EncryptedStore(MemoryStore(), [NEW, ENTRY])
    ring.locked = True
    said = refusal(store)
    assert "did not give keyring:oauthkit/tokens (KeyringLocked)" in said
    assert "keyring diagnose" in said
    ring.locked = False
    assert run(store.load(KEY)) is None


@pytest.mark.parametrize("password", ["", "hunter22", "é"])
def test_an_entry_that_is_no_key(ring: FileKeyring, password: str) -> None:
    """It is not shown."""
    ring.put("oauthkit", "tokens", password)
    said = refusal(EncryptedStore(MemoryStore(), ENTRY))
    assert "keyring:oauthkit/tokens is no key" in said


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install."""
    monkeypatch.setitem(sys.modules, "keyring", None)
    said = refusal(EncryptedStore(MemoryStore(), ENTRY))
    assert "pip install 'oauthkit[keyring]'" in said


def test_no_keyring_on_this_machine() -> None:
    """A server without one: the library's own back end for that is named by its error."""
    code = """
import asyncio
from oauthkit import ConfigurationError, EncryptedStore, GrantKey, MemoryStore
store = EncryptedStore(MemoryStore(), "keyring:oauthkit/tokens")
try:
    asyncio.run(store.load(GrantKey(issuer="i", client_id="c")))
except ConfigurationError as error:
    print(error)
"""
    said = fresh(code, env={"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"})
    assert "did not give keyring:oauthkit/tokens (NoKeyringError)" in said


@pytest.mark.parametrize(
    "wrong", ["keyring:", "keyring:hunter22", "keyring:/a", "keyring:a/", "keyring:a/b\n"]
)
def test_names_that_are_none(wrong: str) -> None:
    """They are refused at once, and not shown: it may be a key in the wrong place."""
    for keys in (wrong, [NEW, wrong], wrong.encode()):
        with pytest.raises(ConfigurationError, match="keyring:service/username") as caught:
            EncryptedStore(MemoryStore(), keys)
        assert "hunter22" not in str(caught.value)
        assert caught.value.__context__ is None


def test_another_process_asks_itself(ring: FileKeyring) -> None:
    """A forked child has not got the thread that its parent is asking in."""
    store = EncryptedStore(MemoryStore(), ENTRY)

    async def main() -> None:
        ring.gate.clear()
        asking = asyncio.create_task(store.load(KEY))
        await turns()
        asked = store._keys._asked
        assert asked is not None
        asked[0]._process = -1  # what a child sees: it was begun by somebody else
        again = asyncio.create_task(store.load(KEY))
        await turns()
        ring.gate.set()
        assert {None} == set(await asyncio.gather(asking, again))

    run(main())
    assert 2 == len(set(ring.asked))


# -- keys that are replaced ------------------------------------------------------------------------

WITH_THE_OLD_KEY = """
import asyncio, sys
from oauthkit import ConfigurationError, open_store
from tokens.grants import KEY
try:
    asyncio.run(open_store(sys.argv[1], encryption_key=sys.argv[2]).load(KEY))
except ConfigurationError as error:
    print(error)
"""


def test_keys_that_are_replaced(ring: FileKeyring, tmp_path: Path) -> None:
    """From a key that was passed to one of the keyring; a process with the old one says so."""
    path = tmp_path / "tokens.db"

    async def main() -> None:
        inner = SQLiteStore(path)
        await EncryptedStore(inner, OLD).compare_and_swap(KEY, None, ONE)
        both = EncryptedStore(inner, [ENTRY, OLD])
        assert ONE == await both.load(KEY)
        await both.rotate()
        found = await EncryptedStore(inner, ENTRY).load(KEY)
        assert found is not None
        assert ("the-refresh-token", 2) == (found.refresh_token, found.version)
        await inner.close()

    run(main())
    said = fresh(WITH_THE_OLD_KEY, f"sqlite:///{path}", OLD, env=child(tmp_path / "keyring.json"))
    assert "it was encrypted with another key, or changed; pass the encryption_key" in said
    entry = fresh(
        WITH_THE_OLD_KEY, f"sqlite:///{path}", ENTRY, env=child(tmp_path / "keyring.json")
    )
    assert "" == entry
