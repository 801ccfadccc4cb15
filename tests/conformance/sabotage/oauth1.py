"""Services of OAuth 1.0a whose declarations lose something on the wire or in an answer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import attrs

from conformance.sabotage.base_strings import declare
from conformance.saboteurs import Saboteur
from oauthkit import OAuth1Provider

Pairs = Iterable[tuple[Any, Any]]


@attrs.frozen(kw_only=True, repr=False)
class QueryForgotten(OAuth1Provider):
    """Signs the URL as it stands in the documentation, without its query."""

    def signature_base_string(
        self, method: str, url: str, oauth: Pairs, body: bytes = b"", kind: str | None = None, /
    ) -> str:
        """Cut the query off."""
        return super().signature_base_string(method, url.partition("?")[0], oauth, body, kind)


@attrs.frozen(kw_only=True, repr=False)
class CallbackUnsigned(OAuth1Provider):
    """Takes the callback for a parameter that is sent beside the others."""

    def signature_base_string(
        self, method: str, url: str, oauth: Pairs, body: bytes = b"", kind: str | None = None, /
    ) -> str:
        """Leave the callback out."""
        pairs = [pair for pair in oauth if pair[0] != "oauth_callback"]
        return super().signature_base_string(method, url, pairs, body, kind)


@attrs.frozen(kw_only=True, repr=False)
class VerifierUnsigned(OAuth1Provider):
    """Drops the verifier from what is signed, as OAuth 1.0 had none."""

    def signature_base_string(
        self, method: str, url: str, oauth: Pairs, body: bytes = b"", kind: str | None = None, /
    ) -> str:
        """Leave the verifier out."""
        pairs = [pair for pair in oauth if pair[0] != "oauth_verifier"]
        return super().signature_base_string(method, url, pairs, body, kind)


@attrs.frozen(kw_only=True, repr=False)
class AnswerNotDecoded(OAuth1Provider):
    """Splits the form of an answer and does not decode it."""

    def parse_token(self, body: bytes) -> Mapping[str, str]:
        """Split at the ampersands."""
        pairs = (piece.partition("=") for piece in body.decode().split("&"))
        return {name: value for name, _, value in pairs}


@attrs.frozen(kw_only=True, repr=False)
class TokenAsserted(OAuth1Provider):
    """Asserts that the answer holds a token, and raises AssertionError at the user."""

    def parse_token(self, body: bytes) -> Mapping[str, str]:
        """Read a form, and insist."""
        found = dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
        assert "oauth_token" in found
        return super().parse_token(body)


@attrs.frozen(kw_only=True, repr=False)
class ErrorTakenForToken(OAuth1Provider):
    """Takes any JSON object for token credentials."""

    def parse_token(self, body: bytes) -> Mapping[str, str]:
        """Return what is there."""
        return dict(json.loads(body)) if body.startswith(b"{") else super().parse_token(body)


SABOTEURS = [
    Saboteur("signed_request_is_verified_by_the_service", declare(QueryForgotten)),
    Saboteur("three_steps_lead_to_a_call", declare(CallbackUnsigned)),
    Saboteur("three_steps_lead_to_a_call", declare(VerifierUnsigned)),
    Saboteur("token_credentials_are_read_to_the_letter", declare(AnswerNotDecoded)),
    Saboteur("any_answer_gives_credentials_or_an_error", declare(TokenAsserted)),
    Saboteur("any_answer_gives_credentials_or_an_error", declare(ErrorTakenForToken)),
]
