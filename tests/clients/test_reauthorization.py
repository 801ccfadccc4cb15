"""What a client says of a grant that has ended: whose it is, and where the user has to log in."""

from __future__ import annotations

import asyncio

import pytest

from clients.oauth2_example import LOGIN, SITE, TOKEN, call, log_in, spent
from oauthkit import AsyncOAuth2Client, MemoryStore, ReauthorizationRequired, connect
from oauthkit.testing.servers import OAuth2Server
from support import run


@pytest.mark.parametrize("how", ["call", "refresh_token"])
def test_refused(how: str) -> None:
    """The server is asked once, whoever asks; the error has what it said, and no secret."""
    with OAuth2Server.for_provider(LOGIN) as server:

        async def main() -> None:
            async with server.session() as session:
                client = log_in(server, session, store=MemoryStore(), account="al", scope="a b")
                client.token = {"access_token": "t", "refresh_token": "old-one", "expires_at": 0}
                attempts = [client.refresh_token() if how == "refresh_token" else call(client)]
                attempts += [call(client) for _ in range(4)]
                results = await asyncio.gather(*attempts, return_exceptions=True)
                results += await asyncio.gather(
                    call(client), client.refresh_token(), return_exceptions=True
                )
                for ended in results:
                    assert isinstance(ended, ReauthorizationRequired)
                    assert ("invalid_grant", 400, TOKEN) == (
                        ended.error,
                        ended.status,
                        ended.endpoint,
                    )
                    assert (
                        "example",
                        "al",
                        TOKEN,
                        server.client_id,
                        "a b",
                        f"{SITE}/authorize",
                    ) == (
                        ended.provider,
                        ended.account,
                        ended.issuer,
                        ended.client_id,
                        ended.scope,
                        ended.authorization_endpoint,
                    )
                    assert "create_authorization_url()" in str(ended)
                    assert "old-one" not in f"{ended!r}{vars(ended)}"
                back = server.authorize(client.create_authorization_url().url)
                await client.fetch_token(authorization_response=back)
                assert 200 == await call(client)

        run(main())
        assert ["old-one", None] == spent(server)


def test_none_at_all() -> None:
    """Nothing is sent; the error is the same kind, and says login_required."""
    with OAuth2Server.for_provider(LOGIN) as server:

        async def main() -> None:
            async with server.session() as session:
                with pytest.raises(ReauthorizationRequired) as caught:
                    await call(log_in(server, session))
                assert ("login_required", "example", "") == (
                    caught.value.error,
                    caught.value.provider,
                    caught.value.account,
                )

        run(main())
        assert [] == server.log


def test_a_token_of_somebody_else() -> None:
    """That a refresh token which was passed is refused says nothing about the grant's own."""
    with OAuth2Server.for_provider(LOGIN) as server:

        async def main() -> None:
            async with server.session() as session:
                client = log_in(server, session)
                client.token = {**server.issue("alice"), "expires_at": 0}
                with pytest.raises(Exception, match="invalid_grant") as caught:
                    await client.refresh_token(refresh_token="of somebody else")
                assert not isinstance(caught.value, ReauthorizationRequired)
                assert 200 == await call(client)

        run(main())


def test_what_a_client_was_made_with_is_not_sent_again() -> None:
    """A grant that ends falls back on nothing that was spent, nor does a client that comes later."""
    with OAuth2Server.for_provider(LOGIN) as server:
        store = MemoryStore()

        async def main() -> None:
            async with server.session() as session:
                first = {**server.creds, **server.issue("alice"), "expires_at": 0}
                del first["expires_in"], first["token_type"]

                def make() -> AsyncOAuth2Client:
                    return connect(LOGIN, first, session=session, store=store)

                client = make()
                assert 200 == await call(client)
                renewed = await client.refresh_token()
                server.revoke(renewed["refresh_token"])
                server.revoke(renewed["access_token"])
                for one in (client, client, make()):
                    with pytest.raises(ReauthorizationRequired):
                        await one.refresh_token()

        run(main())
        sent = spent(server)
        assert len(sent) == len(set(sent))
