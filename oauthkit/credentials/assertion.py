"""Credentials of assertion clients: an issuer and its private key (RFC 7523 §3)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache, partial
from operator import attrgetter
from typing import TYPE_CHECKING

import attrs

from oauthkit.credentials.loading import Fault, Given, Kind, find_flaw, is_visible, load
from oauthkit.provider.assertion import find_stray

if TYPE_CHECKING:
    from oauthkit.provider import AssertionProvider

__all__ = ["AssertionCredentials", "load_assertion"]


@attrs.frozen(kw_only=True)
class AssertionCredentials:
    """
    The credentials of a client that signs assertions: a service account, for one (RFC 7523 §3).

    *issuer* is the assertion's ``iss``, *private_key* the key in PEM that it is signed with,
    *key_id* the key's name (``kid``, RFC 7515 §4.1.4). *subject* is the ``sub``, where the client
    acts for somebody. *scope* is what to ask for. *token_endpoint* is where assertions are
    exchanged, if not where the provider says; it must lie at an origin of the provider's. Checked
    when a client is made of them.
    """

    issuer: str
    private_key: str = attrs.field(repr=False)
    key_id: str | None = None
    subject: str | None = None
    scope: str | None = None
    token_endpoint: str | None = None


_FIELDS: tuple[str, ...] = tuple(field.name for field in attrs.fields(AssertionCredentials))
_SYNONYMS = {
    "client_email": "issuer",
    "client_id": "issuer",
    "delegate": "subject",
    "iss": "issuer",
    "key": "private_key",
    "kid": "key_id",
    "pem": "private_key",
    "private_key_id": "key_id",
    "rsa_key": "private_key",
    "scopes": "scope",
    "service_account": "issuer",
    "service_account_email": "issuer",
    "sub": "subject",
    "token_uri": "token_endpoint",
    "token_url": "token_endpoint",
}

_Pairs = tuple[tuple[str, str], ...]


def load_assertion(
    provider: AssertionProvider,
    creds: AssertionCredentials | Given,
    *,
    environ: Mapping[str, str] = os.environ,
    origins: tuple[str, ...] = (),
) -> AssertionCredentials:
    """
    Read *creds* for *provider*, under the names of its key files, and check them.

    A token endpoint among them must lie at an origin that the provider declares, or at one of
    *origins*: a signed assertion goes to no address that only a file names. Raises
    CredentialsError.
    """
    kind = _kind_of(
        provider.credential_names, provider.ignored_credentials, provider.credential_constants
    )
    check = partial(_find_faults, provider=provider, origins=origins)
    return load(kind, provider.name, creds, check, environ)


@lru_cache(maxsize=64)
def _kind_of(
    names: _Pairs, ignored: tuple[str, ...], constants: _Pairs
) -> Kind[AssertionCredentials]:
    """Return what credentials are called in the key files of one service."""
    keys = {**{field: field for field in _FIELDS}, **dict(names)}
    others = {**_SYNONYMS, **{field: field for field in _FIELDS}}
    return Kind(
        made=AssertionCredentials,
        fields=_FIELDS,
        values_of=attrgetter(*_FIELDS),
        keys=tuple(keys.values()),
        synonyms={name: keys[field] for name, field in others.items()},
        known=frozenset({*keys.values(), *ignored, *(key for key, _ in constants)}),
        constants=constants,
    )


def _find_faults(
    values: Sequence[object], provider: AssertionProvider, origins: tuple[str, ...]
) -> Iterator[Fault]:
    """Find what is missing or invalid among the values of ``_FIELDS``, in this order."""
    issuer, private_key, *_, token_endpoint = values
    if issuer is None:
        yield "missing", "issuer", ""
    if private_key is None:
        yield "missing", "private_key", ""
    for field, value in zip(_FIELDS, values, strict=True):
        if value is not None and not _is_plain(field, value) and (what := find_flaw(field, value)):
            yield "invalid", field, what
            if field == "token_endpoint":
                return
    if token_endpoint in (None, provider.token_endpoint):
        return
    if what := find_stray(provider, str(token_endpoint), origins):
        yield "invalid", "token_endpoint", what


def _is_plain(field: str, value: object) -> bool:
    return field != "private_key" and isinstance(value, str) and is_visible(value) is not None
