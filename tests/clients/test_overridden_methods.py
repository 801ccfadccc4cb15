"""What a declaration overrides is what goes on the wire, or what is read from it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from clients.oauth2_example import CALLBACK, SITE
from oauthkit import (
    AssertionProvider,
    CallbackError,
    OAuth1Provider,
    OAuth2Provider,
    OAuthError,
    connect,
)
from oauthkit.testing.servers import AssertionServer, OAuth1Server, OAuth2Server
from support import run

pytestmark = pytest.mark.proves(
    "Providers and credentials", "a quirk is an overridden method", rfc=None, judge="none but ours"
)


class OwnBaseString(OAuth1Provider):
    """A service that signs another text."""

    def signature_base_string(self, method: str, url: str, *rest: Any) -> str:
        """Return the usual base string after a word of the service's own."""
        return "own:" + super().signature_base_string(method, url, *rest)


@pytest.mark.parametrize("placement", ["header", "query"])
def test_what_is_signed_is_the_declarations_base_string(placement: Any) -> None:
    """RFC 5849 §3.4.2: the signature is recomputed here, over the overridden text."""
    provider = OwnBaseString(
        name="own",
        api_base=SITE,
        temporary_credential_endpoint=f"{SITE}/request",
        authorization_endpoint=f"{SITE}/authorize",
        token_endpoint=f"{SITE}/token",
        placement=placement,
    )
    with OAuth1Server.for_provider(provider) as server:

        async def ask() -> None:
            async with server.session() as session:
                client = connect(provider, server.creds, session=session)
                async with client.get("/echo", params={"a": "é"}) as answer:
                    assert answer.status == 401
                with pytest.raises(OAuthError):
                    await client.fetch_request_token()

        run(ask())
        call, step = server.log
        key = f"{quote(server.client_secret, safe='')}&"
        for exchange, secret in ((call, server.token_secret), (step, "")):
            assert exchange.base_string is not None
            text = f"own:{exchange.base_string}".encode()
            made = hmac.digest(f"{key}{quote(secret, safe='')}".encode(), text, hashlib.sha1)
            signature = exchange.parameter("oauth_signature")
            assert signature == base64.b64encode(made).decode()


class Renaming(OAuth2Provider):
    """A service with names of its own for everything."""

    def prepare_authorization(self, params: Mapping[str, str]) -> Mapping[str, str]:
        """Name the client as the service does."""
        return {("client_key" if n == "client_id" else n): v for n, v in params.items()}

    def read_callback(self, url: str) -> Mapping[str, str]:
        """Name the code as the RFC does."""
        found = super().read_callback(url)
        return {("code" if n == "auth_code" else n): v for n, v in found.items()}

    def prepare_token(self, form: Mapping[str, str]) -> Mapping[str, str]:
        """Add what the service wants."""
        return {**form, "action": "requesttoken"}

    def parse_token(self, status: int, body: bytes, *, now: float) -> Mapping[str, Any]:
        """Take the token out of its box."""
        return super().parse_token(status, json.dumps(json.loads(body)["body"]).encode(), now=now)


def declare(**changes: Any) -> Renaming:
    """Declare the service."""
    fields: dict[str, Any] = {
        "name": "renaming",
        "authorization_endpoint": f"{SITE}/authorize",
        "token_endpoint": f"{SITE}/token",
        "revocation_endpoint": f"{SITE}/revoke",
        "api_base": SITE,
        "token_endpoint_auth_method": "client_secret_post",
    }
    return Renaming(**{**fields, **changes})


def test_a_login_in_the_words_of_the_service() -> None:
    """All four methods of an OAuth 2 declaration, in one login."""
    provider = declare()
    boxed = json.dumps({"body": {"access_token": "boxed", "refresh_token": "r"}})
    with OAuth2Server.for_provider(provider) as server:
        server.respond("/token", body=boxed)

        async def log_in() -> str:
            async with server.session() as session:
                client = connect(provider, server.creds, session=session, redirect_uri=CALLBACK)
                request = client.create_authorization_url()
                sent = parse_qs(urlsplit(request.url).query)
                assert sent["client_key"] == [server.client_id]
                assert "client_id" not in sent
                callback = f"{CALLBACK}&auth_code=c&state={request.state}"
                token = await client.fetch_token(authorization_response=callback)
                renewed = await client.refresh_token()
                assert renewed["access_token"] == "boxed"
                await client.revoke_token()
                return str(token["access_token"])

        assert run(log_in()) == "boxed"
        exchanged, refreshed = server.exchanges("/token")
        assert exchanged.parameter("action") == refreshed.parameter("action") == "requesttoken"
        assert exchanged.parameter("code") == "c"
        assert exchanged.parameter("client_secret") == server.client_secret
        (revoked,) = server.exchanges("/revoke")
        assert revoked.parameter("action") is None


def test_the_state_is_compared_whoever_reads_the_callback() -> None:
    """RFC 6749 §10.12: an override returns the state; that it is the right one, the client sees."""

    async def finish() -> None:
        creds = {"client_id": "i", "client_secret": "s"}
        async with connect(declare(), creds, redirect_uri=CALLBACK) as client:
            client.create_authorization_url()
            await client.fetch_token(authorization_response=f"{CALLBACK}&auth_code=c&state=other")

    with pytest.raises(CallbackError, match="another state"):
        run(finish())


class Quoting(Renaming):
    """A service whose parser quotes the answer in what it raises."""

    def parse_token(self, status: int, body: bytes, *, now: float) -> Mapping[str, Any]:
        """Raise what no parser should."""
        raise RuntimeError(body.decode())


@pytest.mark.parametrize(("kind", "raised"), [(Renaming, "KeyError"), (Quoting, "RuntimeError")])
def test_a_parser_that_fails_is_an_error_of_ours_without_the_answer(
    kind: type[Renaming], raised: str
) -> None:
    """What a plugin raises may quote the answer: its type is told, and nothing of its text."""
    declared = declare(grant_types=("client_credentials",))
    provider = kind(
        name="x",
        token_endpoint=declared.token_endpoint,
        api_base=SITE,
        grant_types=declared.grant_types,
    )
    with OAuth2Server.for_provider(provider) as server:
        server.respond("/token", body='{"hush-hush": "hush"}')

        async def fetch() -> None:
            async with server.session() as session:
                await connect(provider, server.creds, session=session).fetch_token()

        with pytest.raises(OAuthError, match=rf"parse_token\(\) raised {raised}") as caught:
            run(fetch())
    assert caught.value.__context__ is None


class OwnClaims(AssertionProvider):
    """A service that wants a claim of its own, and a member in the form."""

    def prepare_claims(self, claims: Mapping[str, Any]) -> Mapping[str, Any]:
        """Add a claim."""
        return {**claims, "sub": "ann@example.com"}

    def prepare_token(self, form: Mapping[str, str]) -> Mapping[str, str]:
        """Name the scope."""
        return {**form, "scope": "read"}


def test_an_assertion_with_claims_of_the_declaration() -> None:
    """RFC 7523 §3: what the server verified holds what was overridden."""
    provider = OwnClaims(name="own", token_endpoint=f"{SITE}/token", api_base=SITE)
    with AssertionServer.for_provider(provider, subjects=None) as server:

        async def call() -> dict[str, Any]:
            async with server.session() as session:
                client = connect(provider, server.creds, session=session)
                async with client.get("/userinfo") as answer:
                    return dict(await answer.json())

        assert run(call())["preferred_username"] == "ann@example.com"
        (asked,) = server.exchanges("/token")
        assert asked.parameter("scope") == "read"
