"""A store that fails while the user's token is in hand: it is stored before the next request."""

from __future__ import annotations

import pytest

from clients.example import CALLBACK, declare, playing
from clients.test_oauth2_failing_stores import NOTE, failing
from oauthkit import OAuth1Provider, connect
from oauthkit.testing.servers import OAuth1Server
from support import run

LOGIN: OAuth1Provider = declare()


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("before", [False, True])
def test_a_login(before: bool, times: int) -> None:
    """The verifier is spent, and cannot be again; an account's older token serves no more."""

    async def main(server: OAuth1Server) -> None:
        async with server.session() as session:
            store = failing(times)
            creds = server.creds_for("bob") if before else server.client_creds
            client = connect(
                LOGIN, creds, session=session, store=store, redirect_uri=CALLBACK, account="a"
            )
            await client.fetch_request_token()
            client.parse_authorization_response(
                server.authorize(client.create_authorization_url(), user="alice")
            )
            with pytest.raises(OSError, match="disk") as caught:
                await client.fetch_access_token()
            assert [NOTE] == caught.value.__notes__
            for _ in range(times - 1):
                with pytest.raises(OSError, match="disk"):
                    await client.get("/2/users/me")
            async with client.get("/2/users/me") as answer:
                assert "alice" == (await answer.json())["data"]["username"]
            assert store.inner._records

    with playing(LOGIN) as server:
        run(main(server))
