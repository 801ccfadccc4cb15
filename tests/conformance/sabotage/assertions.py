"""Services whose declarations sign something else, one mistake each (RFC 7523)."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import attrs

from conformance.saboteurs import Saboteur
from oauthkit import AssertionProvider, OAuthError

Claims = Mapping[str, Any]
Form = Mapping[str, str]


def declare(kind: type[AssertionProvider], **fields: Any) -> AssertionProvider:
    """Declare a service of *kind*: nothing but the overridden method is wrong."""
    return kind(
        name="sabotaged",
        documentation="https://developer.sabotaged.example/service-accounts",
        token_endpoint="https://api.sabotaged.example/token",
        api_base="https://api.sabotaged.example/v1/",
        alg="ES256",
        **fields,
    )


@attrs.frozen(kw_only=True, repr=False)
class AssertionOfAClient(AssertionProvider):
    """Sends the assertion as the client's own authentication (RFC 7523 §2.2), which it is not."""

    def prepare_token(self, form: Form) -> Form:
        """Rename the member, and the grant."""
        return {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": form["assertion"],
        }


@attrs.frozen(kw_only=True, repr=False)
class ScopeLost(AssertionProvider):
    """Makes the claims anew, and forgets that the scope is one of them."""

    def prepare_claims(self, claims: Claims) -> Claims:
        """Pick what the RFC names."""
        return {
            name: claims[name] for name in ("iss", "sub", "aud", "iat", "exp") if name in claims
        }


@attrs.frozen(kw_only=True, repr=False)
class ScopeTwice(AssertionProvider):
    """Puts a scope into the claims, and leaves it in the form."""

    def prepare_claims(self, claims: Claims) -> Claims:
        """Add a scope that nobody asked for."""
        return {**claims, "scope": "everything"}


@attrs.frozen(kw_only=True, repr=False)
class EncodedTwice(AssertionProvider):
    """Encodes the assertion once more, as the service's form of another grant wants it."""

    def prepare_token(self, form: Form) -> Form:
        """Encode what is base64url already."""
        encoded = base64.urlsafe_b64encode(form["assertion"].encode()).decode()
        return {**form, "assertion": encoded}


@attrs.frozen(kw_only=True, repr=False)
class SignatureCut(AssertionProvider):
    """Sends what an example prints of an assertion, on a page that cuts long lines."""

    def prepare_token(self, form: Form) -> Form:
        """Lose the end of the signature."""
        return {**form, "assertion": form["assertion"][:-8]}


@attrs.frozen(kw_only=True, repr=False)
class WrongAudience(AssertionProvider):
    """Means the API, which does not exchange assertions."""

    def prepare_claims(self, claims: Claims) -> Claims:
        """Set another audience."""
        return {**claims, "aud": self.api_base}


@attrs.frozen(kw_only=True, repr=False)
class AudienceOfMany(AssertionProvider):
    """Means another service as well, which can then pass the assertion off as its own."""

    def prepare_claims(self, claims: Claims) -> Claims:
        """Add an audience."""
        return {**claims, "aud": [claims["aud"], "https://other.example"]}


@attrs.frozen(kw_only=True, repr=False)
class IssuerInPlaceOfUser(AssertionProvider):
    """Says that the account acts for itself, for whomever it acts."""

    def prepare_claims(self, claims: Claims) -> Claims:
        """Set the subject."""
        return {**claims, "sub": claims["iss"]}


@attrs.frozen(kw_only=True, repr=False)
class IssuerInLowerCase(AssertionProvider):
    """Writes the issuer in lower case, as mail addresses are often written."""

    def prepare_claims(self, claims: Claims) -> Claims:
        """Change the issuer."""
        return {**claims, "iss": claims["iss"].lower()}


@attrs.frozen(kw_only=True, repr=False)
class ExpTooLate(AssertionProvider):
    """Has assertions live for a day, whatever is declared: the service takes an hour."""

    def prepare_claims(self, claims: Claims) -> Claims:
        """Set the time of expiry."""
        return {**claims, "exp": claims["iat"] + 86_400}


@attrs.frozen(kw_only=True, repr=False)
class ExpAsText(AssertionProvider):
    """Writes the time of expiry as text."""

    def prepare_claims(self, claims: Claims) -> Claims:
        """Make text of a number."""
        return {**claims, "exp": str(claims["exp"])}


@attrs.frozen(kw_only=True, repr=False)
class NotYet(AssertionProvider):
    """Takes ``nbf`` for another name of ``exp``: the assertion is good when it is over."""

    def prepare_claims(self, claims: Claims) -> Claims:
        """Set the time before which it is not good."""
        return {**claims, "nbf": claims["exp"]}


@attrs.frozen(kw_only=True, repr=False)
class Milliseconds(AssertionProvider):
    """Counts times in milliseconds."""

    def prepare_claims(self, claims: Claims) -> Claims:
        """Multiply what is in seconds."""
        return {**claims, "iat": claims["iat"] * 1000, "exp": claims["exp"] * 1000}


@attrs.frozen(kw_only=True, repr=False)
class SignedOnce(AssertionProvider):
    """Keeps the claims, since signing takes a while: they are those of the first day for ever."""

    kept: list[Claims] = attrs.field(factory=list[Claims], init=False, eq=False)

    def prepare_claims(self, claims: Claims) -> Claims:
        """Return what was signed first."""
        self.kept.append(claims)
        return self.kept[0]


@attrs.frozen(kw_only=True, repr=False)
class OwnClaimsAlone(AssertionProvider):
    """Signs the claims that its author knew, and drops what the caller added."""

    def prepare_claims(self, claims: Claims) -> Claims:
        """Pick what the service documents."""
        known = ("iss", "sub", "aud", "iat", "exp", "scope")
        return {name: claims[name] for name in known if name in claims}


@attrs.frozen(kw_only=True, repr=False)
class JsonExpected(AssertionProvider):
    """Reads JSON where the service may be down, and answers with a page."""

    def parse_token(self, status: int, body: bytes, *, now: float) -> Claims:
        """Raise ValueError for anything else."""
        found: dict[str, Any] = json.loads(body)
        if "access_token" not in found:
            raise OAuthError("there is no token", error=str(found.get("error")))
        return super().parse_token(status, body, now=now)


@attrs.frozen(kw_only=True, repr=False)
class ExpiryAsText(AssertionProvider):
    """Hands the lifetime on as text."""

    def parse_token(self, status: int, body: bytes, *, now: float) -> Claims:
        """Make text of a number."""
        token = super().parse_token(status, body, now=now)
        return {**token, "expires_in": str(token.get("expires_in", 3600))}


SABOTEURS = [
    Saboteur("assertion_request_holds_what_was_asked", declare(AssertionOfAClient)),
    Saboteur("assertion_request_holds_what_was_asked", declare(ScopeLost, scope_in_claims=True)),
    Saboteur("assertion_request_holds_what_was_asked", declare(ScopeTwice)),
    Saboteur("assertion_is_signed_as_declared", declare(EncodedTwice)),
    Saboteur("assertion_is_signed_as_declared", declare(SignatureCut)),
    Saboteur("assertion_says_who_asks_for_whom", declare(WrongAudience)),
    Saboteur("assertion_says_who_asks_for_whom", declare(AudienceOfMany)),
    Saboteur("assertion_says_who_asks_for_whom", declare(IssuerInPlaceOfUser)),
    Saboteur("assertion_says_who_asks_for_whom", declare(IssuerInLowerCase)),
    Saboteur("assertion_lives_as_declared", declare(ExpTooLate)),
    Saboteur("assertion_lives_as_declared", declare(ExpAsText)),
    Saboteur("assertion_lives_as_declared", declare(NotYet)),
    Saboteur("assertion_lives_as_declared", declare(Milliseconds)),
    Saboteur("assertion_is_made_anew", declare(SignedOnce)),
    Saboteur("assertion_holds_what_the_caller_added", declare(OwnClaimsAlone)),
    Saboteur("any_token_answer_gives_a_token_or_an_error_of_ours", declare(JsonExpected)),
    Saboteur("expiry_is_a_number_of_seconds", declare(ExpiryAsText)),
]
