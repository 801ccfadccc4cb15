"""The npm package oidc-provider in a process of its own, and a user who walks its redirects."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
from aiohttp import ClientSession, CookieJar
from yarl import URL

from oauthkit import AsyncOAuth2Client, OAuth2Provider, connect

__all__ = ["CALLBACK", "Server", "running", "visit"]

CALLBACK = "https://client.example/callback"

# Identifier and secret are what form encoding must keep apart (RFC 6749 §2.3.1).
BASIC = {"client_id": "basic:client+1", "client_secret": "a secret:with+all%20of &=/?~*'"}
POST = {"client_id": "post client", "client_secret": "another &secret=%3D+~"}
PUBLIC = {"client_id": "public"}

_CODE = {
    "redirect_uris": [CALLBACK],
    "response_types": ["code"],
    "grant_types": ["authorization_code", "refresh_token"],
    "scope": "openid offline_access read write",
}
_MACHINE: dict[str, Any] = {
    "redirect_uris": [],
    "response_types": [],
    "grant_types": ["client_credentials"],
    "scope": "read write",
}
_BY_METHOD: dict[str, dict[str, str]] = {
    "client_secret_basic": BASIC,
    "client_secret_post": POST,
    "none": PUBLIC,
}
_CLIENTS: list[dict[str, Any]] = [
    {**_CODE, **creds, "token_endpoint_auth_method": method} for method, creds in _BY_METHOD.items()
] + [
    {
        **_MACHINE,
        **creds,
        "client_id": f"{creds['client_id']} (machine)",
        "token_endpoint_auth_method": method,
    }
    for method, creds in _BY_METHOD.items()
    if creds is not PUBLIC
]


@attrs.frozen
class Server:
    """oidc-provider, and what its discovery document says (RFC 8414 §2)."""

    issuer: str
    metadata: dict[str, Any]

    def settings(self, method: str, grant_type: str = "authorization_code") -> dict[str, Any]:
        """Return the settings of the client that authenticates by *method*."""
        creds = dict(_BY_METHOD[method])
        if grant_type == "client_credentials":
            creds["client_id"] += " (machine)"
        endpoints = {
            name: self.metadata[name]
            for name in (
                "issuer",
                "authorization_endpoint",
                "token_endpoint",
                "revocation_endpoint",
                "introspection_endpoint",
            )
        }
        return {
            **creds,
            **endpoints,
            "api_base": self.issuer,
            "grant_type": grant_type,
            "token_endpoint_auth_method": method,
        }

    def connect(
        self,
        method: str,
        grant_type: str = "authorization_code",
        *,
        scope: str | None = None,
        **options: Any,
    ) -> AsyncOAuth2Client:
        """Return the client of the provider ``generic`` that authenticates by *method*."""
        settings = self.settings(method, grant_type)
        if grant_type == "authorization_code":
            options = {"redirect_uri": CALLBACK, **options}
        client: AsyncOAuth2Client = connect("generic", settings, scope=scope, **options)
        return client

    def declare(self, **changes: Any) -> OAuth2Provider:
        """Return a declaration that insists on ``iss`` in each callback (RFC 9207)."""
        iss = "authorization_response_iss_parameter_supported"
        assert self.metadata[iss] is True
        fields = self.settings("client_secret_basic")
        offered = (fields.pop("grant_type"), "refresh_token")
        fields = {name: value for name, value in fields.items() if name not in BASIC}
        fields |= {"name": "judge", "grant_types": offered, iss: True, **changes}
        return OAuth2Provider(**fields)


@contextmanager
def running() -> Generator[Server]:
    """Run the server until the block ends; where nox did not prepare it, fail and say so."""
    node, folder = os.environ.get("OAUTHKIT_NODE"), os.environ.get("OAUTHKIT_INTEROP")
    if node is None or folder is None:
        raise AssertionError("these tests need servers that nox installs: run `nox -s interop`")
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [node, "server.mjs"],
            cwd=Path(folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            encoding="utf-8",
        )
        # The server ends with its standard input, also when this process dies.
        with process:
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                process.stdin.write(json.dumps(_CLIENTS) + "\n")
                process.stdin.flush()
                issuer = process.stdout.readline().strip()
                if not issuer:
                    log.seek(0)
                    raise AssertionError(f"no server: {log.read().decode(errors='replace')}")
                yield Server(issuer, asyncio.run(_discover(issuer)))
            finally:
                process.stdin.close()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()


async def _discover(issuer: str) -> dict[str, Any]:
    url = f"{issuer}/.well-known/openid-configuration"
    async with ClientSession() as session, session.get(url) as answer:
        metadata: dict[str, Any] = await answer.json()
    assert issuer == metadata["issuer"]
    return metadata


async def visit(url: str) -> str:
    """Walk the redirects as a browser of its own would, and return the callback's URL."""
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as browser:
        for _ in range(10):
            async with browser.get(URL(url, encoded=True), allow_redirects=False) as answer:
                assert answer.status in {302, 303}, (answer.status, await answer.text())
                url = str(answer.url.join(URL(answer.headers["Location"], encoded=True)))
            if url.startswith(CALLBACK):
                return url
    raise AssertionError(f"no way back, last at {url}")
