"""
Assertions as they arrive (RFC 7521, RFC 7523): what they say, for how long, and signed with what.

PyJWT verifies them with the public half of the key that the client was given.
"""

from __future__ import annotations

from typing import Any

import jwt
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import strategies as st

from oauthkit import AssertionCredentials, AssertionProvider
from oauthkit.testing import strategies
from oauthkit.testing.laws.law import law
from oauthkit.testing.laws.oauth2_messages import (
    ask,
    form_of,
    give_tokens,
    overrides,
    require_exactly,
    visible_text,
)
from oauthkit.testing.laws.played import Played
from oauthkit.testing.laws.subject import Subject

_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
# Times and the audience have laws of their own, and the clock stands where these put it.
_UNTIMED = {"verify_aud": False, "verify_exp": False, "verify_iat": False, "verify_nbf": False}


def _connect(
    played: Played,
    issuer: str = "robot@example.com",
    subject: str | None = None,
    key_id: str | None = "key-1",
    **options: Any,
) -> Any:
    given = AssertionCredentials(
        issuer=issuer, private_key=played.server.private_key, key_id=key_id, subject=subject
    )
    return played.connect(given, **options)  # type: ignore[arg-type]


def _form(subject: Subject, played: Played, client: Any) -> dict[str, str]:
    """Let *client* fetch a token, and return the form that arrived."""
    return dict(form_of(ask(subject, played, client.refresh_token())))


def _claims(subject: Subject, played: Played, client: Any) -> dict[str, Any]:
    """Let *client* fetch a token, and return what its assertion says; nothing is verified."""
    return _decode(subject, _form(subject, played, client).get("assertion", ""))


def _decode(subject: Subject, assertion: str, **verified: Any) -> dict[str, Any]:
    options: Any = _UNTIMED if verified else {"verify_signature": False}
    claims: dict[str, Any] = {}
    found = ""
    try:
        claims = jwt.decode(assertion, options=options, **verified)
    except jwt.PyJWTError as error:
        found = f"PyJWT refuses the assertion: {type(error).__name__}: {error}"
    # Outside of the handler: Hypothesis tells failures apart by what they come of, and a signature
    # that is cut fails in one way or another.
    subject.require(not found, found)
    return claims


@law("RFC 7523 §2.1, RFC 7521 §4.1", kind=AssertionProvider)
def assertion_request_holds_what_was_asked(subject: Subject) -> None:
    """The form is grant type, assertion and scope, the scope in the claims where so declared."""
    provider = subject.provider
    with subject.played() as played:
        give_tokens(played)

        def check(scope: list[str] | None) -> None:
            client = _connect(played, scope=scope)
            sent = form_of(ask(subject, played, client.refresh_token()))
            form = dict(sent)
            wanted = {"grant_type": _JWT_BEARER, "assertion": form.get("assertion", "")}
            subject.require(wanted["assertion"], f"there is no assertion, but {sorted(form)}")
            claims = _decode(subject, wanted["assertion"])
            joined = provider.scope or "" if scope is None else " ".join(scope)
            if provider.scope_in_claims:
                found = claims.get("scope", "")
                subject.require(found == joined, f"the claim scope is {found!r}, not {joined!r}")
            else:
                subject.require("scope" not in claims, "the scope is a claim, too")
                wanted |= {"scope": joined} if joined else {}
            require_exactly(subject, sent, wanted, reworded=overrides(provider, "prepare_token"))

        scopes = st.one_of(st.none(), strategies.scopes())
        subject.for_all(check, examples=subject.examples // 5, scope=scopes)


@law("RFC 7523 §3, RFC 7515 §4.1", kind=AssertionProvider)
def assertion_is_signed_as_declared(subject: Subject) -> None:
    """PyJWT verifies the assertion by the declared algorithm; its header names alg and kid."""
    alg = subject.provider.alg
    with subject.played() as played:
        give_tokens(played)
        pem: str = played.server.private_key
        public: Any = load_pem_private_key(pem.encode(), None).public_key()

        def check(key_id: str | None) -> None:
            form = _form(subject, played, _connect(played, key_id=key_id))
            assertion = form.get("assertion", "")
            _decode(subject, assertion, key=public, algorithms=[alg])
            header = jwt.get_unverified_header(assertion)
            named = header.get("alg"), header.get("kid")
            wanted = f"expected {alg} and {key_id!r}"
            subject.require(named == (alg, key_id), f"alg and kid are {named}, {wanted}")

        subject.for_all(
            check, examples=subject.examples // 5, key_id=st.one_of(st.none(), visible_text())
        )


@law("RFC 7523 §3", kind=AssertionProvider)
def assertion_says_who_asks_for_whom(subject: Subject) -> None:
    """``iss`` is the client, ``sub`` the user it acts for, ``aud`` the declared audience alone."""
    audience = subject.provider.audience or subject.provider.token_endpoint
    with subject.played() as played:
        give_tokens(played)

        def check(issuer: str, user: str | None) -> None:
            claims = _claims(subject, played, _connect(played, issuer=issuer, subject=user))
            iss, aud, sub = (claims.get(name) for name in ("iss", "aud", "sub"))
            subject.require(iss == issuer, f"iss is {iss!r}, expected {issuer!r}")
            subject.require(aud in (audience, [audience]), f"aud is {aud!r}, not {audience!r}")
            # Some services want a sub of the account itself, too (§3, point 2).
            right = sub == user if user is not None else sub in (None, issuer)
            subject.require(right, f"sub is {sub!r}, and the client acts for {user!r}")

        users = st.one_of(st.none(), visible_text())
        subject.for_all(check, examples=subject.examples // 3, issuer=visible_text(), user=users)


@law("RFC 7523 §3", kind=AssertionProvider)
def assertion_lives_as_declared(subject: Subject) -> None:
    """``exp`` is the declared lifetime after ``iat``, which is now; both are whole seconds."""
    lifetime = subject.provider.lifetime
    with subject.played() as played:
        give_tokens(played)
        began = played.now

        def check(later: int) -> None:
            played.now = began + later + 0.75
            now = int(played.now)
            claims = _claims(subject, played, _connect(played))
            times = claims.get("exp"), claims.get("iat", now)
            whole = all(isinstance(one, int) and not isinstance(one, bool) for one in times)
            subject.require(whole, f"exp and iat are {times}: no whole numbers")
            wanted = now + lifetime, now
            subject.require(times == wanted, f"exp and iat are {times}, expected {wanted}")
            begins = claims.get("nbf", now)
            good = isinstance(begins, int) and begins <= now
            subject.require(good, f"nbf is {begins!r}, and now is {now}: it is good later only")

        subject.for_all(check, examples=subject.examples // 5, later=st.integers(0, 10**6))


@law("RFC 7523 §3", kind=AssertionProvider)
def assertion_is_made_anew(subject: Subject) -> None:
    """A client that has signed one assertion signs another later: the first one is over then."""
    with subject.played() as played:
        give_tokens(played)

        def check(later: int) -> None:
            client = _connect(played)
            first = _claims(subject, played, client).get("exp", 0)
            played.now += later
            second = _claims(subject, played, client).get("exp", 0)
            found = f"{later} seconds later exp is {second}, and was {first}"
            subject.require(second == first + later, found)

        subject.for_all(check, examples=subject.examples // 10, later=st.integers(1, 10**4))


@law("RFC 7519 §4", kind=AssertionProvider)
def assertion_holds_what_the_caller_added(subject: Subject) -> None:
    """Claims that a caller adds are in the assertion, to the letter."""
    with subject.played() as played:
        give_tokens(played)

        def check(added: dict[str, str]) -> None:
            claims = _claims(subject, played, _connect(played, claims=added))
            lost = {name: text for name, text in added.items() if claims.get(name) != text}
            subject.require(not lost, f"not there, or changed: {lost}")

        names = strategies.unicode_text(max_size=4).map("x{}".format)
        added = st.dictionaries(names, strategies.unicode_text(), max_size=2)
        subject.for_all(check, examples=subject.examples // 5, added=added)
