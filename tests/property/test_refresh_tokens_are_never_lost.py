"""RFC 6749 §6: whatever a server answers, and whoever stores meanwhile, there is a refresh token."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauthkit import GrantKey, MemoryStore, Record, Token
from oauthkit.tokens.grants import Slot, grant_of
from support import run
from tokens.stores import TestStore

KEY = GrantKey(issuer="https://as.example", client_id="id")

_slots: st.SearchStrategy[Slot] = st.sampled_from([("", ""), ("read", ""), ("write", "https://r")])
# Of an answer: its slot, its refresh token (None or empty: absent), lost races before it is stored.
_steps = st.lists(
    st.tuples(_slots, st.sampled_from([None, "", "r1", "r2", "r3"]), st.integers(0, 2)), max_size=8
)


@pytest.mark.proves(
    "Tokens and stores", "a refresh token is never lost", rfc="RFC 6749 §6", judge="none but ours"
)
@given(st.sampled_from(["stored", "by hand"]), _steps)
def test_kept(origin: str, steps: list[tuple[Slot, str | None, int]]) -> None:
    """The newest that a server gave is with every token, in memory and in the store."""

    async def main() -> None:
        store = TestStore(inner=MemoryStore())
        store.gate.set()
        grant = grant_of(store, KEY)
        if origin == "stored":
            await store.inner.compare_and_swap(KEY, None, Record(refresh_token="r0"))
            grant.start_from(await store.load(KEY))
        else:
            grant.assign(Token({"refresh_token": "r0"}))
            await grant.flush()
        newest, held = "r0", dict[Slot, str]()
        for number, (slot, refresh_token, races) in enumerate(steps):
            store.lost_races = races
            members = {"access_token": f"t{number}"}
            if refresh_token is not None:
                members["refresh_token"] = refresh_token
            token = await grant.keep(slot, members)
            newest, held[slot] = refresh_token or newest, f"t{number}"
            assert {"access_token": f"t{number}", "refresh_token": newest} == token
            assert {newest} == {one["refresh_token"] for one in grant.tokens.values()}
            assert held == {where: one["access_token"] for where, one in grant.tokens.items()}
            record = await store.inner.load(KEY)
            assert record is not None
            assert newest == record.refresh_token
            # It belongs to the grant: it lies in the record once.
            assert not any("refresh_token" in one for one in record.access_tokens.values())

    run(main())
