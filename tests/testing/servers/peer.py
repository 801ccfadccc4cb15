"""A client that is not ours: oauthlib signs, plain aiohttp sends, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
import attrs
import oauthlib.oauth1
from yarl import URL

from oauthkit.testing.servers import OAuth1Server

FORM = "application/x-www-form-urlencoded"


@attrs.frozen(kw_only=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        """Give the parsed body."""
        return json.loads(self.text)

    @property
    def form(self) -> dict[str, str]:
        """Give the parsed form body."""
        return dict(parse_qsl(self.text))


def signer(server: OAuth1Server, **options: Any) -> Any:
    """Make oauthlib's client with the server's ready credentials; *options* win over them."""
    settings: dict[str, Any] = {
        "client_secret": server.client_secret,
        "resource_owner_key": server.token,
        "resource_owner_secret": server.token_secret,
    }
    method = options.get("signature_method", "")
    if method.startswith("RSA"):
        settings["rsa_key"] = server.rsa_key
    settings.update(options)
    return oauthlib.oauth1.Client(settings.pop("client_key", server.client_id), **settings)


async def send(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    headers: Mapping[str, str] | None = None,
    body: bytes | str | None = None,
) -> Answer:
    """Send exactly this, follow nothing."""
    async with session.request(
        method,
        URL(url, encoded=True),
        headers=headers,
        data=body.encode() if isinstance(body, str) else body,
        allow_redirects=False,
    ) as response:
        return Answer(
            status=response.status, headers=response.headers.copy(), text=await response.text()
        )


async def signed(
    session: aiohttp.ClientSession,
    client: Any,
    url: str,
    method: str = "GET",
    body: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Let oauthlib sign a request, then send what it made of it."""
    target, fields, payload = client.sign(url, method, body, dict(headers or {}))
    return await send(session, method, target, fields, payload)
