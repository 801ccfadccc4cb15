"""The accounts of an OAuth 2 server, in memory: what oauthlib asks of its validator (RFC 6749)."""

from __future__ import annotations

import time
from base64 import b64decode
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_plus

import attrs
from oauthlib.oauth2 import RequestValidator

__all__ = ["Accounts", "Registered", "make_accounts"]


@attrs.frozen(kw_only=True)
class Registered:
    """
    A client, as the server knows it (RFC 6749 §2).

    *method* is the one way in which it may authenticate; without a secret it is a public client.
    """

    client_id: str
    client_secret: str | None = None
    method: str = "client_secret_basic"
    grant_types: tuple[str, ...]
    scopes: tuple[str, ...]
    redirect_uris: tuple[str, ...] = ()
    pkce_required: bool = True
    rotates: bool = True


@attrs.frozen(kw_only=True)
class Code:
    """What a code was given out for (§4.1.2, RFC 7636 §4.4)."""

    client_id: str
    redirect_uri: str
    by_default: bool
    scopes: tuple[str, ...]
    user: str
    challenge: str | None
    method: str | None


@attrs.frozen(kw_only=True)
class Issued:
    """What a token is good for; *grant* is shared by those that came from one log-in."""

    client_id: str
    scopes: tuple[str, ...]
    user: str | None
    expires_at: float
    grant: str


@attrs.define(eq=False, slots=False)
class Accounts:
    """Clients, users, codes and tokens; every check is called by oauthlib, where it sees fit."""

    clients: dict[str, Registered] = attrs.field(factory=dict[str, Registered])
    users: dict[str, str] = attrs.field(factory=dict[str, str])
    clock: Callable[[], float] = time.time
    codes: dict[str, Code] = attrs.field(factory=dict[str, Code])
    access: dict[str, Issued] = attrs.field(factory=dict[str, Issued])
    refresh: dict[str, Issued] = attrs.field(factory=dict[str, Issued])

    # Clients.

    def client_authentication_required(self, request: Any) -> bool:
        """Let public clients in by their name alone (§3.2.1)."""
        client = self.clients.get(request.client_id or "")
        return client is None or client.client_secret is not None

    def authenticate_client(self, request: Any) -> bool:
        """Read the header or the form, one of them (§2.3), and compare with what is registered."""
        header = request.headers.get("Authorization")
        if header is not None:
            method, (client_id, secret) = "client_secret_basic", _read_basic(header)
            if request.client_secret is not None:
                return False
        else:
            method, client_id, secret = (
                "client_secret_post",
                request.client_id,
                request.client_secret,
            )
        client = self.clients.get(client_id or "")
        if client is None or (client.method, client.client_secret) != (method, secret):
            return False
        request.client = client
        return True

    def authenticate_client_id(self, client_id: str, request: Any) -> bool:
        """Take a public client that sends no secret."""
        client = self.clients.get(client_id)
        if client is None or client.client_secret is not None or client.method != "none":
            return False
        if request.client_secret is not None or request.headers.get("Authorization") is not None:
            return False
        request.client = client
        return True

    def validate_client_id(self, client_id: str, request: Any) -> bool:
        """Know the client that sends a user."""
        request.client = self.clients.get(client_id)
        return request.client is not None

    def validate_grant_type(
        self, client_id: str, grant_type: str, client: Registered, request: Any
    ) -> bool:
        """Take the grants that the client is registered for."""
        return grant_type in client.grant_types

    def validate_response_type(
        self, client_id: str, response_type: str, client: Registered, request: Any
    ) -> bool:
        """Take ``code`` from those that may log users in (§4.1.1)."""
        return response_type == "code" and "authorization_code" in client.grant_types

    def validate_scopes(
        self, client_id: str, scopes: list[str], client: Registered, request: Any
    ) -> bool:
        """Take the scopes that the client is registered for."""
        return set(scopes) <= set(client.scopes)

    def get_default_scopes(self, client_id: str, request: Any) -> list[str]:
        """Give the client's first scope where none is asked for (§3.3)."""
        return list(request.client.scopes[:1])

    # Log-ins.

    def validate_redirect_uri(self, client_id: str, redirect_uri: str, request: Any) -> bool:
        """Take a registered URI, compared as text (§3.1.2.3)."""
        return redirect_uri in self.clients[client_id].redirect_uris

    def get_default_redirect_uri(self, client_id: str, request: Any) -> str | None:
        """Give the only URI that is registered."""
        registered = self.clients[client_id].redirect_uris
        return registered[0] if len(registered) == 1 else None

    def is_pkce_required(self, client_id: str, request: Any) -> bool:
        """Ask for a challenge where the client is registered so."""
        return self.clients[client_id].pkce_required

    def save_authorization_code(self, client_id: str, code: dict[str, str], request: Any) -> None:
        """Keep what the code was given out for."""
        self.codes[code["code"]] = Code(
            client_id=client_id,
            redirect_uri=request.redirect_uri,
            by_default=request.using_default_redirect_uri,
            scopes=tuple(request.scopes),
            user=request.user,
            challenge=request.code_challenge,
            method=request.code_challenge_method,
        )

    def validate_code(self, client_id: str, code: str, client: Registered, request: Any) -> bool:
        """Know the code, and whose it is."""
        found = self.codes.get(code)
        if found is None or found.client_id != client.client_id:
            return False
        request.user, request.scopes = found.user, list(found.scopes)
        return True

    def get_code_challenge(self, code: str, request: Any) -> str | None:
        """Return the challenge that the code was asked for with."""
        return self.codes[code].challenge

    def get_code_challenge_method(self, code: str, request: Any) -> str | None:
        """Return the method of that challenge."""
        return self.codes[code].method

    def confirm_redirect_uri(
        self, client_id: str, code: str, redirect_uri: str, client: Registered, request: Any
    ) -> bool:
        """Take the URI of the authorization request, and none where that had none (§4.1.3)."""
        found = self.codes[code]
        return (found.redirect_uri, found.by_default) == (
            redirect_uri,
            request.using_default_redirect_uri,
        )

    def invalidate_authorization_code(self, client_id: str, code: str, request: Any) -> None:
        """Let a code be good once (§4.1.2)."""
        del self.codes[code]

    def validate_user(self, username: str, password: str, client: Registered, request: Any) -> bool:
        """Compare a user's password (§4.3.2)."""
        request.user = username
        return self.users.get(username) == password

    # Tokens.

    def save_token(self, token: dict[str, Any], request: Any) -> None:
        """Keep what was given out; a refresh token that was replaced is good no more (§6)."""
        spent = self.refresh.get(request.refresh_token or "")
        grant = spent.grant if spent is not None else token["access_token"]
        issued = Issued(
            client_id=request.client.client_id,
            scopes=tuple(request.scopes),
            user=request.user,
            expires_at=self.clock() + token["expires_in"],
            grant=grant,
        )
        self.access[token["access_token"]] = issued
        if newer := token.get("refresh_token"):
            if spent is not None and newer != request.refresh_token:
                del self.refresh[request.refresh_token]
            # A refresh token keeps the scope that was granted (§6).
            self.refresh.setdefault(newer, spent or issued)

    def validate_refresh_token(self, refresh_token: str, client: Registered, request: Any) -> bool:
        """Know the refresh token, and whose it is."""
        found = self.refresh.get(refresh_token)
        if found is None or found.client_id != client.client_id:
            return False
        request.user = found.user
        return True

    def rotate_refresh_token(self, request: Any) -> bool:
        """Replace refresh tokens where the client is registered so."""
        return bool(request.client.rotates)

    def get_original_scopes(self, refresh_token: str, request: Any) -> list[str]:
        """Return the scope that was granted."""
        return list(self.refresh[refresh_token].scopes)

    def validate_bearer_token(self, token: str | None, scopes: list[str], request: Any) -> bool:
        """Take a token that is known, fresh and wide enough (RFC 6750 §3.1)."""
        found = self.access.get(token or "")
        if found is None or found.expires_at <= self.clock() or not set(scopes) <= {*found.scopes}:
            return False
        request.user, request.client_id = found.user, found.client_id
        return True

    def revoke_token(self, token: str, token_type_hint: str | None, request: Any) -> None:
        """End a token of this client's; with a refresh token all of its grant (RFC 7009 §2.1)."""
        found = self.refresh.get(token)
        if found is not None and found.client_id == request.client.client_id:
            del self.refresh[token]
            ended = [name for name, one in self.access.items() if one.grant == found.grant]
        else:
            one = self.access.get(token)
            ended = [token] if one and one.client_id == request.client.client_id else []
        for name in ended:
            del self.access[name]

    def introspect_token(
        self, token: str, token_type_hint: str | None, request: Any
    ) -> dict[str, Any] | None:
        """Explain a token, of whatever kind it is (RFC 7662 §2.2)."""
        found = self.access.get(token) or self.refresh.get(token)
        if found is None:
            return None
        return {
            "scope": " ".join(found.scopes),
            "client_id": found.client_id,
            "username": found.user,
            "exp": int(found.expires_at),
        }


def make_accounts(**fields: Any) -> Accounts:
    """Make accounts that are oauthlib's validator; at run time, since its stubs differ from it."""
    validator: Any = type("Validator", (Accounts, RequestValidator), {})
    made: Accounts = validator(**fields)
    return made


def _read_basic(header: str) -> tuple[str | None, str | None]:
    """Read what §2.3.1 wants: both form-encoded, joined by a colon, in base64 (RFC 7617 §2)."""
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() != "basic":
        return None, None
    try:
        user, _, password = b64decode(credentials, validate=True).decode("ascii").partition(":")
        return unquote_plus(user, errors="strict"), unquote_plus(password, errors="strict")
    except ValueError:
        return None, None
