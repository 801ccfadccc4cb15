"""Authorization servers that rotate refresh tokens, and revoke a family whose token comes twice."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import attrs
from aiohttp import ClientSession

from crash.gate import Family, Gate, standing
from interop.oidc import CALLBACK, PUBLIC, running, visit
from oauthkit.testing.servers import OAuth2Server

__all__ = ["SERVICES", "Service", "embedded", "oidc"]

_SCOPE = "openid offline_access read"


@attrs.define(eq=False, kw_only=True)
class Service:
    """A server behind its *gate*; *log_in* gives the token of a user who has just logged in."""

    name: str
    gate: Gate
    client_id: str
    resource: str
    log_in: Callable[[str], Mapping[str, Any]]

    def family(self, account: str) -> tuple[Family, Mapping[str, Any]]:
        """Have *account* log in."""
        token = self.log_in(account)
        return self.gate.family(token["refresh_token"], token["access_token"]), token

    def lives(self, family: Family) -> bool:
        """Ask the server itself, at its resource, whether *family*'s newest access token is good."""
        return asyncio.run(self._ask(family.access_token)) == 200

    async def _ask(self, token: str) -> int:
        url = f"http://127.0.0.1:{self.gate.port}{self.resource}"
        fields = {"Authorization": f"Bearer {token}"}
        async with ClientSession() as session, session.get(url, headers=fields) as answer:
            return answer.status


@contextmanager
def embedded() -> Generator[Service]:
    """Run the embedded server, which shares no code with the client."""
    with (
        OAuth2Server(hosts=["127.0.0.1"], auth_methods=["none"]) as server,
        standing(server.port, server.token_path) as gate,
    ):
        yield Service(
            name="embedded",
            gate=gate,
            client_id=server.client_id,
            resource=server.userinfo_path,
            log_in=server.issue,
        )


@contextmanager
def oidc() -> Generator[Service]:
    """Run the npm package oidc-provider."""
    with running() as server:
        endpoint: str = server.metadata["token_endpoint"]
        userinfo: str = server.metadata["userinfo_endpoint"]
        parts = urlsplit(endpoint)
        assert parts.port is not None
        with standing(parts.port, parts.path) as gate:
            yield Service(
                name="oidc-provider",
                gate=gate,
                client_id=PUBLIC["client_id"],
                resource=urlsplit(userinfo).path,
                log_in=lambda _: asyncio.run(_walk(server.metadata)),
            )


SERVICES = {"embedded": embedded, "oidc-provider": oidc}


async def _walk(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    """Log a user in by the code flow (RFC 6749 §4.1, RFC 7636 §4.2), without oauthkit."""
    verifier = secrets.token_urlsafe(40)
    digest = hashlib.sha256(verifier.encode()).digest()
    asked = {
        **PUBLIC,
        "response_type": "code",
        "redirect_uri": CALLBACK,
        "scope": _SCOPE,
        "prompt": "consent",
        "state": "s",
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    callback = await visit(f"{metadata['authorization_endpoint']}?{urlencode(asked)}")
    form = {
        **PUBLIC,
        "grant_type": "authorization_code",
        "code": parse_qs(urlsplit(callback).query)["code"][0],
        "redirect_uri": CALLBACK,
        "code_verifier": verifier,
    }
    endpoint = metadata["token_endpoint"]
    async with ClientSession() as session, session.post(endpoint, data=form) as answer:
        token: dict[str, Any] = await answer.json()
    assert answer.status == 200, token
    return token
