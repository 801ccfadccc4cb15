"""Declarations that show secrets, one mistake each (RFC 6749 §10.3, RFC 6819 §4.6.7)."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from conformance.saboteurs import Saboteur
from oauthkit import AssertionProvider, CallbackError, OAuth1Provider, OAuth2Provider, OAuthError

Pairs = Iterable[tuple[Any, Any]]


@attrs.frozen(kw_only=True, repr=False)
class FormLogged(OAuth2Provider):
    """Writes the form of a token request into the log, secret included."""

    def prepare_token(self, form: Mapping[str, str]) -> Mapping[str, str]:
        """Log."""
        logging.getLogger("sabotaged").debug("token request: %s", dict(form))
        return form


@attrs.frozen(kw_only=True, repr=False)
class LeftOverPrint(OAuth2Provider):
    """Prints what it is handed, as when it was written."""

    def prepare_token(self, form: Mapping[str, str]) -> Mapping[str, str]:
        """Print."""
        print(form)
        return form


@attrs.frozen(kw_only=True, repr=False)
class WarnsOfTheForm(OAuth2Provider):
    """Warns of members that it does not know, and quotes them."""

    def prepare_token(self, form: Mapping[str, str]) -> Mapping[str, str]:
        """Warn."""
        warnings.warn(f"unusual members: {dict(form)}", stacklevel=1)
        return form


@attrs.frozen(kw_only=True, repr=False)
class FormInTheError(OAuth2Provider):
    """Refuses a form that lacks something, and quotes the rest."""

    def prepare_token(self, form: Mapping[str, str]) -> Mapping[str, str]:
        """Look for what no request has."""
        if "audience" not in form:
            raise ValueError(f"no audience in {dict(form)}")
        return form


@attrs.frozen(kw_only=True, repr=False)
class CallbackInTheError(OAuth2Provider):
    """Says which callback it was that it could not read: the code is in it."""

    def read_callback(self, url: str) -> Mapping[str, str]:
        """Refuse all."""
        raise CallbackError(f"{url} cannot be read", error="invalid_request")


@attrs.frozen(kw_only=True, repr=False)
class AnswerInTheDescription(OAuth2Provider):
    """Describes a refusal by all of the answer, in which there may be tokens."""

    def parse_token(self, status: int, body: bytes, *, now: float) -> Mapping[str, Any]:
        """Quote the answer."""
        try:
            return super().parse_token(status, body, now=now)
        except OAuthError as error:
            told = body.decode(errors="replace")
            raise OAuthError("refused", error=error.error, error_description=told) from None


@attrs.frozen(kw_only=True, repr=False)
class AnswerInTheCause(OAuth1Provider):
    """Raises an error of ours from one that has the whole answer: ``JSONDecodeError.doc``."""

    def parse_token(self, body: bytes) -> Mapping[str, str]:
        """Take JSON, and nothing else."""
        try:
            found: dict[str, str] = json.loads(body)
        except ValueError as error:
            raise OAuthError("no JSON", error="invalid_response") from error
        return found


@attrs.frozen(kw_only=True, repr=False)
class BaseStringLogged(OAuth1Provider):
    """Logs what it signs: the token is part of it."""

    def signature_base_string(
        self, method: str, url: str, oauth: Pairs, body: bytes = b"", kind: str | None = None, /
    ) -> str:
        """Log."""
        made = super().signature_base_string(method, url, oauth, body, kind)
        logging.getLogger("sabotaged").info(made)
        return made


@attrs.frozen(kw_only=True, repr=False)
class RemembersTheForm(OAuth2Provider):
    """Keeps the last form, and shows it."""

    seen: dict[str, str] = attrs.field(factory=dict[str, str], init=False, eq=False)

    def prepare_token(self, form: Mapping[str, str]) -> Mapping[str, str]:
        """Keep it."""
        self.seen.update(form)
        return form

    def __repr__(self) -> str:
        return f"{super().__repr__()} {self.seen}"


@attrs.frozen(kw_only=True, repr=False)
class AssertionLogged(AssertionProvider):
    """Logs the assertion, which is as good as a token for an hour."""

    def prepare_token(self, form: Mapping[str, str]) -> Mapping[str, str]:
        """Log."""
        logging.getLogger("sabotaged").warning("exchanging %s", form["assertion"])
        return form


_HOSTS: dict[str, Any] = {
    "name": "sabotaged",
    "documentation": "https://developer.sabotaged.example/oauth",
    "token_endpoint": "https://login.sabotaged.example/token",
    "api_base": "https://api.sabotaged.example/v1/",
}
_USERS: dict[str, Any] = {
    **_HOSTS,
    "authorization_endpoint": "https://login.sabotaged.example/authorize",
}
_STEPS: dict[str, Any] = {
    **_USERS,
    "temporary_credential_endpoint": "https://login.sabotaged.example/request",
}

SABOTEURS = [
    Saboteur("no_secret_shows", FormLogged(**_USERS)),
    Saboteur("no_secret_shows", LeftOverPrint(**_USERS)),
    Saboteur("no_secret_shows", WarnsOfTheForm(**_USERS)),
    Saboteur("no_secret_shows", FormInTheError(**_USERS)),
    Saboteur("no_secret_shows", CallbackInTheError(**_USERS)),
    Saboteur("no_secret_shows", AnswerInTheDescription(**_USERS)),
    Saboteur("no_secret_shows", BaseStringLogged(**_STEPS)),
    Saboteur("no_secret_shows", RemembersTheForm(**_USERS)),
    Saboteur("no_secret_shows", AssertionLogged(**_HOSTS)),
    Saboteur("parse_token_quotes_nothing", AnswerInTheDescription(**_USERS)),
    Saboteur("parse_token_quotes_nothing", AnswerInTheCause(**_STEPS)),
]
