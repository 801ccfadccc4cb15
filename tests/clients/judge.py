"""An OAuth 1.0a server that oauthlib judges: none of our code is in its verdicts (RFC 5849 §3.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar
from urllib.parse import parse_qsl

import attrs
from aiohttp import web
from oauthlib.oauth1 import (
    AccessTokenEndpoint,
    RequestTokenEndpoint,
    RequestValidator,
    ResourceEndpoint,
)

# oauthlib decodes what is called oauth_… once more where it stands in a body or a query: a callback
# with an escape in it, and a PLAINTEXT signature made of secrets that need one, would be refused.
CLIENTS = {
    "client-identifier-0001": "client secret & more %",
    "client-identifier-0002": "client-secret-of-unreserved~letters",
}
CALLBACK = "https://app.example/cb?next=/home&n=é"
VERIFIER = "verifier-0001~é"
REALMS = ["Photos"]


class Accounts:
    """The accounts of one client and one user; remembers every nonce."""

    # Ours are 32 hexadecimal digits.
    nonce_length: ClassVar[tuple[int, int]] = (20, 40)
    client_key_length: ClassVar[tuple[int, int]] = (5, 60)
    request_token_length: ClassVar[tuple[int, int]] = (5, 60)
    access_token_length: ClassVar[tuple[int, int]] = (5, 60)
    verifier_length: ClassVar[tuple[int, int]] = (5, 60)
    safe_characters: ClassVar[set[str]] = {chr(code) for code in range(33, 0x250)}
    realms: ClassVar[list[str]] = REALMS
    timestamp_lifetime: ClassVar[int] = 600
    dummy_client: ClassVar[str] = "dummy-client"
    dummy_request_token: ClassVar[str] = "dummy-request-token"
    dummy_access_token: ClassVar[str] = "dummy-access-token"

    def __init__(self, public_key: str) -> None:
        super().__init__()
        self.public_key = public_key
        self.nonces: set[tuple[Any, ...]] = set()
        self.request_tokens: dict[str, str] = {}
        self.access_tokens: dict[str, str] = {}
        self.callbacks: list[str] = []

    def validate_client_key(self, client_key: str, request: Any) -> bool:
        """Know one client."""
        return client_key in CLIENTS

    def validate_request_token(self, client_key: str, token: str, request: Any) -> bool:
        """Know the request tokens given out."""
        return token in self.request_tokens

    def validate_access_token(self, client_key: str, token: str, request: Any) -> bool:
        """Know the access tokens given out."""
        return token in self.access_tokens

    def validate_timestamp_and_nonce(
        self,
        client_key: str,
        timestamp: str,
        nonce: str,
        request: Any,
        request_token: str | None = None,
        access_token: str | None = None,
    ) -> bool:
        """Refuse what was used before (§3.3)."""
        seen = (client_key, timestamp, nonce, request_token, access_token)
        fresh = seen not in self.nonces
        self.nonces.add(seen)
        return fresh

    def validate_redirect_uri(self, client_key: str, redirect_uri: str, request: Any) -> bool:
        """Take the registered callback, or none (§2.1)."""
        self.callbacks.append(redirect_uri)
        return redirect_uri in (CALLBACK, "oob")

    def validate_requested_realms(self, client_key: str, realms: list[str], request: Any) -> bool:
        """Take the realms there are."""
        return set(realms) <= set(REALMS)

    def validate_realms(self, *args: Any, **kwargs: Any) -> bool:
        """Give every token every realm."""
        return True

    def validate_verifier(self, client_key: str, token: str, verifier: str, request: Any) -> bool:
        """Take the one verifier (§2.3)."""
        return verifier == VERIFIER

    def get_default_realms(self, client_key: str, request: Any) -> list[str]:
        """Name the realms there are."""
        return REALMS

    def get_realms(self, token: str, request: Any) -> list[str]:
        """Name a token's realms."""
        return REALMS

    def get_client_secret(self, client_key: str, request: Any) -> str:
        """Return the client's secret."""
        return CLIENTS.get(client_key, "dummy")

    def get_request_token_secret(self, client_key: str, token: str, request: Any) -> str:
        """Return a request token's secret."""
        return self.request_tokens.get(token, "dummy")

    def get_access_token_secret(self, client_key: str, token: str, request: Any) -> str:
        """Return an access token's secret."""
        return self.access_tokens.get(token, "dummy")

    def get_rsa_key(self, client_key: str, request: Any) -> str:
        """Return the client's public key."""
        return self.public_key

    def save_request_token(self, token: dict[str, str], request: Any) -> None:
        """Keep what was given out."""
        self.request_tokens[token["oauth_token"]] = token["oauth_token_secret"]

    def save_access_token(self, token: dict[str, str], request: Any) -> None:
        """Keep what was given out."""
        self.access_tokens[token["oauth_token"]] = token["oauth_token_secret"]

    def invalidate_request_token(self, client_key: str, token: str, request: Any) -> None:
        """Let a request token be good once (§2.3)."""
        del self.request_tokens[token]


def make_validator(public_key: str) -> Any:
    """Make oauthlib's validator with these accounts; at run time, since its stubs differ from it."""
    return type("Validator", (Accounts, RequestValidator), {})(public_key)


@attrs.define(eq=False)
class Judge:
    """The service: two token endpoints, and resources that say whether the request was valid."""

    validator: Any
    verdicts: list[bool] = attrs.field(factory=list[bool], init=False)

    def app(self) -> web.Application:
        """Return the application to be served."""
        app = web.Application()
        app.router.add_route(
            "*",
            "/oauth/request_token",
            self._token(RequestTokenEndpoint, "create_request_token_response"),
        )
        app.router.add_route(
            "*",
            "/oauth/access_token",
            self._token(AccessTokenEndpoint, "create_access_token_response"),
        )
        app.router.add_route("*", "/{path:.*}", self.resource)
        return app

    def _token(self, endpoint: Any, method: str) -> Callable[[web.Request], Any]:
        respond = getattr(endpoint(self.validator), method)

        async def answer(request: web.Request) -> web.Response:
            headers, body, status = respond(*await as_sent(request))
            self.verdicts.append(status == 200)
            if status == 200 and "oauth_callback_confirmed" not in body:
                assert dict(parse_qsl(body))
            return web.Response(status=status, headers=headers, text=body or "")

        return answer

    async def resource(self, request: web.Request) -> web.Response:
        """Verify a request for a protected resource (§3.2)."""
        endpoint: Any = ResourceEndpoint(self.validator)
        valid, _ = endpoint.validate_protected_resource_request(
            *await as_sent(request), realms=REALMS
        )
        self.verdicts.append(valid)
        return web.Response(status=200 if valid else 401, body=await request.read())


async def as_sent(request: web.Request) -> tuple[str, str, str, dict[str, str]]:
    """Return URI, method, body and headers as they arrived."""
    uri = f"{'https' if request.secure else 'http'}://{request.host}{request.raw_path}"
    body = await request.read()
    return uri, request.method, body.decode("latin-1"), dict(request.headers)
