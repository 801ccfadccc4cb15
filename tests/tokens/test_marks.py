"""Marks: what they are of, and records with and without one as JSON."""

from __future__ import annotations

import gc
import json
import os
from typing import Any

import attrs
import pytest
from cryptography.fernet import Fernet

from oauthkit import EncryptedStore, Mark, MemoryStore, Record, TokenStore
from oauthkit.tokens.grants import grant_of
from support import run
from tokens.grants import KEY
from tokens.stores import TestStore

MARK = Mark.of("r0", "me", 1.5)


def test_whose_it_is() -> None:
    """A mark is of one refresh token, and does not hold it."""
    assert MARK.is_of("r0")
    assert not MARK.is_of("r1")
    assert "r0" not in f"{MARK!r}{attrs.asdict(MARK)}"
    assert MARK.digest not in repr(Record(mark=MARK))
    assert Mark.of("\ud800", "me", 0).is_of("\ud800")


def test_json() -> None:
    """A record without a mark is written as it always was; with one, it comes back with it."""
    plain = Record(refresh_token="r0", version=3)
    assert {"access_tokens", "refresh_token", "version"} == set(json.loads(plain.to_json()))
    assert plain == Record.from_json(plain.to_json())
    for mark in (MARK, attrs.evolve(MARK, lost=True), attrs.evolve(MARK, final=True, since=2)):
        marked = attrs.evolve(plain, mark=mark)
        assert marked == Record.from_json(marked.to_json())


@pytest.mark.parametrize(
    "mark",
    [7, "x", {}, {**attrs.asdict(MARK), "since": "1"}, {**attrs.asdict(MARK), "final": 1}],
)
def test_what_is_no_mark(mark: Any) -> None:
    """It makes the whole no record: what a mark says must not be overlooked."""
    members = {**json.loads(Record().to_json()), "mark": mark}
    with pytest.raises(ValueError, match="not the record of a grant"):
        Record.from_json(json.dumps(members))


def test_who_is_meant() -> None:
    """One store object is one holder, whatever grants come and go; another process is another."""
    store = TestStore()
    first = grant_of(store, KEY).holder
    gc.collect()
    assert first == grant_of(store, KEY).holder
    assert first != grant_of(TestStore(), KEY).holder
    assert first.endswith(f"-{os.getpid()}")


@pytest.mark.parametrize("kind", [MemoryStore, TestStore])
def test_an_encrypted_store(kind: type[TokenStore]) -> None:
    """Its lock proves what that of the store inside proves, and it keeps marks."""

    async def main() -> None:
        store = EncryptedStore(kind(), Fernet.generate_key())
        assert store.lock_proves_death == (kind is MemoryStore)
        if isinstance(store.store, TestStore):
            store.store.gate.set()
        marked = Record(refresh_token="r0", mark=MARK)
        assert await store.compare_and_swap(KEY, None, marked)
        assert marked == await store.load(KEY)

    run(main())
