"""What the OAuth 2 client sends over HTTP, oauthlib's server half takes: names of any kind."""

from __future__ import annotations

from collections.abc import Iterator
from string import printable
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from clients.oauth2_judge import Judge
from clients.oauth2_judging import (
    METHODS,
    NONE,
    PASSWORD,
    REFRESH,
    judging,
    make,
    refused,
    register,
)
from oauthkit.testing.servers.loopback import LoopbackServer
from support import run

# RFC 6749 appendix A.4: printable ASCII without space, quote and backslash.
_SCOPE = st.text(sorted(set(printable[:94]) - set('"\\')), min_size=1, max_size=6)
_scopes = st.lists(_SCOPE, min_size=1, max_size=3, unique=True)
# What credentials may be: printable, and no white space at the ends.
_visible = st.characters(codec="utf-8", exclude_categories=["C", "Z"])
_edges = st.one_of(st.sampled_from([*':+%&=\\"/?é☃', "%41", "%zz"]), _visible)
_texts = st.tuples(_edges, st.text(st.one_of(_visible, st.just(" ")), max_size=6), _edges).map(
    "".join
)


@pytest.fixture(scope="module")
def playing() -> Iterator[tuple[Judge, LoopbackServer]]:
    """Serve one judge for all examples."""
    with judging() as found:
        yield found


# A dozen requests each: what fails is small, and making it smaller would take minutes.
@pytest.mark.proves(
    "OAuth 2",
    "client authentication: basic, post, none",
    rfc="RFC 6749 §2.3, §5.2",
    judge="oauthlib",
)
@pytest.mark.proves(
    "OAuth 2", "token requests", rfc="RFC 6749 §4, §6; RFC 7523 §2", judge="oauthlib"
)
@settings(max_examples=60, phases=[Phase.explicit, Phase.generate])
@given(st.sampled_from(METHODS), _texts, _texts, _scopes, _texts, _texts)
def test_round_trip(
    playing: tuple[Judge, LoopbackServer],
    method: str,
    client_id: str,
    secret: str,
    scopes: list[str],
    username: str,
    password: str,
) -> None:
    """Any client gets a token for any user, calls, renews it, has it explained and revokes it."""
    judge, server = playing
    judge.verdicts.clear()
    judge.accounts.clients.clear()
    judge.accounts.users = {username: password}
    changes: dict[str, Any] = {
        "client_id": client_id,
        "client_secret": None if method == NONE else secret,
        "scopes": tuple(scopes),
    }
    creds = register(judge, method, PASSWORD, REFRESH, **changes)
    creds |= {"username": username, "password": password}

    async def main() -> None:
        async with server.session() as session:
            client = make(session, creds, method, PASSWORD, scope=" ".join(scopes))
            async with client.get("/me") as response:
                assert {"user": username} == await response.json()
            token = await client.refresh_token()
            assert " ".join(scopes) == token["scope"]
            said = await client.introspect_token()
            assert (client_id, username) == (said["client_id"], said["username"])
            await client.revoke_token()
            assert {"active": False} == await client.introspect_token()
            if method != NONE:
                other = make(session, {**creds, "client_secret": f"{secret}."}, method, PASSWORD)
                await refused(other.fetch_token, "invalid_client")

    run(main())
    ends = [] if method == NONE else ["invalid_client"]
    assert [*[None] * 6, *ends] == [verdict.error for verdict in judge.verdicts]
