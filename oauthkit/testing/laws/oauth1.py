"""OAuth 1.0a on the wire and in answers (RFC 5849 §2 and §3): what was drawn is read back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast
from urllib.parse import quote

from hypothesis import strategies as st

from oauthkit import OAuth1Provider, OAuthError
from oauthkit.testing import strategies
from oauthkit.testing.laws.law import law
from oauthkit.testing.laws.played import Played
from oauthkit.testing.laws.subject import Subject

_CREDENTIALS = ("oauth_token", "oauth_token_secret")
# What becomes an OAuthError where parse_token() raises it: see its documentation.
_UNDERSTOOD = (AttributeError, LookupError, OAuthError, TypeError, ValueError)


def _has_all_steps(provider: OAuth1Provider) -> bool:
    return None not in (
        provider.temporary_credential_endpoint,
        provider.authorization_endpoint,
        provider.token_endpoint,
    )


def _home(provider: OAuth1Provider) -> str:
    """Return a URL that tokens may go to, without a query."""
    base = provider.api_base or str(provider.token_origins[0]).replace("*", "api")
    return base.rstrip("/")


_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_JSON = {"Content-Type": "application/json"}
_BODIES: st.SearchStrategy[tuple[bytes, dict[str, str]]] = st.one_of(
    strategies.forms(max_size=3).map(lambda drawn: (drawn[1], _FORM)),
    strategies.json_values().map(lambda drawn: (json.dumps(drawn).encode(), _JSON)),
    st.just((b"", _JSON)),
)


@law("RFC 5849 §3.5", kind=OAuth1Provider)
def signed_request_is_verified_by_the_service(subject: Subject) -> None:
    """What a request carries is what was signed: a server that reads it back agrees with it."""
    with subject.played() as played:
        client = played.connect()

        async def send(query: str, body: bytes, headers: dict[str, str]) -> None:
            url = f"{_home(subject.provider)}/conformance{query}"
            async with client.post(url, data=body, headers=headers) as answer:
                await answer.read()

        def check(pairs: strategies.Pairs, body: tuple[bytes, dict[str, str]]) -> None:
            query = "&".join(f"{quote(n, safe='')}={quote(v, safe='')}" for n, v in pairs)
            played.run(send(f"?{query}", *body))
            exchange = played.server.log.pop()
            faults = [f"{one.name}: {one.detail}" for one in exchange.checks if not one.ok]
            subject.require(not faults, f"the server refuses it: {'; '.join(faults)}")

        subject.for_all(check, pairs=strategies.parameters(max_size=3), body=_BODIES)


@law("RFC 5849 §2", kind=OAuth1Provider, when=_has_all_steps)
def three_steps_lead_to_a_call(subject: Subject) -> None:
    """The callback and the verifier arrive, and the token that the service hands out is used."""
    with subject.played() as played:

        def check(word: str) -> None:
            callback = f"https://app.example/callback?w={quote(word, safe='')}"
            faults = played.run(_log_in(played, callback))
            subject.require(not faults, f"with the callback {callback!r}: {faults}")

        subject.for_all(check, examples=10, word=strategies.unicode_text())


async def _log_in(played: Played, callback: str) -> str:
    """Log in and make a call; say what went wrong."""
    played.server.log.clear()
    home = _home(cast("OAuth1Provider", played.provider))
    client = played.connect(played.server.client_creds, redirect_uri=callback)
    try:
        await client.fetch_request_token()
        sent = played.server.log[-1].parameter("oauth_callback")
        if sent != callback:
            return f"the request for temporary credentials holds the callback {sent!r}"
        back = played.server.authorize(client.create_authorization_url())
        client.parse_authorization_response(back)
        token = await client.fetch_access_token()
    except OAuthError as error:
        return f"{type(error).__name__}: {error}"
    async with client.post(f"{home}/conformance") as answer:
        await answer.read()
    used = played.server.log[-1]
    if used.failed or used.parameter("oauth_token") != token["oauth_token"]:
        return f"the token does not serve: {', '.join(used.failed)}"
    return ""


@law("RFC 5849 §2.3", kind=OAuth1Provider)
def token_credentials_are_read_to_the_letter(subject: Subject) -> None:
    """From a form, token and secret are decoded once, and other members are kept."""

    def check(token: str, secret: str, other: str) -> None:
        pairs = (("oauth_token", token), ("oauth_token_secret", secret), ("screen_name", other))
        found = subject.provider.parse_token(strategies.encode_form(pairs))
        wrong = {name: found.get(name) for name, value in pairs if found.get(name) != value}
        subject.require(not wrong, f"of {dict(pairs)} it reads {wrong}")

    subject.for_all(
        check,
        token=strategies.unicode_text(min_size=1),
        secret=strategies.unicode_text(),
        other=strategies.unicode_text(),
    )


@law("RFC 5849 §2.1", kind=OAuth1Provider)
def any_answer_gives_credentials_or_an_error(subject: Subject) -> None:
    """Whatever an endpoint answers, parse_token() returns text members or an error is told."""

    def check(body: bytes) -> None:
        try:
            found: object = subject.provider.parse_token(body)
        except _UNDERSTOOD:
            return
        subject.require(isinstance(found, Mapping), f"it returns a {type(found).__name__}")
        members = cast("Mapping[str, object]", found)
        absent = [name for name in _CREDENTIALS if not isinstance(members.get(name), str)]
        subject.require(not absent, f"it returns a token without {' and '.join(absent)}")

    subject.for_all(check, examples=2 * subject.examples, body=strategies.answers())
