"""A program that calls an API with a token from a shared store, once for each time it is told."""

from __future__ import annotations

import asyncio
import json
import sys
from types import SimpleNamespace
from typing import Any, cast

from oauthkit import OAuth2Provider, OAuthError, Token, connect
from oauthkit.testing.servers import session


async def main() -> None:
    """Read what there is to know, then a time in each line; say which token was used."""
    told: dict[str, Any] = json.loads(sys.stdin.readline())
    host = told["hosts"][0]
    service = OAuth2Provider(
        name="service",
        api_base=f"https://{host}",
        token_endpoint=f"https://{host}/token",
        grant_types=["authorization_code"],
        authorization_endpoint=f"https://{host}/authorize",
    )
    authority = SimpleNamespace(pem=told["pem"])
    played = SimpleNamespace(hosts=told["hosts"], port=told["port"], authority=authority)
    now = [0.0]
    async with session(cast("Any", played)) as http:
        client = connect(
            service,
            told["creds"],
            session=http,
            store=told["store"],
            account="alice",
            clock=lambda: now[0],
        )
        print("ready", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            now[0] = float(line)
            try:
                async with client.get("/me") as answer:
                    token = client.token or Token()
                    print(answer.status, token.get("access_token"), flush=True)
            except OAuthError as error:
                print("refused", error.error, flush=True)
        await client.close()


asyncio.run(main())
