"""
Sending the user to the service, and what the URL holds (RFC 6749 §4.1.1, RFC 7636 §4.3).

The URL is what a client makes of the declaration; it is read back with the standard library.
"""

from __future__ import annotations

import base64
import hashlib
import re

from hypothesis import strategies as st

from oauthkit import OAuth2Provider
from oauthkit.testing import strategies
from oauthkit.testing.laws.law import law
from oauthkit.testing.laws.oauth2_messages import (
    CLIENT,
    begin,
    extras,
    overrides,
    query_of,
    redirect_uris,
    require_exactly,
    sends_users,
    visit,
)
from oauthkit.testing.laws.subject import Subject

_IS_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}").fullmatch
# What the token endpoint is given, and nobody else (RFC 6749 §2.3.1 and §4, RFC 7636 §4.5).
_SECRETS = frozenset(
    {
        "access_token",
        "client_assertion",
        "client_secret",
        "code_verifier",
        "password",
        "refresh_token",
    }
)
# 128 bits and more (RFC 6749 §10.10), six in a character.
_SHORTEST_STATE = 22
# What has laws of its own.
_GUARDS = ("state", "code_challenge", "code_challenge_method")


@law("RFC 6749 §4.1.1", kind=OAuth2Provider, when=sends_users)
def authorization_request_holds_what_was_asked(subject: Subject) -> None:
    """The URL's query, on the wire, is what the caller asked for and what is declared."""
    provider = subject.provider
    separator = provider.scope_separator
    with subject.played() as played:

        def check(redirect_uri: str, scope: list[str] | None, params: dict[str, str]) -> None:
            client = begin(provider)
            asked = {**params, "scope": scope, "redirect_uri": redirect_uri}
            found = query_of(visit(played, client.create_authorization_url(**asked).url).url)
            wanted = {
                **dict(query_of(provider.authorization_endpoint)),
                "response_type": "code",
                "client_id": CLIENT,
                "redirect_uri": redirect_uri,
                "scope": separator.join(scope) if scope else provider.scope or "",
                **dict(provider.authorization_params),
                **params,
            }
            guards = {name: value for name, value in found if name in _GUARDS}
            given = {name: value for name, value in {**wanted, **guards}.items() if value}
            changed = overrides(provider, "prepare_authorization")
            require_exactly(subject, found, given, reworded=changed)

        subject.for_all(
            check,
            redirect_uri=redirect_uris(),
            scope=st.one_of(st.none(), strategies.scopes(separator=separator)),
            params=extras(),
        )


@law("RFC 6749 §10.12", kind=OAuth2Provider, when=sends_users)
def state_is_sent_and_is_new_each_time(subject: Subject) -> None:
    """Each authorization request has a state of its own, too long to be guessed."""

    def check(params: dict[str, str]) -> None:
        client = begin(subject.provider)
        clients = [client, client, begin(subject.provider)]
        urls = [one.create_authorization_url(**params).url for one in clients]
        states = [dict(query_of(url)).get("state", "") for url in urls]
        subject.require(all(states), "there is no state")
        again = f"the same state was sent again: {states[0]!r}"
        subject.require(len(set(states)) == len(states), again)
        shortest = min(map(len, states))
        subject.require(shortest >= _SHORTEST_STATE, f"a state of {shortest} characters")

    subject.for_all(check, examples=subject.examples // 5, params=extras())


@law("RFC 6749 §2.3.1, RFC 9700 §4.2", kind=OAuth2Provider, when=sends_users)
def authorization_request_holds_no_secret(subject: Subject) -> None:
    """What goes through the browser, its history and its logs authenticates nobody."""

    def check(params: dict[str, str]) -> None:
        url = begin(subject.provider).create_authorization_url(**params).url
        secret = sorted(_SECRETS & {name for name, _ in query_of(url)})
        subject.require(not secret, f"the URL that the user is sent to holds {', '.join(secret)}")

    subject.for_all(check, examples=subject.examples // 10, params=extras())


@law("RFC 7636 §4.2, §4.3", kind=OAuth2Provider, when=sends_users)
def code_challenge_is_as_declared(subject: Subject) -> None:
    """The challenge is the verifier's SHA-256 by S256, unless the declaration says otherwise."""
    method = subject.provider.code_challenge_method

    def check(params: dict[str, str]) -> None:
        client = begin(subject.provider)
        made = [client.create_authorization_url(**params) for _ in range(2)]
        verifiers = [one.code_verifier for one in made]
        found = dict(query_of(made[0].url))
        sent = found.get("code_challenge"), found.get("code_challenge_method")
        if method is None:
            subject.require(sent == (None, None), f"none is declared, and sent is {sent}")
            return
        is_new = len(set(verifiers)) == len(verifiers)
        subject.require(is_new and all(map(_IS_VERIFIER, verifiers)), "no verifier, or no new one")
        digest = hashlib.sha256(verifiers[0].encode()).digest()
        hashed = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        challenge = hashed if method == "S256" else verifiers[0]
        wanted = f"the verifier's challenge by {method}"
        subject.require(sent[1] == method, f"code_challenge_method is {sent[1]!r}, not {method!r}")
        subject.require(sent[0] == challenge, f"code_challenge is {sent[0]!r}, not {wanted}")

    subject.for_all(check, examples=subject.examples // 5, params=extras())
