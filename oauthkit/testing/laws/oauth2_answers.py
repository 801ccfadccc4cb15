"""
Reading the answers of token endpoints (RFC 6749 §5): a token, to the letter, or an error of ours.

What the declaration's ``parse_token`` returns is compared with what was drawn and written as JSON.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from hypothesis import strategies as st

from oauthkit import OAuth2Provider, OAuthError, OAuthKitError, Provider
from oauthkit.testing import strategies
from oauthkit.testing.laws.law import law
from oauthkit.testing.laws.oauth2_messages import fetch, give_tokens, reads_answers, visible_text
from oauthkit.testing.laws.played import NOW
from oauthkit.testing.laws.subject import Subject

Answer = dict[str, object]

_IS_CREDENTIAL = re.compile(r"[ -~]+").fullmatch
_ABSENT = (None, "", False)


def _refreshes(provider: Provider[Any]) -> bool:
    return isinstance(provider, OAuth2Provider) and "refresh_token" in provider.grant_types


def _read(subject: Subject, answer: Mapping[str, object], status: int = 200) -> Mapping[str, Any]:
    body = json.dumps(answer).encode()
    found: Mapping[str, Any] = subject.provider.parse_token(status, body, now=NOW)
    return found


def _plain(value: object) -> object:
    """Give *value* as JSON has it: what it has no name for (NaN) is null."""
    return json.loads(json.dumps(value), parse_constant=lambda _: None)


@law("RFC 6749 §5.1", when=reads_answers)
def token_answer_is_read_back(subject: Subject) -> None:
    """Access and refresh token are those of the answer, to the letter."""

    def check(token: str, answer: Answer) -> None:
        found = _read(subject, {**answer, "access_token": token})
        got = found.get("access_token")
        subject.require(got == token, f"access_token is {got!r}, expected {token!r}")
        given = answer.get("refresh_token")
        kept = found.get("refresh_token")
        subject.require(
            kept == given if given not in _ABSENT else "refresh_token" not in found,
            f"refresh_token is {kept!r}, and in the answer {given!r}",
        )

    subject.for_all(check, token=visible_text(), answer=strategies.token_answers())


@law("RFC 6749 §5.1", when=reads_answers)
def token_answer_keeps_what_else_it_holds(subject: Subject) -> None:
    """A member that no RFC names is kept as it came: the service says more than a token there."""

    def check(answer: Answer) -> None:
        found = _read(subject, answer)
        wanted = _plain(answer.get("account"))
        got = _plain(found.get("account"))
        subject.require(got == wanted, f"account is {got!r}, expected {wanted!r}")

    subject.for_all(check, answer=strategies.token_answers())


@law("RFC 6749 §5.1", when=reads_answers)
def expiry_is_a_number_of_seconds(subject: Subject) -> None:
    """A lifetime is read as seconds from now, text as well: a token must be renewed in time."""

    def check(answer: Answer) -> None:
        found = _read(subject, answer)
        for name in ("expires_in", "expires_at"):
            value = found.get(name, 0)
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            subject.require(number and math.isfinite(value), f"{name} is {value!r}: no number")
        given = answer.get("expires_in")
        lifetime = int(given) if isinstance(given, (int, str)) else 0
        if lifetime > 0:
            at = found.get("expires_at")
            subject.require(at == NOW + lifetime, f"expires_at is {at}, not {NOW} + {lifetime}")
        elif "expires_at" in found:
            at = found["expires_at"]
            subject.require(
                given is not None and at <= NOW, f"expires_at is {at}, and nothing said so"
            )

    subject.for_all(check, answer=strategies.token_answers())


@law("RFC 6749 §5", when=reads_answers)
def any_token_answer_gives_a_token_or_an_error_of_ours(subject: Subject) -> None:
    """Any status with any octets gives a token that can be sent, or an error of ours."""

    def look(found: Mapping[str, Any], status: int, body: bytes) -> None:
        token = found.get("access_token")
        sound = isinstance(token, str) and _IS_CREDENTIAL(token)
        subject.require(sound, f"{status} with {body!r} gives the access_token {token!r}")

    def check(status: int, body: bytes) -> None:
        with suppress(OAuthKitError):
            look(subject.provider.parse_token(status, body, now=NOW), status, body)

    drawn = {"status": strategies.statuses(), "body": strategies.answers()}
    subject.for_all(check, examples=2 * subject.examples, **drawn)
    # A sample, through a client.
    with subject.played() as played:

        def check(status: int, body: bytes) -> None:
            played.server.respond(played.server.token_path, status, body=body)
            with suppress(OAuthKitError):
                token: Mapping[str, Any] = played.run(fetch(played))
                look(token, status, body)

        subject.for_all(check, examples=subject.examples // 4, **drawn)


@law("RFC 6749 §5.2", when=reads_answers)
def an_error_is_no_token_whatever_the_status(subject: Subject) -> None:
    """An answer with an error is raised as that error, in a 200 as well."""

    def check(status: int, error: str, members: Answer) -> None:
        try:
            found = _read(subject, {"error": error, **members}, status)
        except OAuthError as refusal:
            told = f"the answer's error is {error!r}, the one raised {refusal.error!r}"
            subject.require(refusal.error == error, told)
            return
        subject.require(False, f"{status} with error = {error!r} was taken for a token: {found}")

    errors = ["invalid_grant", "invalid_client", "bad_verification_code", "slow_down"]
    members = st.fixed_dictionaries(
        {}, optional={"error_description": strategies.unicode_text(), "access_token": st.just("")}
    )
    subject.for_all(
        check,
        examples=subject.examples // 2,
        status=strategies.statuses(),
        error=st.sampled_from(errors),
        members=members,
    )


@law("RFC 6749 §6", kind=OAuth2Provider, when=_refreshes)
def refresh_never_loses_the_refresh_token(subject: Subject) -> None:
    """A refresh without a new refresh token keeps the old one; a new one takes its place."""
    with subject.played() as played:

        def check(old: str, answer: Answer) -> None:
            token = {"access_token": "old", "refresh_token": old, "expires_at": NOW - 1}
            client = played.connect({**played.server.creds, **token})
            give_tokens(played, **answer)
            before = len(played.server.log)
            played.run(client.refresh_token())
            new = answer.get("refresh_token")
            wanted = old if new in _ABSENT else new
            kept = client.token.get("refresh_token")
            subject.require(kept == wanted, f"kept is {kept!r}, expected {wanted!r}")
            played.run(client.refresh_token())
            first, second = (one.body for one in played.server.log[before:])
            subject.require((first == second) == (old == wanted), "the next refresh sends another")

        given = st.sampled_from([None, "", False])
        answers = st.fixed_dictionaries(
            {}, optional={"refresh_token": st.one_of(given, visible_text())}
        )
        subject.for_all(check, examples=subject.examples // 2, old=visible_text(), answer=answers)


@law("RFC 6749 §3.3", when=reads_answers)
def scopes_of_an_answer_are_read_as_text(subject: Subject) -> None:
    """Scopes that come as a list, or as text, are one text with the same scopes."""
    separator = getattr(subject.provider, "scope_separator", " ")

    def check(scope: list[str], as_list: bool) -> None:
        given = scope if as_list else separator.join(scope)
        found = _read(subject, {"access_token": "t", "scope": given}).get("scope")
        subject.require(isinstance(found, str), f"scope is {found!r}: no text")
        words = re.split(f"{re.escape(separator)}|[ ,]", str(found))
        subject.require(words == scope, f"the scopes are {words}, expected {scope}")

    drawn = strategies.scopes(separator=separator)
    subject.for_all(check, scope=drawn, as_list=st.booleans())
