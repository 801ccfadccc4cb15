"""`encryption_key=` of `connect()` and of the client classes: one store for those who share it."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import traceback
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography.fernet import Fernet

from clients.oauth2_example import LOGIN, TOKEN, call, log_in, make, spent
from clients.test_oauth2_failing_stores import log_in_with
from filekeyring import installed
from oauthkit import (
    AssertionProvider,
    ConfigurationError,
    EncryptedStore,
    MemoryStore,
    OAuth1Provider,
    SQLiteStore,
    TokenStore,
    connect,
    open_store,
)
from oauthkit.testing.servers import OAuth2Server
from oauthkit.testing.servers.hooks import Hook
from support import fresh, run

pytestmark = pytest.mark.proves(
    "Tokens and stores", "tokens encrypted at rest", rfc=None, judge="none but ours"
)

KEY, OTHER = Fernet.generate_key().decode(), Fernet.generate_key().decode()
SITE = "https://api.acme.example"
CREDS = {"client_id": "i", "client_secret": "s"}


def the_store(client: Any) -> TokenStore:
    """Return the store of a client."""
    store: TokenStore = client._store
    return store


KINDS: list[tuple[Any, dict[str, str]]] = [
    (OAuth1Provider(name="one", api_base=SITE, token_endpoint=f"{SITE}/access"), CREDS),
    (LOGIN, CREDS),
    (
        AssertionProvider(name="robot", api_base=SITE, token_endpoint=f"{SITE}/token"),
        {
            "issuer": "i",
            "private_key": "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n",
        },
    ),
]


@pytest.mark.parametrize(("provider", "creds"), KINDS, ids=["oauth1", "oauth2", "assertion"])
def test_one_store_for_one_store_and_its_keys(provider: Any, creds: dict[str, str]) -> None:
    """By URL or by object, a list of one or a text or octets; other keys are another store."""
    inner = MemoryStore()
    one = the_store(connect(provider, creds, store=inner, encryption_key=KEY))
    assert isinstance(one, EncryptedStore)
    assert inner is one.store
    assert one is the_store(connect(provider, creds, store=inner, encryption_key=[KEY.encode()]))
    assert one is not the_store(connect(provider, creds, store=inner, encryption_key=[KEY, OTHER]))
    assert one is not the_store(connect(provider, creds, store=inner, encryption_key=[OTHER]))
    assert one is not the_store(connect(provider, creds, store=MemoryStore(), encryption_key=KEY))
    url = "memory://encrypted-clients"
    by_url = open_store(url, encryption_key=KEY)
    assert by_url is the_store(connect(provider, creds, store=url, encryption_key=KEY))
    assert by_url is the_store(connect(provider, creds, store=open_store(url), encryption_key=KEY))
    assert by_url is the_store(connect(provider, creds, store=by_url))


def test_the_keys_order_counts_and_their_texts_do_not_run_together() -> None:
    """The first key encrypts; a name with a space in it is not two."""
    inner = MemoryStore()
    stores = [
        the_store(connect(LOGIN, CREDS, store=inner, encryption_key=keys))
        for keys in (
            [KEY, OTHER],
            [OTHER, KEY],
            ["keyring:a/b", "keyring:c/d"],
            ["keyring:a/b keyring:c/d"],
        )
    ]
    assert len(stores) == len(set(map(id, stores)))


def test_a_store_that_nobody_holds() -> None:
    """It goes with its last client, and its keys with it."""
    inner = MemoryStore()
    client = connect(LOGIN, CREDS, store=inner, encryption_key=KEY)
    gone = id(the_store(client))
    assert gone in {id(one) for one in gc.get_objects() if isinstance(one, EncryptedStore)}
    del client
    gc.collect()
    assert [] == [
        one for one in gc.get_objects() if isinstance(one, EncryptedStore) and one.store is inner
    ]


@pytest.mark.parametrize("from_keyring", [False, True])
def test_clients_share_flights(tmp_path: Path, from_keyring: bool) -> None:
    """Ten clients of one file, and one token request; nothing of the tokens is in the file."""
    place = tmp_path / "keyring.json"
    with installed(place) as ring, OAuth2Server.for_provider(LOGIN) as server:
        ring.put("oauthkit", "tokens", KEY)
        options: dict[str, Any] = {
            "store": f"sqlite:///{tmp_path / 'tokens.db'}",
            "encryption_key": ["keyring:oauthkit/tokens", OTHER] if from_keyring else [KEY, OTHER],
            "account": "alice",
        }

        async def main() -> None:
            async with server.session() as session:
                first = log_in(server, session, **options)
                token = await log_in_with(server, first)
                server.log.clear()
                later: dict[str, Any] = {**options, "clock": lambda: time.time() + 36000}
                clients = [log_in(server, session, **later) for _ in range(9)]
                clients.append(make(server, session, token_endpoint=TOKEN, **later))
                url = "https://api.example/echo"
                assert [200] * 10 == await asyncio.gather(*(call(one, url) for one in clients))
                assert [token["refresh_token"]] == spent(server)
                store = the_store(first)
                assert isinstance(store, EncryptedStore)
                assert {id(store)} == {id(the_store(one)) for one in clients}
                renewed = clients[0].token
                assert renewed is not None
                await store.close()
                octets = (tmp_path / "tokens.db").read_bytes()
                assert b"gAAAA" in octets  # how everything of Fernet's begins
                for name in ("access_token", "refresh_token"):
                    assert renewed[name].encode() not in octets
                # Whoever has the same file and key, in another process, finds it.
                again = EncryptedStore(SQLiteStore(tmp_path / "tokens.db"), KEY)
                found = await again.load(first._grant_key())
                assert found is not None
                assert renewed["refresh_token"] == found.refresh_token
                await again.close()

        run(main())
        assert from_keyring == (1 == len(ring.asked))


ROTATE = """
import asyncio, sys
from oauthkit import EncryptedStore, SQLiteStore
path, *keys = sys.argv[1:]

async def main():
    store = EncryptedStore(SQLiteStore(path), keys)
    await store.rotate()
    async for key in store.iterate():
        found = await store.load(key)
        print(found.version, found.mark is not None)
    await store.close()

asyncio.run(main())
"""


def test_another_process_rotates_while_the_answer_is_on_its_way(tmp_path: Path) -> None:
    """The server has rotated the token: its answer is stored, over the version of somebody else."""
    path = tmp_path / "tokens.db"
    arrived, gate = threading.Event(), threading.Event()

    async def later(_: web.Request, answer: web.Response) -> web.StreamResponse:
        arrived.set()
        await asyncio.to_thread(gate.wait, 30)
        return answer

    async def main(server: OAuth2Server) -> None:
        async with server.session() as session:
            store = f"sqlite:///{path}"
            old = log_in(server, session, store=store, encryption_key=KEY)
            token = await log_in_with(server, old)
            server.log.clear()
            server.fail("/token", Hook(name="late", after=later))
            client = log_in(
                server,
                session,
                store=store,
                encryption_key=[OTHER, KEY],
                clock=lambda: time.time() + 36000,
            )
            calling = asyncio.create_task(call(client))
            await asyncio.to_thread(arrived.wait, 30)
            told = await asyncio.to_thread(fresh, ROTATE, str(path), OTHER, KEY)
            assert "3 True\n" == told  # the login's, the mark's, and its own
            gate.set()
            assert 200 == await calling
            assert [token["refresh_token"]] == spent(server)
            alone = EncryptedStore(SQLiteStore(path), OTHER)
            found = await alone.load(client._grant_key())
            assert found is not None
            assert client.token is not None
            assert (client.token["refresh_token"], None, 4) == (
                found.refresh_token,
                found.mark,
                found.version,
            )
            # What is stored is good: nothing was revoked.
            await client.refresh_token()
            assert 200 == await call(client)
            for one in (alone, the_store(client), the_store(old)):
                assert isinstance(one, EncryptedStore)
                await one.close()

    with OAuth2Server.for_provider(LOGIN) as server:
        run(main(server))


def refusal(**options: Any) -> str:
    """Return what `connect()` refuses *options* with; it shows no key."""
    with pytest.raises(ConfigurationError) as caught:
        connect(LOGIN, CREDS, **options)
    shown = "".join(traceback.format_exception(caught.value))
    assert KEY not in shown
    return str(caught.value)


def test_a_key_without_a_store() -> None:
    """There is nothing to encrypt in memory."""
    assert "there is nothing to encrypt without store=" in refusal(encryption_key=KEY)
    assert "there is nothing to encrypt without store=" in refusal(encryption_key="keyring:a/b")


def test_a_store_that_is_encrypted_already() -> None:
    """Twice would be a mistake."""
    store = EncryptedStore(MemoryStore(), KEY)
    assert "the store is encrypted already" in refusal(store=store, encryption_key=KEY)


@pytest.mark.parametrize("wrong", ["", "hunter22", 7, [], ["keyring:hunter22"], [None]])
def test_keys_that_are_none(wrong: Any) -> None:
    """The error names the option and shows no value."""
    said = refusal(store="memory://", encryption_key=wrong)
    assert said.startswith("encryption_key: expected a key as Fernet.generate_key() gives it")
    assert "hunter22" not in said


def test_a_store_without_identity() -> None:
    """It could not be told apart from others."""

    class Equal(MemoryStore):
        """It has no hash."""

        __hash__ = None  # type: ignore[assignment]

    assert "hashable by identity" in refusal(store=Equal(), encryption_key=KEY)
