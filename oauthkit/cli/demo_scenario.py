"""
Log users in and call, with OAuth 1.0a (RFC 5849), OAuth 2 (RFC 6749) and a service account.

This is what `oauthkit demo` runs, and what `oauthkit demo --source` prints: a program of its own,
written with public names. Saved to a file it runs as well. The servers are played on 127.0.0.1,
under the hosts that each provider declares; nothing leaves the machine.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import sys
import time
from collections.abc import AsyncIterator, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import attrs
from aiohttp import ClientSession

from oauthkit import (
    AssertionProvider,
    Client,
    ForeignOriginError,
    OAuth1Provider,
    Provider,
    connect,
    default_registry,
)
from oauthkit.testing.servers import AssertionServer, OAuth1Server, OAuth2Server

P = TypeVar("P", bound=Provider[Any])

CALLBACK = "https://app.example/back"
STATUS = "100 % tea & crème"
ALICE = {"data": {"id": "1", "name": "Alice", "username": "alice"}}
BUCKETS = "https://storage.googleapis.com/storage/v1/b"
READ = "https://www.googleapis.com/auth/devstorage.read_only"

# What pip would put into site-packages, and all of it.
DISTRIBUTION = {
    "oauthkit_demo.py": '''\
"""A provider is data."""

from oauthkit import OAuth1Provider

provider = OAuth1Provider(
    name="oauthkit-demo",
    title="Demo",
    temporary_credential_endpoint="https://demo.example/oauth/initiate",
    authorization_endpoint="https://demo.example/oauth/authorize",
    token_endpoint="https://demo.example/oauth/token",
    api_base="https://api.demo.example/v1/",
    signature_methods=("HMAC-SHA256",),
)
''',
    "oauthkit_demo-1.0.dist-info/METADATA": """\
Metadata-Version: 2.1
Name: oauthkit-demo
Version: 1.0
""",
    "oauthkit_demo-1.0.dist-info/entry_points.txt": """\
[oauthkit.providers]
oauthkit-demo = oauthkit_demo:provider
""",
}


@attrs.frozen(kw_only=True)
class Step:
    """
    One thing that was done.

    *server* has it in its log, where *requests* says that something was sent. *facts* are worth
    knowing; *expected* is what must be true by now.
    """

    code: str
    says: str
    server: OAuth1Server | OAuth2Server | AssertionServer
    client: Client
    requests: int = 1
    facts: Mapping[str, str] = {}
    expected: Mapping[str, bool] = {}


@attrs.define
class Clock:
    """The time, or what it will be *ahead* seconds from now."""

    ahead: float = 0.0

    def __call__(self) -> float:
        """Say what time it is."""
        return time.time() + self.ahead


def declared(name: str, kind: type[P]) -> P:
    """Find an installed provider."""
    provider = default_registry().get(name)
    if not isinstance(provider, kind):
        raise TypeError(f"{name} is no {kind.__name__}")
    return provider


async def installed_provider() -> AsyncIterator[Step]:
    """Use `twitter`, its declaration unchanged: a user logs in, then signed calls."""
    twitter = declared("twitter", OAuth1Provider)
    with OAuth1Server.for_provider(twitter) as server:
        creds = server.client_creds
        async with (
            server.session() as session,
            connect("twitter", creds, session=session, redirect_uri=CALLBACK) as x,
        ):
            yield Step(
                code='connect("twitter", creds, session=session, redirect_uri=CALLBACK)',
                says="A client is made. Nothing is sent.",
                server=server,
                client=x,
                requests=0,
                facts={
                    "api_base": twitter.api_base or "none",
                    "played on": f"127.0.0.1:{server.port}, TLS by an authority of this run",
                },
                expected={"unchanged declaration": x.provider is twitter},
            )

            await x.fetch_request_token()
            yield Step(
                code="await x.fetch_request_token()",
                says="Step one of three: a request token (RFC 5849 §2.1).",
                server=server,
                client=x,
            )

            url = x.create_authorization_url()
            callback = server.authorize(url, user="alice")  # what alice does in her browser
            x.parse_authorization_response(callback)
            yield Step(
                code="x.parse_authorization_response(callback)",
                says="Step two: alice is sent to the service, agrees, and comes back (§2.2).",
                server=server,
                client=x,
                requests=0,
                facts={"goes to": url, "comes back": callback},
                expected={"back at the callback": callback.startswith(CALLBACK)},
            )

            token = await x.fetch_access_token()
            yield Step(
                code="token = await x.fetch_access_token()",
                says="Step three: request token and verifier become an access token (§2.3).",
                server=server,
                client=x,
                expected={"the token is alice's": token.get("screen_name") == "alice"},
            )

            async with x.get("/2/users/me") as resp:
                answer = await resp.json()
            yield Step(
                code='x.get("/2/users/me")',
                says="A signed call, relative to the declaration's api_base (§3).",
                server=server,
                client=x,
                facts={"answer": json.dumps(answer)},
                expected={"alice answers": answer == ALICE},
            )

            async with x.post("/1.1/statuses/update.json", data={"status": STATUS}) as resp:
                answer = await resp.json()
            yield Step(
                code='x.post("/1.1/statuses/update.json", data={"status": STATUS})',
                says="The fields of a form are signed too, whatever is in them (§3.4.1.3).",
                server=server,
                client=x,
                facts={"STATUS": repr(STATUS)},
                expected={"the form arrived": answer.get("form") == [["status", STATUS]]},
            )

            async with x.post("/2/tweets", json={"text": STATUS}) as resp:
                answer = await resp.json()
            sent = hashlib.sha256(json.dumps({"text": STATUS}).encode()).hexdigest()
            yield Step(
                code='x.post("/2/tweets", json={"text": STATUS})',
                says="JSON is sent as it is; OAuth 1.0a does not sign it.",
                server=server,
                client=x,
                expected={"the body arrived intact": answer.get("body_sha256") == sent},
            )

            refusal = ""
            try:
                await x.get("https://elsewhere.example/2/users/me")
            except ForeignOriginError as error:
                refusal = str(error)
            yield Step(
                code='x.get("https://elsewhere.example/2/users/me")',
                says="A token goes to the declared origins only: this is refused, not sent.",
                server=server,
                client=x,
                requests=0,
                facts={"refused": refusal},
                expected={"ForeignOriginError": refusal != ""},
            )


@contextmanager
def distribution_on_path() -> Generator[None, None, None]:
    """Install the distribution as pip would, and remove it."""
    with TemporaryDirectory() as folder:
        for name, text in DISTRIBUTION.items():
            path = Path(folder, name)
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        sys.path.append(folder)
        default_registry().refresh()
        try:
            yield
        finally:
            sys.path.remove(folder)
            sys.modules.pop("oauthkit_demo", None)
            default_registry().refresh()


async def new_provider() -> AsyncIterator[Step]:
    """Install a provider of your own: three files on sys.path, found like any other."""
    with (
        distribution_on_path(),
        OAuth1Server.for_provider(declared("oauthkit-demo", OAuth1Provider)) as server,
    ):
        (entry,) = (e for e in default_registry().entries() if e.name == "oauthkit-demo")
        async with (
            server.session() as session,
            connect("oauthkit-demo", server.creds, session=session) as demo,
        ):
            yield Step(
                code='connect("oauthkit-demo", server.creds, session=session)',
                says="The name is found in files that were just written, as pip writes them.",
                server=server,
                client=demo,
                requests=0,
                facts={
                    "written": ", ".join(DISTRIBUTION),
                    "found": f"{entry.name} of {entry.distribution} {entry.version}",
                    "played on": f"127.0.0.1:{server.port}",
                },
                expected={"found by its entry point": entry.distribution == "oauthkit-demo"},
            )

            query = {"sort": "name", "tag": "tea & crème"}
            async with demo.get("albums", params=query) as resp:
                answer = await resp.json()
            yield Step(
                code='demo.get("albums", params=query)',
                says="Signed as its declaration says: HMAC-SHA256, over the query as sent.",
                server=server,
                client=demo,
                expected={"the query arrived": dict(answer.get("query", ())) == query},
            )

            async with (
                ClientSession(connector=server.connector(), middlewares=[demo.middleware]) as own,
                own.get("https://api.demo.example/v1/me") as resp,
            ):
                answer = await resp.json()
            yield Step(
                code='own.get("https://api.demo.example/v1/me")',
                says="The same signing on a session of your own: middlewares=[demo.middleware].",
                server=server,
                client=demo,
                expected={"alice is known": answer.get("user") == "alice"},
            )


async def any_server() -> AsyncIterator[Step]:
    """Use `generic`: any OAuth 2 server, its endpoints given; code and PKCE, then a renewal."""
    clock = Clock()
    hosts = ["login.demo.example", "api.demo.example"]
    with OAuth2Server(hosts=hosts, require_pkce=True, clock=clock) as server:
        creds = {
            "grant_type": "authorization_code",
            "api_base": "https://api.demo.example/v1/",
            **server.endpoints,
            **server.creds,
        }
        async with (
            server.session() as session,
            connect("generic", creds, session=session, redirect_uri=CALLBACK, clock=clock) as y,
        ):
            asked = y.create_authorization_url()
            verifier = (asked.code_verifier or "").encode()
            challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier).digest())
            callback = server.authorize(asked.url, user="alice")  # what alice does in her browser
            yield Step(
                code="asked = y.create_authorization_url()",
                says="Alice is sent away with a state and a challenge (RFC 7636 §4.3), and agrees.",
                server=server,
                client=y,
                requests=0,
                facts={"goes to": asked.url, "comes back": callback},
                expected={
                    "the challenge is the verifier's": challenge.rstrip(b"=").decode() in asked.url,
                    "back at the callback": callback.startswith(CALLBACK),
                },
            )

            token = await y.fetch_token(authorization_response=callback, request=asked)
            yield Step(
                code="await y.fetch_token(authorization_response=callback, request=asked)",
                says="The state is compared; code and verifier become a token (RFC 6749 §4.1.3).",
                server=server,
                client=y,
                expected={"with a refresh token": "refresh_token" in token},
            )

            async with y.get("albums") as resp:
                answer = await resp.json()
            yield Step(
                code='y.get("albums")',
                says="A call; the token goes into the header (RFC 6750 §2.1).",
                server=server,
                client=y,
                expected={"alice is known": answer.get("user") == "alice"},
            )

            clock.ahead += 7200
            async with y.get("albums", params={"page": "2"}) as resp:
                answer = await resp.json()
            renewed = y.token
            yield Step(
                code='y.get("albums", params={"page": "2"})',
                says="Two hours later: the token has expired, and is renewed before the call (§6).",
                server=server,
                client=y,
                requests=2,
                expected={
                    "another token": renewed is not None and renewed != token,
                    "alice is known": answer.get("user") == "alice",
                },
            )


async def service_account() -> AsyncIterator[Step]:
    """Use `google-service-account`, its declaration unchanged: a key speaks for itself."""
    google = declared("google-service-account", AssertionProvider)
    with AssertionServer.for_provider(google) as server:
        async with (
            server.session() as session,
            connect("google-service-account", server.key_file, session=session, scope=READ) as z,
        ):
            async with z.get(BUCKETS) as resp:
                answer = await resp.json()
            yield Step(
                code="z.get(BUCKETS)",
                says="An assertion is signed and exchanged (RFC 7523 §2.1), and the call made.",
                server=server,
                client=z,
                requests=2,
                facts={"asks for": READ},
                expected={
                    "unchanged declaration": z.provider is google,
                    "the account is known": answer.get("user") == server.client_email,
                },
            )

            async with z.get(BUCKETS, params={"prefix": "demo"}) as resp:
                answer = await resp.json()
            yield Step(
                code='z.get(BUCKETS, params={"prefix": "demo"})',
                says="The token is kept: the next call asks for none.",
                server=server,
                client=z,
                expected={"the account is known": answer.get("user") == server.client_email},
            )


PARTS = (installed_provider, new_provider, any_server, service_account)


async def main() -> None:
    """Run every part; what the servers checked is in their logs."""
    for part in PARTS:
        async for step in part():
            print(step.code)
            for exchange in step.server.log[len(step.server.log) - step.requests :]:
                for check in exchange.checks:
                    print("   ", "ok" if check.ok else "NOT OK", check.name, check.detail)
            for name, fulfilled in step.expected.items():
                print("   ", "ok" if fulfilled else "NOT OK", name)


if __name__ == "__main__":
    asyncio.run(main())
