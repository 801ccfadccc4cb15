"""
Token requests as they arrive (RFC 6749 §3.2 and §4 to §6): what is in them, and whose they are.

A server on loopback logs them, and answers each the same: what the client makes of the answer is
the affair of other laws.
"""

from __future__ import annotations

import base64
from collections.abc import Coroutine
from typing import Any
from urllib.parse import unquote_plus

from hypothesis import strategies as st

from oauthkit import OAuth2Provider, Provider
from oauthkit.testing import strategies
from oauthkit.testing.laws.law import law
from oauthkit.testing.laws.oauth2_messages import (
    ask,
    extras,
    form_of,
    give_tokens,
    overrides,
    query_of,
    redirect_uris,
    require_exactly,
    sends_users,
    visible_text,
)
from oauthkit.testing.laws.played import Played
from oauthkit.testing.laws.subject import Subject
from oauthkit.testing.servers import Exchange


def _kinds(provider: OAuth2Provider) -> list[str]:
    """Return the declared grant types that can be used; what needs a user comes first."""
    kinds = [kind for kind in provider.grant_types if kind != "authorization_code"]
    return ["authorization_code", *kinds] if sends_users(provider) else kinds


def _has_pkce(provider: Provider[Any]) -> bool:
    return sends_users(provider) and getattr(provider, "code_challenge_method", None) is not None


def _asks_for_scopes(provider: Provider[Any]) -> bool:
    return isinstance(provider, OAuth2Provider) and _kinds(provider) != ["refresh_token"]


def _connect(played: Played, kind: str, scope: list[str], text: str, **creds: str) -> Any:
    """Make the client of one grant; *text* is what it holds: a password, a refresh token."""
    given = {**played.server.creds, **creds}
    if kind == "password":
        given |= {"username": "alice", "password": text}
    if kind == "refresh_token":
        given["refresh_token"] = text
    return played.connect(given, grant_type=kind, scope=scope)


def _fetch(client: Any, kind: str, text: str, **form: str) -> Coroutine[Any, Any, object]:
    """Ask for a token by the grant *kind*; *text* is its code or refresh token."""
    work: Coroutine[Any, Any, object]
    if kind == "authorization_code":
        work = client.fetch_token(code=text, **form)
    elif kind == "refresh_token":
        work = client.refresh_token(refresh_token=text, **form)
    else:
        work = client.fetch_token(**form)
    return work


def _identity(played: Played, provider: OAuth2Provider) -> dict[str, str]:
    """Return what the client says of itself in the form (RFC 6749 §2.3.1, §3.2.1)."""
    creds: dict[str, str] = played.server.creds
    method = provider.token_endpoint_auth_method
    if method == "client_secret_post":
        return creds
    return {"client_id": creds["client_id"]} if method == "none" else {}


@law("RFC 6749 §4.1.3, §4.3.2, §4.4.2, §6", kind=OAuth2Provider)
def token_request_holds_what_was_asked(subject: Subject) -> None:
    """The form, on the wire, is what the caller asked for and what is declared, encoded once."""
    provider = subject.provider
    separator = provider.scope_separator
    with subject.played() as played:
        give_tokens(played)
        identity = _identity(played, provider)

        def check(kind: str, text: str, scope: list[str], form: dict[str, str]) -> None:
            client = _connect(played, kind, scope, text)
            wanted = {**identity, "grant_type": kind, **form}
            if kind == "authorization_code":
                request = client.create_authorization_url(redirect_uri="https://c.example/a?b=c+d")
                wanted |= {"code": text, "redirect_uri": request.redirect_uri}
                if request.code_verifier is not None:
                    wanted["code_verifier"] = request.code_verifier
            elif kind == "refresh_token":
                wanted["refresh_token"] = text
            else:
                wanted["scope"] = separator.join(scope)
            if kind == "password":
                wanted |= {"username": "alice", "password": text}
            found = form_of(ask(subject, played, _fetch(client, kind, text, **form)))
            require_exactly(subject, found, wanted, reworded=overrides(provider, "prepare_token"))

        subject.for_all(
            check,
            kind=st.sampled_from(_kinds(provider)),
            text=visible_text(),
            scope=strategies.scopes(separator=separator),
            form=extras(),
        )


@law("RFC 6749 §3.3", kind=OAuth2Provider, when=_asks_for_scopes)
def scopes_are_joined_as_declared(subject: Subject) -> None:
    """A list of scopes is one text, joined by the declared separator, in their order."""
    provider = subject.provider
    separator = provider.scope_separator
    kind = next(kind for kind in _kinds(provider) if kind != "refresh_token")
    with subject.played() as played:
        give_tokens(played)

        def check(scope: list[str]) -> None:
            client = _connect(played, kind, scope, "text")
            if kind == "authorization_code":
                sent = query_of(client.create_authorization_url().url)
            else:
                sent = form_of(ask(subject, played, _fetch(client, kind, "text")))
            joined = separator.join(scope)
            told = f"scope is {dict(sent).get('scope')!r}, expected {joined!r}"
            subject.require(joined in [value for _, value in sent], told)

        subject.for_all(
            check, examples=subject.examples // 3, scope=strategies.scopes(separator=separator)
        )


@law("RFC 7636 §4.5", kind=OAuth2Provider, when=_has_pkce)
def code_verifier_goes_with_the_code(subject: Subject) -> None:
    """The verifier of the authorization request is sent with its code, and with no other."""
    with subject.played() as played:
        give_tokens(played)

        def check(code: str) -> None:
            client = _connect(played, "authorization_code", [], code)
            requests = [client.create_authorization_url() for _ in range(2)]
            work = client.fetch_token(code=code, request=requests[0])
            sent = [value for _, value in form_of(ask(subject, played, work))]
            right, other = (request.code_verifier in sent for request in requests)
            subject.require(right, "the code_verifier is not in the form")
            subject.require(not other, "the code_verifier is that of another login")

        subject.for_all(check, examples=subject.examples // 5, code=visible_text())


@law("RFC 6749 §4.1.3", kind=OAuth2Provider, when=sends_users)
def redirect_uri_is_sent_again_with_the_code(subject: Subject) -> None:
    """The redirect URI of the token request is that of the authorization request."""
    with subject.played() as played:
        give_tokens(played)

        def check(redirect_uri: str) -> None:
            client = _connect(played, "authorization_code", [], "code")
            asked = client.create_authorization_url(redirect_uri=redirect_uri)
            first = dict(query_of(asked.url)).get("redirect_uri", redirect_uri)
            exchange = ask(subject, played, client.fetch_token(code="code", request=asked))
            sent = form_of(exchange)
            told = f"it is {dict(sent).get('redirect_uri')!r}, and was {first!r}"
            subject.require(first in [value for _, value in sent], told)

        subject.for_all(check, examples=subject.examples // 3, redirect_uri=redirect_uris())


def _basic(exchange: Exchange, *, raw: bool) -> tuple[str, str] | None:
    """Read the Basic credentials (RFC 7617 §2), form-encoded unless *raw* (RFC 6749 §2.3.1)."""
    fields = [value for name, value in exchange.headers if name.lower() == "authorization"]
    if len(fields) != 1 or not fields[0].startswith("Basic "):
        return None
    joined = base64.b64decode(fields[0].removeprefix("Basic "), validate=True).decode()
    name, _, secret = joined.partition(":")
    return (name, secret) if raw else (unquote_plus(name), unquote_plus(secret))


@law("RFC 6749 §2.3.1", kind=OAuth2Provider)
def client_authenticates_as_declared(subject: Subject) -> None:
    """The client authenticates by the declared method, and its secret is in one place alone."""
    provider = subject.provider
    method = provider.token_endpoint_auth_method
    kind = _kinds(provider)[0]
    with subject.played() as played:
        give_tokens(played)

        def check(client_id: str, secret: str) -> None:
            creds = {"client_id": client_id, "client_secret": secret}
            if method == "none":
                del creds["client_secret"]
            client = _connect(played, kind, [], "text", **creds)
            if kind == "authorization_code":
                client.create_authorization_url()
            exchange = ask(subject, played, _fetch(client, kind, "text"))
            form = [value for _, value in form_of(exchange)]
            header = _basic(exchange, raw=provider.raw_basic)
            subject.require(secret not in exchange.url, "the secret is in the URL")
            if method == "client_secret_basic":
                what = f"the Authorization header says {header}"
                subject.require(header == (client_id, secret), what)
            else:
                subject.require(exchange.header("Authorization") is None, "there is a header, too")
                subject.require(client_id in form, f"client_id is not in the form: {form}")
            places = form.count(secret)
            wanted = 1 if method == "client_secret_post" else 0
            found = f"the form holds the secret {places} times, by {method} it is {wanted}"
            subject.require(places == wanted, found)

        names = visible_text().map(lambda text: text.replace(":", "-"))
        secrets = st.tuples(strategies.secrets(), visible_text(max_size=3)).map("".join)
        subject.for_all(check, examples=subject.examples // 2, client_id=names, secret=secrets)
