"""Credentials of OAuth 1.0a: client, token, and a private key for the RSA methods (RFC 5849 §3)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING

import attrs

from oauthkit.credentials.loading import Fault, Given, Kind, find_flaw, is_visible, load
from oauthkit.errors import CredentialsError

if TYPE_CHECKING:
    from oauthkit.provider import OAuth1Provider

__all__ = ["OAuth1Credentials", "check_credentials", "load_oauth1"]


@attrs.frozen(kw_only=True)
class OAuth1Credentials:
    """
    The credentials of an OAuth 1.0a client, and of the user whose token it holds (RFC 5849 §1.1).

    *client_id* and *client_secret* are the consumer key and secret, *token* and *token_secret* the
    token credentials, where there are any already. *rsa_key* is a private key in PEM, for the RSA
    methods. *redirect_uri* is the callback, or ``oob``. Checked when a client is made of them.
    """

    client_id: str
    client_secret: str | None = attrs.field(default=None, repr=False)
    token: str | None = attrs.field(default=None, repr=False)
    token_secret: str | None = attrs.field(default=None, repr=False)
    rsa_key: str | None = attrs.field(default=None, repr=False)
    redirect_uri: str | None = None


_FIELDS = ("client_id", "client_secret", "token", "token_secret", "rsa_key", "redirect_uri")
_OPAQUE = frozenset(_FIELDS[:4])
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:.").match
_KIND = Kind(
    made=OAuth1Credentials,
    fields=_FIELDS,
    values_of=attrgetter(*_FIELDS),
    keys=_FIELDS,
    known=frozenset(_FIELDS),
    # What other libraries and the services' own sites call the same things.
    synonyms={
        "access_token": "token",
        "access_token_secret": "token_secret",
        "api_key": "client_id",
        "api_key_secret": "client_secret",
        "api_secret": "client_secret",
        "callback": "redirect_uri",
        "callback_uri": "redirect_uri",
        "callback_url": "redirect_uri",
        "consumer_key": "client_id",
        "consumer_secret": "client_secret",
        "oauth_consumer_key": "client_id",
        "oauth_token": "token",
        "oauth_token_secret": "token_secret",
        "private_key": "rsa_key",
        "resource_owner_key": "token",
        "resource_owner_secret": "token_secret",
    },
)


def load_oauth1(
    provider: OAuth1Provider,
    creds: OAuth1Credentials | Given,
    *,
    environ: Mapping[str, str] = os.environ,
    signature_method: str | None = None,
) -> OAuth1Credentials:
    """
    Read *creds* for *provider* and check them.

    What is needed depends on *signature_method*, by default the provider's first: a
    ``client_secret`` for HMAC and PLAINTEXT, an ``rsa_key`` for RSA. Raises CredentialsError.
    """
    method = signature_method or provider.signature_methods[0]
    return load(_KIND, provider.name, creds, partial(_find_faults, method=method), environ)


def check_credentials(
    whose: str, creds: OAuth1Credentials, *, signature_method: str
) -> OAuth1Credentials:
    """
    Return *creds* if they can sign with *signature_method*; *whose* they are names the error.

    Raises CredentialsError, which lists all that is missing or invalid, and no value.
    """
    faults = [
        (kind, field, hint or f"pass {field}=… to sign with {signature_method}")
        for kind, field, hint in _find_faults(_KIND.values_of(creds), signature_method)
    ]
    if faults:
        raise CredentialsError(whose, faults)
    return creds


def _find_faults(values: Sequence[object], method: str) -> Iterator[Fault]:
    """Find what is missing or invalid among the values of ``_FIELDS``, in this order."""
    client_id, client_secret, token, token_secret, rsa_key, _ = values
    rsa = str(method).startswith("RSA")
    if client_id is None:
        yield "missing", "client_id", ""
    if client_secret is None and not rsa:
        yield "missing", "client_secret", ""
    if token is None and token_secret is not None:
        yield "missing", "token", ""
    if token_secret is None and token is not None and not rsa:
        yield "missing", "token_secret", ""
    if rsa_key is None and rsa:
        yield "missing", "rsa_key", ""
    for field, value in zip(_FIELDS, values, strict=True):
        if value is not None and (what := _find_flaw(field, value)):
            yield "invalid", field, what


def _find_flaw(field: str, value: object) -> str:
    """Say what is wrong with a value, without a part of it; nothing where it is sound."""
    if field in _OPAQUE and isinstance(value, str) and is_visible(value):
        return ""
    if flaw := find_flaw(field, value):
        return flaw
    if field == "redirect_uri" and value != "oob":
        text = str(value)
        if " " in text or not _URI(text):
            return "expected an absolute URI, or oob (RFC 5849 §2.1)"
    return ""
