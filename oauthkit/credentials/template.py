"""Settings of a template: a declaration and credentials in one flat mapping."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from oauthkit.credentials.loading import Fault, Given, Kind, explain, open_credentials
from oauthkit.credentials.oauth2 import FIELDS, SYNONYMS, OAuth2Credentials, find_faults
from oauthkit.errors import CredentialsError, DeclarationError

if TYPE_CHECKING:
    from oauthkit.provider import OAuth2Provider, OAuth2Template

__all__ = ["load_template"]

_SYNONYMS = {
    "access_token_url": "token_endpoint",
    "api_base_url": "api_base",
    "api_url": "api_base",
    "auth_method": "token_endpoint_auth_method",
    "auth_uri": "authorization_endpoint",
    "auth_url": "authorization_endpoint",
    "authorization_url": "authorization_endpoint",
    "authorize_url": "authorization_endpoint",
    "base_url": "api_base",
    "client_auth_method": "token_endpoint_auth_method",
    "grant": "grant_type",
    "hosts": "origins",
    "introspect_url": "introspection_endpoint",
    "introspection_url": "introspection_endpoint",
    "pkce": "code_challenge_method",
    "refresh_token_url": "token_endpoint",
    "revocation_url": "revocation_endpoint",
    "revoke_url": "revocation_endpoint",
    "token_uri": "token_endpoint",
    "token_url": "token_endpoint",
}


def load_template(
    template: OAuth2Template,
    creds: OAuth2Credentials | Given,
    *,
    environ: Mapping[str, str] = os.environ,
    auth_method: str | None = None,
) -> tuple[OAuth2Provider, OAuth2Credentials]:
    """
    Read the settings of *template*; return the provider that they declare, and the credentials.

    They are read from where credentials are. Raises CredentialsError, which lists all that is
    missing, unknown or invalid in both, and no value.
    """
    kind = _kind_of(template.settings)
    whose = template.name
    if isinstance(creds, OAuth2Credentials):
        hint = (
            "they say who, not where: pass a mapping with the endpoints in it, or declare an "
            "OAuth2Provider(…) and pass that in place of the name"
        )
        raise CredentialsError(whose, [("invalid", "creds", hint)])
    members, source = open_credentials(kind, whose, creds, environ)
    names = template.settings
    settings = {name: members[name] for name in names if members.get(name) is not None}
    faults: list[Fault] = []
    provider = None
    try:
        provider = template.declare(settings)
    except DeclarationError as exc:
        faults += [
            ("invalid" if field in settings else "missing", field, hint)
            for field, hint in exc.hints
        ]
    grant_type = provider.grant_types[0] if provider is not None else settings.get("grant_type")
    method = auth_method or settings.get("token_endpoint_auth_method")
    values = tuple(map(members.get, FIELDS))
    faults += find_faults(values, str(grant_type), None if method is None else str(method))
    if provider is None or faults or not kind.known.issuperset(members):
        # Out here, so that the declaration's own error, which shows values, is let go.
        firsts = {fault[1]: fault for fault in reversed(faults)}
        told = [fault for fault in faults if fault is firsts[fault[1]]]
        raise explain(kind, whose, members, source, told, environ)
    found: dict[str, Any] = dict(zip(FIELDS, values, strict=True))
    return provider, OAuth2Credentials(**found)


@lru_cache(maxsize=16)
def _kind_of(settings: tuple[str, ...]) -> Kind[OAuth2Credentials]:
    keys = (*settings, *FIELDS)
    return Kind(
        made=OAuth2Credentials,
        fields=keys,
        values_of=attrgetter(*FIELDS),
        keys=keys,
        synonyms={**SYNONYMS, **_SYNONYMS},
        known=frozenset(keys),
    )
