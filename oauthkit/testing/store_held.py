"""What a store's lock tells to who holds it, looked at step by step."""

from __future__ import annotations

import attrs

from oauthkit import Mark, TokenStore
from oauthkit.testing.store_processes import KEY, number_in, record_of

__all__ = ["look_at_held"]


async def look_at_held(store: TokenStore) -> None:
    """Raise AssertionError where the `Held` of *store*'s lock breaks its contract; None is none."""
    async with store.lock(KEY) as held:
        if held is None:
            return
        _require(held.record is None, "the lock tells of a record that nobody stored")
        _require(held.remaining() > 0, "the lock is ours, and nothing of it remains")
        _require(not await held.mark(1, record_of(9, 2)), "a version was marked that is not there")
        _require(await held.mark(None, record_of(1, 1)), "a first record could not be marked")
        found = await store.load(KEY)
        _require(number_in(found) == 1, "what was marked is not stored")
    async with store.lock(KEY) as held:
        if held is None:
            raise AssertionError("the lock tells something to one holder, and not to the next")
        _require(number_in(held.record) == 1, "the lock does not tell of what is stored")
        marked = attrs.evolve(record_of(1, 2), mark=Mark.of("r", "me", 1.0, held.epoch))
        _require(await held.mark(1, marked), "the lock's holder could not mark")
        _require(await store.load(KEY) == marked, "the mark is not stored as it was given")
        _require(not await held.finish(1, record_of(9, 3)), "an old version was finished")
        _require(await store.load(KEY) == marked, "a finish that failed has changed the record")
        _require(await held.finish(2, record_of(2, 3)), "the holder could not finish")
        _require(number_in(await store.load(KEY)) == 2, "what was finished is not stored")
    async with store.lock(KEY) as held:
        told = held is not None and number_in(held.record) == 2
        _require(told, "the next holder is not told of what was finished")
        if held is None:
            return
        # Stored in between, by somebody who needs no lock: a login.
        _require(await store.compare_and_swap(KEY, 3, record_of(3, 4)), "a login was refused")
        _require(not await held.mark(3, record_of(9, 4)), "a mark was set over a login")
        _require(not await held.finish(3, record_of(9, 4)), "a login was overwritten")
    _require(number_in(await store.load(KEY)) == 3, "a login is gone")


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise AssertionError(what)
